//! Contents that an injected fault has cost: an exception's handler gives such a page up, and the
//! page reads as zeros from then on.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use memtide_core::{Exception, IoError, PageUse, RegionState};
use memtide_live::page_file::testing::{Fault, Faults};
use memtide_live::{Disposition, Space};

use crate::support::{PAGE, READ_WRITE};

/// How often one page was given up.
#[derive(Debug, Default)]
struct Loss {
    /// How often somebody began to give it up.
    begun: AtomicU32,
    /// How often that was done.
    ended: AtomicU32,
    /// Errors of its reads: a few are tried again.
    errors: AtomicU32,
}

/// Memory whose pages may be lost.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) base: u64,
    pages: Box<[Loss]>,
}

impl Memory {
    pub(crate) fn new(base: u64, pages: usize) -> Self {
        Self { base, pages: (0..pages).map(|_| Loss::default()).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    pub(crate) fn address(&self, page: usize) -> u64 {
        self.base + page as u64 * PAGE
    }

    /// How often somebody began to give a page up.
    pub(crate) fn begun(&self, page: usize) -> u32 {
        self.pages[page].begun.load(Ordering::SeqCst)
    }

    /// How often a page was given up: what is written after this look and is gone was lost to
    /// one that is not counted here.
    pub(crate) fn ended(&self, page: usize) -> u32 {
        self.pages[page].ended.load(Ordering::SeqCst)
    }

    fn page_of(&self, address: u64) -> Option<&Loss> {
        self.pages.get((address.checked_sub(self.base)? / PAGE) as usize)
    }
}

/// What has been raised in a round.
#[derive(Debug, Default)]
pub(crate) struct Raised {
    pub(crate) in_page: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) no_memory: AtomicU64,
}

thread_local! {
    /// Violations and guard pages that this thread met.
    static MET: AtomicU64 = const { AtomicU64::new(0) };
}

/// How many violations and guard pages this thread has met.
pub(crate) fn met() -> u64 {
    MET.with(|met| met.load(Ordering::SeqCst))
}

fn meet() {
    MET.with(|met| met.fetch_add(1, Ordering::SeqCst));
}

/// Whether a fault that was injected explains an error of a read.
pub(crate) fn explains(faults: &Faults, error: IoError) -> bool {
    let happened = |kinds: &[Fault]| kinds.iter().any(|fault| faults.happened(*fault) > 0);
    match i32::try_from(error.0) {
        Ok(libc::EIO) => happened(&[Fault::ReadError]),
        Ok(libc::EBADMSG) => happened(&[Fault::FlippedBit, Fault::TornWrite, Fault::LostWrite]),
        _ => false,
    }
}

/// Ends the process at once: a signal's handler has found what must not be.
fn end(what: &str) -> ! {
    eprintln!("torture: {what}");
    std::process::abort()
}

/// Of so many errors of a page the last gives it up, and the others are met with another try.
const TRIES: u32 = 2;

/// What handles the exceptions of a space.
pub(crate) fn handle(
    space: &Arc<Space>,
    of: Vec<Arc<Memory>>,
    faults: Faults,
    raised: &Arc<Raised>,
) {
    let (this, raised) = (Arc::downgrade(space), Arc::clone(raised));
    space.on_exception(Box::new(move |exception| {
        let space: &Weak<Space> = &this;
        let Some(space) = space.upgrade() else { return Disposition::Die };
        match *exception {
            Exception::GuardPage { .. } => meet(),
            Exception::AccessViolation { address, .. } => {
                meet();
                mend(&space, address & !(PAGE - 1));
            }
            Exception::InPage { address, error } => {
                raised.in_page.fetch_add(1, Ordering::Relaxed);
                if !explains(&faults, error) {
                    end(&format!("{exception}, and no fault that was injected explains it"));
                }
                let Some(loss) = of.iter().find_map(|memory| memory.page_of(address)) else {
                    end(&format!("{exception}, in memory of nobody"))
                };
                if loss.errors.fetch_add(1, Ordering::SeqCst) % TRIES == TRIES - 1 {
                    raised.lost.fetch_add(1, Ordering::Relaxed);
                    loss.begun.fetch_add(1, Ordering::SeqCst);
                    if let Err(error) = space.discard(address & !(PAGE - 1), PAGE) {
                        end(&format!("{exception}, and its page cannot be given up: {error}"));
                    }
                    loss.ended.fetch_add(1, Ordering::SeqCst);
                }
            }
            Exception::NoMemory { .. } => {
                raised.no_memory.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
            _ => end(&format!("{exception}")),
        }
        Disposition::Retry
    }));
}

/// Makes the access pass that raised a violation.
fn mend(space: &Space, page: u64) {
    let state = space.query(page).map(|info| info.state);
    let Ok(RegionState::Allocated { page_use, .. }) = state else {
        end(&format!("a violation at {page:#x}: {state:?}"))
    };
    let mended = match page_use {
        PageUse::Reserved => end(&format!("{page:#x} is not committed")),
        // Refused where the contents are lost: what is read then tells.
        PageUse::Offered(_) => space.reclaim(page, PAGE),
        PageUse::Committed(_) => space.protect(page, PAGE, READ_WRITE).map(drop),
    };
    drop(mended);
}
