//! A program that makes the references of a trace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, Vpn};
use memtide_core::{Allocation, Call, MEM_COMMIT, MEM_RESERVE, Refusal, Reply};
use rustc_hash::FxBuildHasher;

use super::addresses::{self, USABLE};
use super::{Format, Trace, TraceError};
use crate::program::{BeforeFault, Context, Program, Step};
use crate::reference::Reference;

/// What is reserved and committed at a time: large enough that a program of some gigabytes has few
/// regions, small enough that code, heap and stacks take no more than they need.
const CHUNK: u64 = 64 << 20;

const CHUNK_PAGES: usize = (CHUNK / PAGE_SIZE) as usize;

/// `PAGE_EXECUTE_READWRITE`: a trace does not tell what its program was allowed.
const PROTECTION: u32 = 0x40;

/// Makes the references of a trace, one after the other.
///
/// A trace does not tell how its program got its memory and what was in it. Memory is reserved
/// and committed when it is first touched, 64 MiB at a time, and the first touch of a page fills
/// it: it counts as a write, so that the page comes back from a page file once it was evicted.
#[derive(Debug)]
pub struct TraceProgram {
    trace: Trace,
    /// Which pages of each chunk were touched.
    touched: HashMap<u64, Box<[u64]>, FxBuildHasher>,
    /// The chunk for which memory was asked.
    asked: Option<u64>,
    outcome: TraceOutcome,
}

/// What a trace came to, known once its process has ended.
#[derive(Clone, Debug, Default)]
pub struct TraceOutcome(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    failure: Option<TraceFailure>,
    format: Option<Format>,
    passed_over: u64,
}

/// Why the references of a trace ended too early.
#[derive(Debug, thiserror::Error)]
pub enum TraceFailure {
    /// The trace could not be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The machine has no memory for it.
    #[error("memory for the program of a trace: {0}")]
    Refused(#[from] Refusal),
}

impl TraceOutcome {
    /// Takes what went wrong, if anything did.
    #[must_use]
    pub fn take_failure(&self) -> Option<TraceFailure> {
        self.told().failure.take()
    }

    /// The format of the trace.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.told().format
    }

    /// Lines that are no references.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.told().passed_over
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TraceProgram {
    /// The program of a trace, and where it will say what went wrong.
    #[must_use]
    pub fn new(trace: Trace) -> (Self, TraceOutcome) {
        let outcome = TraceOutcome::default();
        let told = outcome.clone();
        (Self { trace, touched: HashMap::default(), asked: None, outcome }, told)
    }
}

impl Program for TraceProgram {
    fn step(&mut self, _context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        let failure = match self.trace.read(references) {
            Ok(true) => return Step::References,
            Ok(false) => None,
            Err(error) => Some(error.into()),
        };
        references.clear();
        let mut told = self.outcome.told();
        told.failure = failure;
        told.format = Some(self.trace.format());
        told.passed_over = self.trace.passed_over();
        Step::End
    }

    fn before_fault(&mut self, space: SpaceId, reference: Reference) -> BeforeFault {
        let chunk = reference.address / CHUNK;
        let Some(touched) = self.touched.get_mut(&chunk) else {
            if self.asked == Some(chunk) {
                // It was refused, and the access will be as well.
                return BeforeFault::Fault(reference.access);
            }
            self.asked = Some(chunk);
            return BeforeFault::Call(Call::Allocate(space, memory_of(chunk)));
        };
        let page = Vpn::of(reference.address % CHUNK).0;
        let (word, bit) = ((page / 64) as usize, 1 << (page % 64));
        if touched[word] & bit != 0 {
            return BeforeFault::Fault(reference.access);
        }
        touched[word] |= bit;
        BeforeFault::Fault(Access::Write)
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        match (reply, self.asked) {
            (Ok(_), Some(chunk)) => {
                let nothing = vec![0; CHUNK_PAGES / 64].into_boxed_slice();
                self.touched.insert(chunk, nothing);
                self.asked = None;
            }
            (Err(refusal), _) => self.outcome.told().failure = Some(refusal.into()),
            (Ok(_), None) => {}
        }
    }
}

/// The memory of a chunk, without what no program may use.
fn memory_of(chunk: u64) -> Allocation {
    let (start, end) = (chunk * CHUNK, (chunk + 1) * CHUNK);
    let (start, end) = (start.max(USABLE.start), end.min(USABLE.end));
    debug_assert!(addresses::is_usable(start), "chunk {chunk} holds no usable address");
    Allocation {
        address: start,
        bytes: end - start,
        kind: MEM_RESERVE | MEM_COMMIT,
        protection: PROTECTION,
    }
}
