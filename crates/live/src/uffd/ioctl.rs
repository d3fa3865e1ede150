//! The ioctls of a userfaultfd that has its features.

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater};

use super::{Uffd, abi};

/// How far a call over a range got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a call may stop partway"]
pub(crate) struct Moved {
    /// What was done, from the beginning of the range, in bytes.
    pub(crate) bytes: u64,
    /// What the page after them was refused for; `None` where the whole range is done.
    pub(crate) stopped: Option<Errno>,
}

impl Moved {
    /// What was done, in pages.
    pub(crate) const fn pages(&self) -> u64 {
        self.bytes / PAGE_SIZE
    }
}

impl Uffd {
    /// Hands the faults of a range to this userfaultfd: missing pages, and writes to protected
    /// ones.
    ///
    /// # Errors
    /// EBUSY where another has it; EINVAL where it isn't page by page anonymous memory.
    pub(crate) fn register(&self, at: u64, bytes: u64) -> Result<(), Errno> {
        self.register_as(at, bytes, abi::REGISTER_MODE_MISSING | abi::REGISTER_MODE_WP)
    }

    /// Lets pages of a range be moved and copied to, without handing over its faults: a missing
    /// page of it reads as zeros, as of any memory. What pages are moved out to needs it.
    ///
    /// # Errors
    /// As [`Uffd::register`].
    pub(crate) fn register_target(&self, at: u64, bytes: u64) -> Result<(), Errno> {
        self.register_as(at, bytes, abi::REGISTER_MODE_WP)
    }

    /// Hands the faults of a mapping of a file in memory to this userfaultfd: pages that the file
    /// lacks, pages that it has and the mapping lacks, and writes to protected ones.
    ///
    /// # Errors
    /// As [`Uffd::register`].
    pub(crate) fn register_shared(&self, at: u64, bytes: u64) -> Result<(), Errno> {
        let missing = abi::REGISTER_MODE_MISSING | abi::REGISTER_MODE_MINOR;
        self.register_as(at, bytes, missing | abi::REGISTER_MODE_WP)
    }

    fn register_as(&self, at: u64, bytes: u64, mode: u64) -> Result<(), Errno> {
        let range = abi::Range { start: at, bytes };
        let mut register = abi::Register { range, mode, ioctls: 0 };
        self.ioctl::<{ abi::UFFDIO_REGISTER }, _>(&mut register)
    }

    /// Takes a range back: the kernel resolves its faults again, by zeros.
    ///
    /// # Errors
    /// EINVAL where the range isn't page by page memory that can be registered.
    #[cfg(test)]
    pub(crate) fn unregister(&self, at: u64, bytes: u64) -> Result<(), Errno> {
        let mut range = abi::Range { start: at, bytes };
        self.ioctl::<{ abi::UFFDIO_UNREGISTER }, _>(&mut range)
    }

    /// Moves pages, which leaves their source missing; threads that wait for them are woken where
    /// `wake` says so.
    ///
    /// `to` must be registered. They arrive writable and dirty, even those that were protected.
    ///
    /// Stops at a source that is missing (ENOENT), pinned or shared with a child (EBUSY), at a
    /// destination that is present (EEXIST), where the two ranges differ in their protection or
    /// one is locked in memory (EINVAL), where the memory map is changing (EAGAIN).
    pub(crate) fn move_pages(&self, to: u64, from: u64, bytes: u64, wake: bool) -> Moved {
        let mut begun = 0;
        loop {
            let (to, from) = (to + begun, from + begun);
            let mode = wake_mode(wake);
            let moved = self.transfer::<{ abi::UFFDIO_MOVE }>(to, from, bytes - begun, mode);
            begun += moved.bytes;
            let (to, from) = (to + moved.bytes, from + moved.bytes);
            match moved.stopped {
                // Linux 6.18 moves a page whose entry the processor has just changed at the second
                // try, and then tells that it was there already.
                Some(Errno::EXIST) if is_present(to) && !is_present(from) => {
                    if wake {
                        let _ = self.wake(to, PAGE_SIZE);
                    }
                    begun += PAGE_SIZE;
                }
                stopped => return Moved { bytes: begun, stopped },
            }
            if begun == bytes {
                return Moved { bytes, stopped: None };
            }
        }
    }

    /// Copies pages to where none are, write-protected where `write_protected` says so.
    ///
    /// `to` must be registered; `from` may be any readable memory.
    ///
    /// Stops at a destination that is present (EEXIST), at a source that can't be read (EFAULT),
    /// where the memory map is changing (EAGAIN).
    pub(crate) fn copy(
        &self,
        to: u64,
        from: u64,
        bytes: u64,
        write_protected: bool,
        wake: bool,
    ) -> Moved {
        let protect = if write_protected { abi::COPY_MODE_WP } else { 0 };
        self.transfer::<{ abi::UFFDIO_COPY }>(to, from, bytes, wake_mode(wake) | protect)
    }

    /// Maps a page that the file behind a mapping has, write-protected where `write_protected` says
    /// so; who waits for it is not woken.
    ///
    /// Stops where it is mapped already (EEXIST), and where the file lacks it (EFAULT).
    pub(crate) fn map_of_file(&self, at: u64, write_protected: bool) -> Moved {
        let protect = if write_protected { abi::CONTINUE_MODE_WP } else { 0 };
        self.fill::<{ abi::UFFDIO_CONTINUE }>(at, PAGE_SIZE, abi::MODE_DONTWAKE | protect)
    }

