//! Memory of our own, and nobody else's.

use std::ffi::c_void;

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use super::origin::Origin;
use super::shared::{SharedMemory, Sharing};

/// Anonymous private memory, unmapped when dropped.
///
/// The kernel charges nothing for it before it is touched, never makes huge pages of it, and
/// leaves it out of a child of fork, where an access is a segmentation fault and a call fails with
/// ESRCH.
#[derive(Debug)]
pub(crate) struct Reservation {
    /// Its provenance is exposed, so that pages of it can be reached by their address.
    address: usize,
    bytes: usize,
    origin: Origin,
}

impl Reservation {
    /// Reserves so many bytes, whole pages, readable and writable.
    ///
    /// # Errors
    /// EINVAL where it isn't some whole pages; ENOMEM where the address space, or the count of
    /// mappings, is used up.
    pub(crate) fn new(bytes: u64) -> Result<Self, Errno> {
        if !bytes.is_multiple_of(PAGE_SIZE) {
            return Err(Errno::INVAL);
        }
        let bytes = usize::try_from(bytes).map_err(|_| Errno::NOMEM)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let origin = Origin::here()?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        let base =
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), bytes, access, flags)? };
        let this = Self { address: base.expose_provenance(), bytes, origin };
        this.keep_apart(0, bytes)?;
        Ok(this)
    }

    /// Whether the process may have some mappings more: one that is taken apart by another, and
    /// without which that could not be undone.
    ///
    /// # Errors
    /// ENOMEM where it may not.
    pub(crate) fn try_room() -> Result<(), Errno> {
        let three = Self::new(3 * PAGE_SIZE)?;
        let (offset, bytes) = three.within(PAGE_SIZE, PAGE_SIZE)?;
        three.advise(offset, bytes, Advice::LinuxDoFork)
    }

    /// The address of its first byte.
    pub(crate) const fn address(&self) -> u64 {
        self.address as u64
    }

    /// Its size in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Drops what pages hold: they are missing then.
    ///
    /// # Errors
    /// EINVAL where they are locked in memory, or not whole pages of the reservation.
    pub(crate) fn discard(&self, offset: u64, bytes: u64) -> Result<(), Errno> {
        let (offset, bytes) = self.within(offset, bytes)?;
        self.advise(offset, bytes, Advice::LinuxDontNeed)
    }

    /// Maps pages of a file, from one of its pages on, in place of what was here; nobody may access
    /// them until [`open`](Self::open) says so.
    ///
    /// # Errors
    /// ENOMEM where the count of mappings is used up; EINVAL where they are not whole pages of the
    /// reservation. All is as it was then.
    pub(crate) fn map_file(
        &self,
        (offset, bytes): (u64, u64),
        file: &SharedMemory,
        page: u64,
        sharing: Sharing,
    ) -> Result<(), Errno> {
        let (offset, bytes) = self.within(offset, bytes)?;
        let how = match sharing {
            Sharing::Shared => MapFlags::SHARED,
            Sharing::Copied => MapFlags::PRIVATE,
        };
        let flags = how | MapFlags::NORESERVE | MapFlags::FIXED;
        let (at, access, from) = (self.pointer(offset), ProtFlags::empty(), page * PAGE_SIZE);
        // SAFETY: the range is within our own mapping, and no reference into it outlives a call of
        // the owner.
        unsafe { rustix::mm::mmap(at, bytes, access, flags, file.file(), from)? };
        Ok(())
    }

    /// Maps pages of the reservation's own again where a file was mapped, which are missing; nobody
    /// may access them until [`open`](Self::open) says so.
    ///
    /// # Errors
    /// As [`map_file`](Self::map_file).
    pub(crate) fn unmap_file(&self, offset: u64, bytes: u64) -> Result<(), Errno> {
        let (offset, bytes) = self.within(offset, bytes)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        let (at, access) = (self.pointer(offset), ProtFlags::empty());
        // SAFETY: as above.
        unsafe { rustix::mm::mmap_anonymous(at, bytes, access, flags)? };
        Ok(())
    }

    /// Opens pages that were just mapped, once their faults are handled; executable or not.
    ///
    /// # Errors
    /// As [`set_executable`](Self::set_executable).
    pub(crate) fn open(&self, offset: u64, bytes: u64, executes: bool) -> Result<(), Errno> {
        let (start, length) = self.within(offset, bytes)?;
        self.keep_apart(start, length)?;
        self.set_executable(offset, bytes, executes)
    }

    /// No huge pages, and none for a child of fork.
    fn keep_apart(&self, offset: usize, bytes: usize) -> Result<(), Errno> {
        match self.advise(offset, bytes, Advice::LinuxNoHugepage) {
            // A kernel without huge pages.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
        self.advise(offset, bytes, Advice::LinuxDontFork)
    }

    /// Lets instructions be fetched from pages, or not; they stay readable and writable.
    ///
    /// A range of its own protection is a mapping of its own for the kernel, which allows some
    /// 65000, and MOVE refuses (EINVAL) ranges of two mappings or of unlike protection.
    ///
    /// # Errors
    /// EACCES where a security policy forbids it; ENOMEM where the count of mappings is used up;
    /// EINVAL where they are not whole pages of the reservation.
    pub(crate) fn set_executable(&self, offset: u64, bytes: u64, on: bool) -> Result<(), Errno> {
        let (offset, bytes) = self.within(offset, bytes)?;
        let plain = MprotectFlags::READ | MprotectFlags::WRITE;
        let access = if on { plain | MprotectFlags::EXEC } else { plain };
        // SAFETY: the range is within our own mapping, and stays readable and writable.
        unsafe { rustix::mm::mprotect(self.pointer(offset), bytes, access) }
    }

    /// Lets no access through to pages until they are [made executable](Self::set_executable) or
    /// not: each is a segmentation fault, and a system call fails with EFAULT.
    ///
    /// # Errors
    /// As [`Reservation::set_executable`].
    pub(crate) fn set_unreachable(&self, offset: u64, bytes: u64) -> Result<(), Errno> {
        let (offset, bytes) = self.within(offset, bytes)?;
        let access = MprotectFlags::empty();
        // SAFETY: the range is within our own mapping, and nothing of ours is in it: only a program
        // that is to have an exception meets the signal.
        unsafe { rustix::mm::mprotect(self.pointer(offset), bytes, access) }
    }

    fn advise(&self, offset: usize, bytes: usize, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the range is within our own mapping. Of the advice given above only DONTNEED
        // changes what memory holds, and no reference into it outlives a call of the owner.
        unsafe { rustix::mm::madvise(self.pointer(offset), bytes, advice) }
    }

    fn within(&self, offset: u64, bytes: u64) -> Result<(usize, usize), Errno> {
        if !self.origin.is_here() {
            return Err(Errno::SRCH);
        }
        let end = offset.checked_add(bytes).ok_or(Errno::INVAL)?;
        let whole = offset.is_multiple_of(PAGE_SIZE) && bytes.is_multiple_of(PAGE_SIZE);
        if end > self.bytes() || !whole {
            return Err(Errno::INVAL);
        }
        let offset = usize::try_from(offset).map_err(|_| Errno::INVAL)?;
        Ok((offset, usize::try_from(bytes).map_err(|_| Errno::INVAL)?))
    }

    fn pointer(&self, offset: usize) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.address + offset)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // A child's own memory may be there by now.
        if !self.origin.is_here() {
            return;
        }
        // SAFETY: the mapping is ours, and whoever uses its addresses keeps the reservation.
        let unmapped = unsafe { rustix::mm::munmap(self.pointer(0), self.bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of a mapping of our own: {unmapped:?}");
    }
}
