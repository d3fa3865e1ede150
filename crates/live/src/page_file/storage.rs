//! What lies beneath a page file: bytes at offsets.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

/// Bytes at offsets, all multiples of a page.
///
/// It is used in signal handlers: reading and writing allocate nothing and hold no lock.
pub(crate) trait Storage: Send + Sync {
    /// Reads at most so many bytes; fewer are no error.
    ///
    /// # Errors
    /// What the kernel says.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize, Errno>;

    /// Writes at most so many bytes; fewer are no error.
    ///
    /// # Errors
    /// What the kernel says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno>;

    /// Makes room from where it ends to a further end; where this fails, it ends where it did.
    ///
    /// # Errors
    /// What the kernel says, such as ENOSPC.
    fn allocate(&self, from: u64, to: u64) -> Result<(), Errno>;

    /// Bytes were written: whatever keeps them in memory may let them go.
    fn wrote(&self, offset: u64, bytes: u64);

    /// The file that it is, if writes may go there by other ways as well.
    fn file(&self) -> Option<BorrowedFd<'_>>;
}

/// Reads all of it.
///
/// # Errors
/// What the kernel says; EIO where the file ends before.
pub(crate) fn read_whole(from: &dyn Storage, bytes: &mut [u8], offset: u64) -> Result<(), Errno> {
    let mut done = 0;
    while done < bytes.len() {
        match from.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of it.
///
/// # Errors
/// What the kernel says; EIO where it takes nothing more and says nothing.
pub(crate) fn write_whole(into: &dyn Storage, bytes: &[u8], offset: u64) -> Result<(), Errno> {
    let mut done = 0;
    while done < bytes.len() {
        match into.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    into.wrote(offset, bytes.len() as u64);
    Ok(())
}