    /// Maps pages of zeros where none are, and wakes who waits for them.
    ///
    /// They are the kernel's one page of zeros: the first write to each takes a fault that the
    /// kernel resolves by itself, unless they are write-protected.
    ///
    /// Stops at a page that is present (EEXIST), where the memory map is changing (EAGAIN).
    #[cfg(test)]
    pub(crate) fn zero_page(&self, to: u64, bytes: u64) -> Moved {
        self.fill::<{ abi::UFFDIO_ZEROPAGE }>(to, bytes, 0)
    }

    /// Makes missing pages ones whose every access is a memory error, and wakes who waits for them.
    ///
    /// The error is SIGBUS, with the code BUS_MCEERR_AR, or, from a kernel built without
    /// CONFIG_MEMORY_FAILURE, BUS_ADRERR, as of a missing page in the thread that faults. System
    /// calls fail with EHWPOISON or EFAULT.
    ///
    /// Stops at a page that is present (EEXIST).
    pub(crate) fn poison(&self, at: u64, bytes: u64) -> Moved {
        self.fill::<{ abi::UFFDIO_POISON }>(at, bytes, 0)
    }

    /// Protects the present pages of a range from writes, or allows them; allowing wakes who waits
    /// where `wake` says so.
    ///
    /// # Errors
    /// ENOENT where the range isn't registered, EAGAIN where the memory map is changing.
    pub(crate) fn write_protect(
        &self,
        at: u64,
        bytes: u64,
        on: bool,
        wake: bool,
    ) -> Result<(), Errno> {
        let mode = match (on, wake) {
            (true, _) => abi::WRITEPROTECT_MODE_WP,
            (false, true) => 0,
            (false, false) => abi::WRITEPROTECT_MODE_DONTWAKE,
        };
        let range = abi::Range { start: at, bytes };
        let mut protect = abi::WriteProtect { range, mode };
        self.ioctl::<{ abi::UFFDIO_WRITEPROTECT }, _>(&mut protect)
    }

    /// Wakes who waits for a range; they try again.
    ///
    /// # Errors
    /// EINVAL where the range isn't made of whole pages.
    pub(crate) fn wake(&self, at: u64, bytes: u64) -> Result<(), Errno> {
        let mut range = abi::Range { start: at, bytes };
        self.ioctl::<{ abi::UFFDIO_WAKE }, _>(&mut range)
    }

    fn transfer<const OPCODE: Opcode>(&self, to: u64, from: u64, bytes: u64, mode: u64) -> Moved {
        repeat(bytes, |begun| {
            let (to, from) = (to + begun, from + begun);
            let mut transfer = abi::Transfer { to, from, bytes: bytes - begun, mode, done: 0 };
            let result = self.ioctl::<OPCODE, _>(&mut transfer);
            (result, transfer.done)
        })
    }

    fn fill<const OPCODE: Opcode>(&self, at: u64, bytes: u64, mode: u64) -> Moved {
        repeat(bytes, |begun| {
            let range = abi::Range { start: at + begun, bytes: bytes - begun };
            let mut fill = abi::Fill { range, mode, done: 0 };
            let result = self.ioctl::<OPCODE, _>(&mut fill);
            (result, fill.done)
        })
    }

    fn ioctl<const OPCODE: Opcode, T>(&self, argument: &mut T) -> Result<(), Errno> {
        if !self.is_of_this_process() {
            return Err(Errno::SRCH);
        }
        // SAFETY: the callers above name the type that the kernel expects for the opcode; the
        // argument lives through the call.
        let request = unsafe { Updater::<OPCODE, T>::new(argument) };
        // SAFETY: as above. What the request does to memory is what its caller asks for, who owns
        // the ranges: see the module.
        unsafe { rustix::ioctl::ioctl(&self.file, request) }
    }
}

/// Whether there is a page at an address, as far as can be told.
fn is_present(at: u64) -> bool {
    let at = std::ptr::with_exposed_provenance_mut(usize::try_from(at).unwrap_or(0));
    let mut states = [0_u8];
    // SAFETY: the call writes a byte for the one page that it is asked about, and reads none of it.
    let result = unsafe { libc::mincore(at, 1, states.as_mut_ptr()) };
    result == 0 && states[0] & 1 != 0
}

const fn wake_mode(wake: bool) -> u64 {
    if wake { 0 } else { abi::MODE_DONTWAKE }
}

/// Goes on after a call that stopped partway: the kernel tells the reason only to a call whose
/// first page is refused.
fn repeat(bytes: u64, mut step: impl FnMut(u64) -> (Result<(), Errno>, i64)) -> Moved {
    let mut begun = 0;
    while begun < bytes {
        let (result, done) = step(begun);
        match (result, u64::try_from(done)) {
            (Ok(()), _) => break,
            (Err(Errno::AGAIN), Ok(done)) if done > 0 => begun += done,
            (Err(error), _) => return Moved { bytes: begun, stopped: Some(error) },
        }
    }
    Moved { bytes, stopped: None }
}
