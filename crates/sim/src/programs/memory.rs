//! What a process of a scenario holds, shared by its threads.

use std::collections::VecDeque;

use memtide_core::page::{PAGE_SIZE, SectionId, SpaceId};
use memtide_core::{Allocation, Call, MEM_DECOMMIT, MEM_RELEASE, Range, Reply, View};

use super::plan::{Place, Plan};

/// How far a process has come with what it needs before its first phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setup {
    /// The next step is to be made.
    Next(usize),
    /// A step is being made by one of the threads.
    Asked(usize),
    /// All is there.
    Done,
}

/// What a process holds.
#[derive(Debug)]
pub(super) struct Memory {
    setup: Setup,
    base: u64,
    views: Vec<u64>,
    /// Pages of the private memory that are committed, from the first on.
    committed: u64,
    /// The bases of what was allocated and never freed, oldest first.
    leaked: VecDeque<u64>,
}

/// What a thread is to do before the first phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// Nothing: all is there.
    Nothing,
    /// To wait until another thread has done its step.
    Patience,
    /// To make a call.
    Call(Call),
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self {
            setup: Setup::Next(0),
            base: 0,
            views: Vec::new(),
            committed: 0,
            leaked: VecDeque::new(),
        }
    }

    /// What is to be done next before the first phase.
    pub(super) fn needs(&mut self, plan: &Plan, space: SpaceId, sections: &[SectionId]) -> Needed {
        let step = match self.setup {
            Setup::Done => return Needed::Nothing,
            Setup::Asked(_) => return Needed::Patience,
            Setup::Next(step) => step,
        };
        match setup_call(plan, space, sections, step) {
            Some(call) => {
                self.setup = Setup::Asked(step);
                Needed::Call(call)
            }
            None if step < FIRST_VIEW + plan.views.len() => {
                self.setup = Setup::Next(step + 1);
                self.needs(plan, space, sections)
            }
            None => {
                self.setup = Setup::Done;
                Needed::Nothing
            }
        }
    }

    /// The step that was asked for is done.
    pub(super) fn has(&mut self, plan: &Plan, reply: &Reply) {
        let Setup::Asked(step) = self.setup else { return };
        match (step, reply) {
            (1, Reply::Address(base)) => (self.base, self.committed) = (*base, plan.memory),
            (_, Reply::Address(base)) => self.views.push(*base),
            _ => {}
        }
        self.setup = Setup::Next(step + 1);
    }

    /// The step that was asked for was refused: it is asked for again.
    pub(super) const fn lacks(&mut self) {
        if let Setup::Asked(step) = self.setup {
            self.setup = Setup::Next(step);
        }
    }

    /// Where a place begins, in bytes, and how many of its pages there are.
    pub(super) fn place(&self, place: Place) -> (u64, u64) {
        match place {
            Place::Memory => (self.base, self.committed),
            Place::View(view) => (self.views.get(view).copied().unwrap_or(0), u64::MAX),
        }
    }

    /// Pages of the private memory that are committed.
    pub(super) const fn committed(&self) -> u64 {
        self.committed
    }

    /// Gives the pages from one on back.
    pub(super) fn shrink(&mut self, plan: &Plan, space: SpaceId, keep: u64) -> Call {
        self.committed = keep;
        let address = self.base + keep * PAGE_SIZE;
        let bytes = (plan.memory - keep) * PAGE_SIZE;
        Call::Free(Range { space, address, bytes }, MEM_DECOMMIT)
    }

    /// Asks for the pages from one on.
    pub(super) const fn grow(&self, plan: &Plan, space: SpaceId) -> Call {
        let address = self.base + self.committed * PAGE_SIZE;
        let bytes = (plan.memory - self.committed) * PAGE_SIZE;
        Call::Allocate(space, Allocation::commit_at(address, bytes))
    }

    /// All of the memory is there again.
    pub(super) const fn has_grown(&mut self, plan: &Plan) {
        self.committed = plan.memory;
    }

    /// Forgets to free something.
    pub(super) fn leak(&mut self, base: u64) {
        self.leaked.push_back(base);
    }

    /// Frees the oldest of what was never freed.
    pub(super) fn free_oldest(&mut self, space: SpaceId) -> Option<Call> {
        self.leaked.pop_front().map(|base| release(space, base))
    }
}

/// Frees an allocation, whole.
pub(super) const fn release(space: SpaceId, address: u64) -> Call {
    Call::Free(Range { space, address, bytes: 0 }, MEM_RELEASE)
}

/// The step that maps the first view; before it come the limits and the private memory.
const FIRST_VIEW: usize = 2;

fn setup_call(plan: &Plan, space: SpaceId, sections: &[SectionId], step: usize) -> Option<Call> {
    match step {
        0 => plan.limits.map(|limits| Call::SetWorkingSetLimits {
            space,
            minimum: limits.minimum,
            maximum: limits.maximum,
            hard: limits.hard,
        }),
        1 => (plan.memory > 0)
            .then(|| Call::Allocate(space, Allocation::committed(plan.memory * PAGE_SIZE))),
        view => plan.views.get(view - FIRST_VIEW).map(|view| {
            let (section, protection) = (sections[view.section], view.protection);
            Call::MapView(space, View { section, address: 0, offset: 0, bytes: 0, protection })
        }),
    }
}
