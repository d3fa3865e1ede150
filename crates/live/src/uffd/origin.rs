//! Which process it was that made a thing: a child of fork has copies of its parent's handles, and
//! must not use them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

/// A process, among its ancestors and children of fork.
///
/// A child of vfork, such as one of posix_spawn before it executes, uses its parent's memory and
/// counts as its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u64);

const UNKNOWN: u64 = 0;

/// The address of a word that the kernel sets to zero in a child of fork.
static WORD: OnceLock<Result<usize, Errno>> = OnceLock::new();

/// The last number given out; a child goes on from its parent's.
static LAST: AtomicU64 = AtomicU64::new(UNKNOWN);

impl Origin {
    /// This process.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub(crate) fn here() -> Result<Self, Errno> {
        let address = (*WORD.get_or_init(new_page))?;
        let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let known =
            word(address).compare_exchange(UNKNOWN, next, Ordering::Relaxed, Ordering::Relaxed);
        Ok(Self(known.err().unwrap_or(next)))
    }

    /// Whether this process is it.
    pub(crate) fn is_here(self) -> bool {
        now() == self.0
    }

    /// Whether this process is any: whether it has made anything of its own.
    pub(crate) fn is_any_here() -> bool {
        now() != UNKNOWN
    }
}

fn now() -> u64 {
    match WORD.get() {
        Some(Ok(address)) => word(*address).load(Ordering::Relaxed),
        _ => UNKNOWN,
    }
}

fn word(address: usize) -> &'static AtomicU64 {
    // SAFETY: the first word of the page below, aligned, never unmapped, reached as an atomic only.
    unsafe { &*std::ptr::with_exposed_provenance(address) }
}

fn new_page() -> Result<usize, Errno> {
    const BYTES: usize = 4096;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no other, and to wipe it
    // in children changes nothing here.
    unsafe {
        let page =
            rustix::mm::mmap_anonymous(std::ptr::null_mut(), BYTES, access, MapFlags::PRIVATE)?;
        rustix::mm::madvise(page, BYTES, Advice::LinuxWipeOnFork)?;
        Ok(page.expose_provenance())
    }
}
