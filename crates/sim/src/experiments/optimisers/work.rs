//! The work that is done on the machine.

use std::sync::mpsc::Sender;

use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::units::Bytes;
use memtide_core::{Allocation, Call, MEM_RELEASE, Range, Refusal, Reply};

use crate::program::{Context, Program, Step};
use crate::reference::Reference;
use crate::workload::{Pattern, Workload};

/// The time of one reference, with the work that is done on what it brings.
pub(super) const REFERENCE: Tick = Tick(20_000);

/// References between two looks.
const BATCH: usize = 256;

/// The programs that go on for ever: what they use, how skewed it is, how much they write.
const STEADY: [(&str, Bytes, f64, f64); 3] = [
    ("browser", Bytes::from_mib(26), 0.9, 0.2),
    ("editor", Bytes::from_mib(16), 0.9, 0.3),
    ("player", Bytes::from_mib(8), 0.6, 0.1),
];

/// What the program uses that begins now and then, and how long it is away.
const SHORT: Bytes = Bytes::from_mib(10);
const AWAY: Tick = Tick(600_000_000);
const STAYS: Tick = Tick(400_000_000);

/// What the program that is open and not used has.
const IDLE: Bytes = Bytes::from_mib(6);

/// What there is, in words.
pub(super) const fn described() -> [&'static str; 3] {
    [
        "64 MiB and an SSD; a browser (26 MiB), an editor (16 MiB) and a player (8 MiB) work,",
        "6 MiB are of a program that nobody uses, and one of 10 MiB begins and ends each second.",
        "An optimiser begins below 6 MiB available, and aims for 24 MiB; the last one every 2 s.",
    ]
}

/// The programs by name.
pub(super) fn programs(seed: u64, begun: &Sender<Tick>) -> Vec<(&'static str, Box<dyn Program>)> {
    let steady = STEADY.into_iter().zip(0..).map(|((name, size, alpha, writes), number)| {
        let pattern = Pattern::Zipf { pages: size.pages(), alpha };
        let workload = Workload::new(&pattern, writes, seed * 10 + number).expect("a pattern");
        let program: Box<dyn Program> = Box::new(Steady { size, base: 0, first: true, workload });
        (name, program)
    });
    let idle = Box::new(Idle { base: 0, is_done: false });
    let short =
        Box::new(Short { base: 0, phase: Phase::Away, began: Tick(0), begun: begun.clone() });
    let others: [(&str, Box<dyn Program>); 2] = [("idle", idle), ("short", short)];
    steady.chain(others).collect()
}

fn write_all(base: u64, size: Bytes) -> impl Iterator<Item = Reference> {
    let at = move |page| Reference { address: base + page * PAGE_SIZE, access: Access::Write };
    (0..size.pages()).map(at)
}

fn base(reply: &Result<Reply, Refusal>) -> u64 {
    match reply {
        Ok(Reply::Address(base)) => *base,
        Ok(_) => 0,
        Err(refusal) => panic!("no memory for the work: {refusal}"),
    }
}

/// Works on its memory for ever.
struct Steady {
    size: Bytes,
    base: u64,
    first: bool,
    workload: Workload,
}

impl Program for Steady {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        if self.base == 0 {
            return Step::Call(Call::Allocate(context.space, Allocation::committed(self.size.0)));
        }
        if std::mem::take(&mut self.first) {
            references.extend(write_all(self.base, self.size));
        } else {
            let base = self.base;
            let batch = self.workload.by_ref().take(BATCH);
            references.extend(batch.map(|r| Reference { address: base + r.address, ..r }));
        }
        Step::References
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        self.base = base(&reply);
    }
}

/// Fills its memory once and is not used again.
struct Idle {
    base: u64,
    is_done: bool,
}

impl Program for Idle {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        if self.base == 0 {
            return Step::Call(Call::Allocate(context.space, Allocation::committed(IDLE.0)));
        }
        if std::mem::replace(&mut self.is_done, true) {
            return Step::Sleep(Tick(Tick::SECOND.0 * 1_000));
        }
        references.extend(write_all(self.base, IDLE));
        Step::References
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        self.base = base(&reply);
    }
}

/// What the program does that begins and ends.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Away,
    Begins,
    Fills,
    Stays,
    Ends,
}

struct Short {
    base: u64,
    phase: Phase,
    began: Tick,
    begun: Sender<Tick>,
}

impl Program for Short {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        match self.phase {
            Phase::Away => {
                self.phase = Phase::Begins;
                Step::Sleep(AWAY)
            }
            Phase::Begins => {
                self.phase = Phase::Fills;
                self.began = context.now;
                Step::Call(Call::Allocate(context.space, Allocation::committed(SHORT.0)))
            }
            Phase::Fills => {
                self.phase = Phase::Stays;
                references.extend(write_all(self.base, SHORT));
                Step::References
            }
            Phase::Stays => {
                self.phase = Phase::Ends;
                let _ = self.begun.send(Tick(context.now.0 - self.began.0));
                Step::Sleep(STAYS)
            }
            Phase::Ends => {
                self.phase = Phase::Away;
                let (space, address) = (context.space, self.base);
                Step::Call(Call::Free(Range { space, address, bytes: 0 }, MEM_RELEASE))
            }
        }
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        self.base = base(&reply);
    }
}
