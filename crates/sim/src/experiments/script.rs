//! A program that does what a list says, and says what it does.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::Sender;

use memtide_core::conditions::Condition;
use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::{Allocation, Call, MEM_COMMIT, MEM_DECOMMIT, MEM_RESERVE, Refusal, Reply};

use crate::program::{Context, Program, Step};
use crate::reference::Reference;

/// Where a script's memory begins.
pub(super) const BASE: u64 = 0x1_0000_0000;

/// When something happened, who did it, and what.
pub(super) type Entry = (Tick, &'static str, String);

/// What a script does next. Pages are counted from [`BASE`].
#[derive(Clone, Debug)]
pub(super) enum Beat {
    /// Reserves so many pages.
    Reserve(u64),
    /// Commits pages.
    Commit(Range<u64>),
    /// Writes pages.
    Write(Range<u64>),
    /// Decommits pages.
    Decommit(Range<u64>),
    Sleep(Tick),
    /// Waits until a condition is set.
    Await(Condition),
    Say(String),
}

/// A script.
pub(super) struct Script {
    who: &'static str,
    beats: VecDeque<Beat>,
    log: Sender<Entry>,
}

impl Script {
    pub(super) fn boxed(
        who: &'static str,
        beats: impl IntoIterator<Item = Beat>,
        log: &Sender<Entry>,
    ) -> Box<dyn Program> {
        Box::new(Self { who, beats: beats.into_iter().collect(), log: log.clone() })
    }
}

const fn at(page: u64) -> u64 {
    BASE + page * PAGE_SIZE
}

const fn bytes(pages: &Range<u64>) -> u64 {
    (pages.end - pages.start) * PAGE_SIZE
}

impl Program for Script {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        let space = context.space;
        loop {
            let Some(beat) = self.beats.pop_front() else { return Step::End };
            let allocate = |kind, pages: Range<u64>| {
                let (address, bytes) = (at(pages.start), bytes(&pages));
                let protection = 0x04;
                let allocation = Allocation { address, bytes, kind, protection };
                Step::Call(Call::Allocate(space, allocation))
            };
            match beat {
                Beat::Say(what) => drop(self.log.send((context.now, self.who, what))),
                Beat::Reserve(pages) => return allocate(MEM_RESERVE, 0..pages),
                Beat::Commit(pages) => return allocate(MEM_COMMIT, pages),
                Beat::Decommit(pages) => {
                    let (address, bytes) = (at(pages.start), bytes(&pages));
                    let range = memtide_core::Range { space, address, bytes };
                    return Step::Call(Call::Free(range, MEM_DECOMMIT));
                }
                Beat::Write(pages) => {
                    let write = |page| Reference { address: at(page), access: Access::Write };
                    references.extend(pages.map(write));
                    return Step::References;
                }
                Beat::Sleep(time) => return Step::Sleep(time),
                Beat::Await(condition) => return Step::Await(condition),
            }
        }
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        if let Err(refusal) = reply {
            panic!("{}: {refusal}", self.who);
        }
    }
}
