//! The optimisers.

use std::sync::mpsc::Sender;

use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::units::Bytes;
use memtide_core::{Allocation, Call, ListCommand, MEM_RELEASE, Range, Refusal, Reply};

use super::{TARGET, TRIGGER};
use crate::program::{Context, Program, Step};
use crate::reference::Reference;

/// What cleans memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Nobody.
    None,
    /// A program that allocates, writes, and frees.
    AllocateAndFree,
    /// The list commands, when less is available than the trigger.
    OnThreshold,
    /// The list commands, every so often.
    OnSchedule,
}

impl Kind {
    pub(in super::super) const ALL: [Self; 4] =
        [Self::None, Self::AllocateAndFree, Self::OnThreshold, Self::OnSchedule];

    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AllocateAndFree => "allocate and free",
            Self::OnThreshold => "list commands, threshold",
            Self::OnSchedule => "list commands, schedule",
        }
    }
}

/// How often an optimiser looks, and how long it lets be after it has cleaned.
const LOOKS: Tick = Tick(100_000_000);
const RESTS: Tick = Tick(500_000_000);
const SCHEDULE: Tick = Tick(2 * Tick::SECOND.0);

const COMMANDS: [ListCommand; 3] =
    [ListCommand::EmptyWorkingSets, ListCommand::FlushModifiedList, ListCommand::PurgeStandbyList];

/// The program of a kind, which tells when it cleans.
pub(super) fn program(kind: Kind, cleaned: Sender<Tick>) -> Option<Box<dyn Program>> {
    match kind {
        Kind::None => None,
        Kind::AllocateAndFree => {
            Some(Box::new(Allocator { base: 0, phase: Phase::Rests, cleaned }))
        }
        Kind::OnThreshold => Some(Box::new(Commander::new(LOOKS, RESTS, low, cleaned))),
        Kind::OnSchedule => Some(Box::new(Commander::new(SCHEDULE, SCHEDULE, |_| true, cleaned))),
    }
}

fn available(context: &Context<'_>) -> Bytes {
    context.world.manager().levels().available.unwrap_or_default()
}

fn low(context: &Context<'_>) -> bool {
    available(context) < TRIGGER
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Looks,
    Allocates,
    Writes,
    Frees,
    Rests,
}

/// Allocates and writes as much as it aims for, and frees it.
struct Allocator {
    base: u64,
    phase: Phase,
    cleaned: Sender<Tick>,
}

impl Program for Allocator {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        match self.phase {
            Phase::Looks => {
                if !low(context) {
                    return Step::Sleep(LOOKS);
                }
                self.phase = Phase::Allocates;
                let _ = self.cleaned.send(context.now);
                self.step(context, references)
            }
            Phase::Allocates => {
                self.phase = Phase::Writes;
                Step::Call(Call::Allocate(context.space, Allocation::committed(TARGET.0)))
            }
            Phase::Writes => {
                self.phase = Phase::Frees;
                let base = self.base;
                let write = |page| base + page * PAGE_SIZE;
                let pages = (0..TARGET.pages()).map(write);
                references
                    .extend(pages.map(|address| Reference { address, access: Access::Write }));
                Step::References
            }
            Phase::Frees => {
                self.phase = Phase::Rests;
                let (space, address) = (context.space, self.base);
                Step::Call(Call::Free(Range { space, address, bytes: 0 }, MEM_RELEASE))
            }
            Phase::Rests => {
                self.phase = Phase::Looks;
                Step::Sleep(RESTS)
            }
        }
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        match reply {
            Ok(Reply::Address(base)) => self.base = base,
            Ok(_) => {}
            Err(refusal) => panic!("no memory for the optimiser: {refusal}"),
        }
    }
}

/// Gives the list commands, one after the other.
struct Commander {
    /// How long it sleeps between two looks, and after a cleaning.
    looks: Tick,
    rests: Tick,
    is_due: fn(&Context<'_>) -> bool,
    /// Which command is next; past the last where none is.
    next: usize,
    has_slept: bool,
    cleaned: Sender<Tick>,
}

impl Commander {
    const fn new(
        looks: Tick,
        rests: Tick,
        is_due: fn(&Context<'_>) -> bool,
        cleaned: Sender<Tick>,
    ) -> Self {
        Self { looks, rests, is_due, next: COMMANDS.len() + 1, has_slept: false, cleaned }
    }
}

impl Program for Commander {
    fn step(&mut self, context: &Context<'_>, _references: &mut Vec<Reference>) -> Step {
        if std::mem::take(&mut self.has_slept) && (self.is_due)(context) {
            self.next = 0;
            let _ = self.cleaned.send(context.now);
        }
        if let Some(command) = COMMANDS.get(self.next) {
            self.next += 1;
            return Step::Call(Call::Command(*command));
        }
        self.has_slept = true;
        let has_cleaned = self.next == COMMANDS.len();
        self.next = COMMANDS.len() + 1;
        Step::Sleep(if has_cleaned { self.rests } else { self.looks })
    }
}
