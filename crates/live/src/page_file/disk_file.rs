//! A private file: it has no name, and goes with the last who has it open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Advice, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;

use super::buffer::{Buffer, BufferPool};
use super::options::Direct;
use super::storage::{Storage, write_whole};
use crate::memory::PAGE_BYTES;

/// Writes through the page cache after which all that is clean in it is forgotten: 8 MiB of
/// clusters, which is little beside what they come from, and enough for the disk to keep up.
const FORGET_EVERY: u32 = 32;

/// A file without a name.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: OwnedFd,
    is_direct: bool,
    writes: AtomicU32,
    /// Set aside, since a thread that faults may be who makes room.
    zeros: Buffer,
}

impl DiskFile {
    /// An empty file in a directory, readable and writable by its owner alone.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn create(directory: &Path, direct: Direct) -> Result<Self, Errno> {
        let flags = OFlags::TMPFILE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
            // The file system or the kernel does not know files without a name.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => create_named(directory)?,
            opened => opened?,
        };
        Self::new(file, direct)
    }

    fn new(file: OwnedFd, direct: Direct) -> Result<Self, Errno> {
        // Aligned as direct I/O wants it.
        let pool = BufferPool::new(2)?;
        let (Some(zeros), Some(mut other)) = (pool.take(), pool.take()) else {
            return Err(Errno::NOMEM);
        };
        let is_direct = direct == Direct::Auto && takes_direct(&file, &mut other)?;
        if !is_direct {
            // What is read ahead by the kernel would be kept by it.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        }
        Ok(Self { file, is_direct, writes: AtomicU32::new(0), zeros })
    }

    /// Whether it goes around the page cache.
    pub(crate) const fn is_direct(&self) -> bool {
        self.is_direct
    }

    fn forget(&self, offset: u64, bytes: Option<u64>) {
        // The advice also begins to write what is dirty; refusing it costs memory, not bytes.
        let bytes = bytes.and_then(std::num::NonZeroU64::new);
        let _ = rustix::fs::fadvise(&self.file, offset, bytes, Advice::DontNeed);
    }

    /// Makes room by writing zeros: where the file system can do no better.
    fn fill(&self, from: u64, to: u64) -> Result<(), Errno> {
        let zeros = &self.zeros;
        let mut at = from;
        while at < to {
            let bytes = usize::try_from(to - at).unwrap_or(usize::MAX).min(zeros.len());
            write_whole(self, &zeros[..bytes], at)?;
            at += bytes as u64;
        }
        Ok(())
    }

    fn reserve(&self, from: u64, to: u64) -> Result<(), Errno> {
        loop {
            match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), from, to - from) {
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return self.fill(from, to),
                reserved => return reserved,
            }
        }
    }
}

impl Storage for DiskFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let read = rustix::io::pread(&self.file, bytes, offset)?;
        if !self.is_direct {
            self.forget(offset, Some(read as u64));
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        rustix::io::pwrite(&self.file, bytes, offset)
    }

    fn allocate(&self, from: u64, to: u64) -> Result<(), Errno> {
        self.reserve(from, to).inspect_err(|_| {
            // Part of it may have been found; whatever this says, the first error is the reason.
            let _ = rustix::fs::ftruncate(&self.file, from);
        })
    }

    fn wrote(&self, offset: u64, bytes: u64) {
        if self.is_direct {
            return;
        }
        self.forget(offset, Some(bytes));
        if self.writes.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.forget(0, None);
        }
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

/// Opens a file under a name that nobody can guess, and takes the name away at once.
fn create_named(directory: &Path) -> Result<OwnedFd, Errno> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, GetRandomFlags::empty())?;
    let path = directory.join(format!(".memtide-{:016x}", u64::from_ne_bytes(random)));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::fs::unlink(&path)?;
    Ok(file)
}

/// Makes an empty file go around the page cache, if a page then comes back as it was written.
fn takes_direct(file: &OwnedFd, buffer: &mut Buffer) -> Result<bool, Errno> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    if rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT).is_err() {
        return Ok(false);
    }
    let (written, read) = buffer[..2 * PAGE_BYTES].split_at_mut(PAGE_BYTES);
    written.fill(0x5a);
    let is_whole = |count| count == Ok(PAGE_BYTES);
    let works = is_whole(rustix::io::pwrite(file, &*written, 0))
        && is_whole(rustix::io::pread(file, &mut *read, 0))
        && written == read;
    rustix::fs::ftruncate(file, 0)?;
    if !works {
        rustix::fs::fcntl_setfl(file, flags)?;
    }
    Ok(works)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_on_disk(file: &DiskFile) -> u64 {
        let found = rustix::fs::fstat(&file.file).expect("stat");
        u64::try_from(found.st_blocks).expect("blocks") * 512
    }

    #[test]
    fn a_named_file_has_no_name_left_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = create_named(folder.path()).expect("a file");
        let found = rustix::fs::fstat(&opened).expect("stat");
        assert_eq!((found.st_mode & 0o777, found.st_nlink), (0o600, 0));
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }

    #[test]
    fn writing_zeros_makes_the_same_room_as_the_file_system_does() {
        let folder = tempfile::tempdir().expect("a folder");
        for direct in [Direct::Auto, Direct::Never] {
            let file = DiskFile::create(folder.path(), direct).expect("a file");
            file.write_at(&file.zeros[..PAGE_BYTES], 0).expect("a write");
            file.fill(PAGE_BYTES as u64, 600 << 10).expect("room");
            rustix::fs::fsync(&file.file).expect("on the disk");
            let found = rustix::fs::fstat(&file.file).expect("stat");
            assert_eq!(found.st_size, 600 << 10);
            assert!(bytes_on_disk(&file) >= 600 << 10);
        }
    }
}
