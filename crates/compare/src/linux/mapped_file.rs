//! A file as memory.
//!
//! This is the only file of the crate with `unsafe` in it: no safe library maps a file, for others
//! might change it meanwhile. Nobody else can open this one.
#![allow(unsafe_code)]

use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, open};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use std::ffi::c_void;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::ptr::{NonNull, null_mut};

/// A private file without a name, with room on the disk for every byte, mapped shared.
#[derive(Debug)]
pub(super) struct MappedFile {
    address: NonNull<u8>,
    bytes: usize,
}

impl MappedFile {
    /// One of so many bytes, more than none, on the disk of a directory.
    pub(super) fn new(directory: &Path, bytes: usize) -> io::Result<Self> {
        // EXCL: it never gets a name.
        let flags = OFlags::TMPFILE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(directory, flags, Mode::RUSR | Mode::WUSR)?;
        fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the address is the kernel's to choose, so no other memory is replaced.
        let address = unsafe { mmap(null_mut(), bytes, access, MapFlags::SHARED, &file, 0) }?;
        let address = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { address, bytes })
    }

    /// Tells the kernel to read no more than what is asked for.
    pub(super) fn is_used_at_random(&mut self) -> io::Result<()> {
        let address = self.address.as_ptr().cast::<c_void>();
        // SAFETY: the whole of this mapping, of which this advice changes no byte.
        Ok(unsafe { madvise(address, self.bytes, Advice::Random) }?)
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has these bytes until it is dropped, all with room on the disk; the
        // file has no name and its descriptor is closed, so nobody else changes it or cuts it off.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.bytes) }
    }
}

impl DerefMut for MappedFile {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the exclusive borrow of this value is that of its bytes.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.bytes) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: this mapping is ours, and no reference to it outlives this value.
        let _ = unsafe { munmap(self.address.as_ptr().cast::<c_void>(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_zeros_at_first_keeps_what_is_written_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut file = MappedFile::new(directory.path(), 3 << 12).expect("a mapped file");
        assert!(file.len() == 3 << 12 && file.iter().all(|byte| *byte == 0));
        file[5000] = 7;
        assert_eq!(file[5000], 7);
        assert_eq!(directory.path().read_dir().expect("a listing").count(), 0);
    }

    #[test]
    fn a_disk_without_room_is_told_before_anything_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(MappedFile::new(directory.path(), 1 << 60).is_err());
    }
}
