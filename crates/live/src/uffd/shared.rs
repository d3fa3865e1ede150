//! Memory that several places map: a file in memory that nobody else can reach.

use std::ffi::c_void;

use memtide_core::page::PAGE_SIZE;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::origin::Origin;

/// Whether writes through a mapping reach the file, or make copies of the mapping's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Writes are everybody's.
    Shared,
    /// Writes are the mapping's own.
    Copied,
}

/// A file in memory, of a size that nobody can change, and a mapping of all of it.
///
/// A page takes memory from when it is written until it is discarded. Who maps it elsewhere does
/// so by [`Reservation::map_file`](super::Reservation::map_file). A child of fork inherits the
/// file, but no mapping of it, and here every call fails with ESRCH.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    file: OwnedFd,
    /// Its provenance is exposed, so that pages of it can be reached by their address.
    address: usize,
    bytes: usize,
    origin: Origin,
}

impl SharedMemory {
    /// So many bytes, whole pages, none of which takes memory yet.
    ///
    /// # Errors
    /// Those of memfd_create(2), ftruncate(2), fcntl(2) and mmap(2).
    pub(crate) fn new(bytes: u64) -> Result<Self, Errno> {
        let length = usize::try_from(bytes).map_err(|_| Errno::NOMEM)?;
        let origin = Origin::here()?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::NOEXEC_SEAL;
        let file = rustix::fs::memfd_create(c"memtide-section", flags)?;
        rustix::fs::ftruncate(&file, bytes)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        let base = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), length, access, flags, file.as_fd(), 0)?
        };
        let this = Self { file, address: base.expose_provenance(), bytes: length, origin };
        this.advise(Advice::LinuxDontFork)?;
        match this.advise(Advice::LinuxNoHugepage) {
            // A kernel without huge pages.
            Ok(()) | Err(Errno::INVAL) => Ok(this),
            Err(error) => Err(error),
        }
    }

    /// The address of a page in a mapping that stays, which is there as long as it was not
    /// discarded.
    pub(crate) const fn page(&self, page: u64) -> u64 {
        self.address as u64 + page * PAGE_SIZE
    }

    /// The file.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Gives a page its bytes.
    ///
    /// # Errors
    /// ENOSPC or ENOMEM where the machine has no memory left.
    pub(crate) fn write(&self, page: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.check()?;
        loop {
            match rustix::io::pwrite(&self.file, bytes, page * PAGE_SIZE) {
                Ok(written) if written == bytes.len() => return Ok(()),
                Ok(_) => return Err(Errno::NOSPC),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a page out of memory, wherever it is mapped.
    ///
    /// # Errors
    /// Those of fallocate(2).
    pub(crate) fn discard(&self, page: u64) -> Result<(), Errno> {
        self.check()?;
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&self.file, hole, page * PAGE_SIZE, PAGE_SIZE)
    }

    fn check(&self) -> Result<(), Errno> {
        if self.origin.is_here() { Ok(()) } else { Err(Errno::SRCH) }
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the range is our own mapping, and neither advice changes what memory holds.
        unsafe { rustix::mm::madvise(self.pointer(), self.bytes, advice) }
    }

    fn pointer(&self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.address)
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // A child's own memory may be there by now.
        if !self.origin.is_here() {
            return;
        }
        // SAFETY: the mapping is ours, and whoever uses its addresses keeps it.
        let unmapped = unsafe { rustix::mm::munmap(self.pointer(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of a mapping of our own: {unmapped:?}");
    }
}
