//! Memory allocated again and again: bursts, and leaks.

use memtide_core::conditions::State;
use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::{Allocation, Call};

use super::ends::Ends;
use super::memory::release;
use super::plan::Growth;
use crate::program::{Context, Step};
use crate::reference::Reference;

/// Pages written before the clock is looked at again.
const BATCH: u64 = 64;

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growing {
    /// The next allocation is due at a moment.
    Due(Tick),
    /// It was asked for.
    Asked,
    /// Pages of it are being written.
    Writing { base: u64, next: u64 },
    /// It is held until a moment.
    Holding { base: u64, until: Tick },
    /// It is being freed.
    Freeing,
}

/// A thread that allocates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grower {
    growth: Growth,
    ends: Ends,
    /// When the last allocation was asked for.
    due: Tick,
    done: u64,
    state: Growing,
}

/// What a thread that allocates does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GrowStep {
    /// A step like any other.
    Step(Step),
    /// It forgets what it allocated, at an address.
    Leak(u64),
    /// It is done.
    Over,
}

impl Grower {
    pub(super) const fn new(growth: Growth, ends: Ends, began: Tick) -> Self {
        Self { growth, ends, due: began, done: 0, state: Growing::Due(began) }
    }

    /// How much it allocates each time, in bytes.
    pub(super) const fn bytes(&self) -> u64 {
        self.growth.pages * PAGE_SIZE
    }

    pub(super) fn step(
        &mut self,
        context: &Context<'_>,
        references: &mut Vec<Reference>,
    ) -> GrowStep {
        let now = context.now;
        match self.state {
            Growing::Due(_) if self.ends.left(now, self.done) == 0 => GrowStep::Over,
            Growing::Due(at) if at > now => {
                let pause = self.ends.time_left(now, Tick(at.0 - now.0));
                GrowStep::Step(Step::Sleep(pause))
            }
            Growing::Due(_) if !self.is_wanted(context) => {
                self.due = now;
                self.wait();
                self.step(context, references)
            }
            Growing::Due(_) => {
                self.due = now;
                self.state = Growing::Asked;
                let memory = Allocation::committed(self.bytes());
                GrowStep::Step(Step::Call(Call::Allocate(context.space, memory)))
            }
            Growing::Writing { base, next } if next < self.growth.pages => {
                let end = self.growth.pages.min(next + BATCH);
                references.extend((next..end).map(|page| Reference {
                    address: base + page * PAGE_SIZE,
                    access: Access::Write,
                }));
                self.state = Growing::Writing { base, next: end };
                GrowStep::Step(Step::References)
            }
            Growing::Writing { base, .. } => match self.growth.hold {
                Some(hold) => {
                    let until = now.after(self.ends.time_left(now, hold));
                    self.state = Growing::Holding { base, until };
                    self.step(context, references)
                }
                None => {
                    self.wait();
                    GrowStep::Leak(base)
                }
            },
            Growing::Holding { until, .. } if until > now => {
                GrowStep::Step(Step::Sleep(Tick(until.0 - now.0)))
            }
            Growing::Holding { base, .. } => {
                self.state = Growing::Freeing;
                GrowStep::Step(Step::Call(release(context.space, base)))
            }
            // Both are over with the reply.
            Growing::Asked | Growing::Freeing => GrowStep::Over,
        }
    }

    fn is_wanted(&self, context: &Context<'_>) -> bool {
        let readings = context.world.manager().conditions();
        let is_set = |condition: memtide_core::conditions::Condition| {
            readings[condition.index()].state == State::Set
        };
        self.growth.only_while.is_none_or(is_set)
    }

    fn wait(&mut self) {
        self.state = Growing::Due(self.due.after(self.growth.every));
    }

    /// Memory was given, or was freed.
    pub(super) fn done(&mut self, base: Option<u64>) {
        match (self.state, base) {
            (Growing::Asked, Some(base)) => {
                self.done += 1;
                self.state = Growing::Writing { base, next: 0 };
            }
            _ => self.wait(),
        }
    }

    /// Memory was refused, and is asked for again.
    pub(super) const fn ask_again(&mut self) {
        self.state = Growing::Due(self.due);
    }

    /// Memory was refused, and it goes on without.
    pub(super) fn go_without(&mut self) {
        self.done += 1;
        self.wait();
    }
}
