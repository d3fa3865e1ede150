//! The pools run low, and are high again.
//!
//! Source: Microsoft's documentation, "Standard Event Objects".

use memtide_core::conditions::{Condition, Reading, State};
use memtide_core::page::{Access, PAGE_SIZE, SpaceId};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Backing, Call, Config, Pool, PoolAllocation, PoolAllocationId, PoolKind, Reply,
    SectionConfig, View,
};

use super::outcome::{Outcome, Table};
use super::plotted::plotted;
use super::stage::{Stage, status};
use crate::machine::Machine;
use crate::picture::{Axis, Colour, Picture, Plot, Series};

/// The limits of the pools: with these, both formulas show (a share of one, a fixed size of the
/// other).
const PAGED: Bytes = Bytes::from_mib(75);
const NONPAGED: Bytes = Bytes::from_mib(64);

/// What the driver allocates at a time.
const PIECE: Bytes = Bytes::from_mib(1);

/// A pool's level when something changed.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// The step of the driver: an allocation up, a free down.
    pub(super) step: usize,
    pub(super) free: Bytes,
}

/// What a driver does to a pool, and what is seen.
pub(super) struct Leak {
    pub(super) levels: Vec<Level>,
    changes: Vec<(bool, Bytes, Condition, State)>,
    refused: &'static str,
    /// The marks: low and high.
    pub(super) marks: [Bytes; 2],
    states: [State; 2],
}

const fn conditions(kind: PoolKind) -> [Condition; 2] {
    match kind {
        PoolKind::Paged => [Condition::LowPagedPool, Condition::HighPagedPool],
        PoolKind::NonPaged => [Condition::LowNonPagedPool, Condition::HighNonPagedPool],
    }
}

const fn name(kind: PoolKind) -> &'static str {
    match kind {
        PoolKind::Paged => "paged pool",
        PoolKind::NonPaged => "nonpaged pool",
    }
}

fn stage() -> Stage {
    let mut config = Config::new(65_536).with_page_file(4_096, 4_096);
    config.paged_pool = PAGED;
    config.nonpaged_pool = NONPAGED;
    Stage::new(&Machine::new(config))
}

fn pool(stage: &Stage, kind: PoolKind) -> Pool {
    stage.world.manager().snapshot().pool(kind)
}

/// The reading of a condition.
fn reading(stage: &Stage, condition: Condition) -> Reading {
    let readings = stage.world.manager().conditions();
    let found = readings.into_iter().find(|reading| reading.condition == condition);
    found.unwrap_or(Reading::unknown(condition))
}

impl Leak {
    fn note(&mut self, stage: &Stage, kind: PoolKind, is_leaking: bool) {
        let free = Bytes(pool(stage, kind).free());
        self.levels.push(Level { step: self.levels.len(), free });
        let conditions = conditions(kind);
        for (state, condition) in self.states.iter_mut().zip(conditions) {
            let now = reading(stage, condition).state;
            if now != *state {
                self.changes.push((is_leaking, free, condition, now));
            }
            *state = now;
        }
    }
}

/// A driver leaks until the pool has no more, then gives everything back.
pub(super) fn leak(kind: PoolKind) -> Leak {
    let mut stage = stage();
    let at_first = conditions(kind).map(|condition| reading(&stage, condition));
    let mut leak = Leak {
        levels: Vec::new(),
        changes: Vec::new(),
        refused: "",
        marks: at_first.map(|reading| reading.threshold.unwrap_or_default()),
        states: at_first.map(|reading| reading.state),
    };
    let mut held: Vec<PoolAllocationId> = Vec::new();
    leak.note(&stage, kind, true);
    loop {
        let piece = PoolAllocation { pool: kind, bytes: PIECE.0, tag: *b"Leak" };
        match stage.call(&Call::AllocatePool(piece)) {
            Ok(Reply::Pool(id)) => held.push(id),
            refused => {
                leak.refused = status(&refused);
                break;
            }
        }
        leak.note(&stage, kind, true);
    }
    while let Some(id) = held.pop() {
        stage.must(&Call::FreePool(id));
        leak.note(&stage, kind, false);
    }
    leak
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    for kind in PoolKind::ALL {
        show(&mut outcome, kind, &leak(kind));
    }
    own_use(&mut outcome);
    outcome
}

fn show(outcome: &mut Outcome, kind: PoolKind, leak: &Leak) {
    let mut table = Table::new(&["while", "free", "condition", "is"]);
    for (is_leaking, free, condition, state) in &leak.changes {
        let phase = if *is_leaking { "allocating" } else { "freeing" };
        let state = if *state == State::Set { "set" } else { "cleared" };
        table.row([phase, &free.to_string(), condition.name(), state]);
    }
    let (name, limit) = match kind {
        PoolKind::Paged => (name(kind), PAGED),
        PoolKind::NonPaged => (name(kind), NONPAGED),
    };
    let [low, high] = leak.marks;
    outcome
        .step(format!("A driver takes the {name} of {limit} a MiB at a time, then frees it all"))
        .line(format!("low at or below {low} free, high at or above {high} free"))
        .line(format!("when nothing is left: {}", leak.refused))
        .table(table);
    let expected = match kind {
        PoolKind::Paged => [Bytes::from_mib(15), Bytes::from_mib(30)],
        PoolKind::NonPaged => [Bytes::from_mib(8), Bytes::from_mib(20)],
    };
    let formula = match kind {
        PoolKind::Paged => "min(30 MB, a fifth) and min(60 MB, two fifths)",
        PoolKind::NonPaged => "min(8 MB, a third) and min(20 MB, half)",
    };
    outcome.finding(
        format!("The marks of the {name} are {formula}."),
        format!("{low} and {high} of {limit}"),
        leak.marks == expected,
    );
    let [low_condition, high_condition] = conditions(kind);
    let at = |is_leaking, condition, state| {
        let found = leak.changes.iter().find(|(leaking, _, changed, to)| {
            (*leaking, *changed, *to) == (is_leaking, condition, state)
        });
        found.map(|(_, free, ..)| *free)
    };
    let set = at(true, low_condition, State::Set);
    outcome.finding(
        format!("{} is set when no more than its mark is left.", low_condition.name()),
        format!("{} free", set.unwrap_or_default()),
        set.is_some_and(|free| free <= low && free.saturating_add(PIECE) > low),
    );
    let back = at(false, high_condition, State::Set);
    outcome.finding(
        format!("{} is set again when its mark is free again.", high_condition.name()),
        format!("{} free", back.unwrap_or_default()),
        back.is_some_and(|free| free >= high && free.saturating_sub(PIECE) < high),
    );
    outcome.finding(
        "An empty pool refuses the call.",
        leak.refused,
        leak.refused == "STATUS_INSUFFICIENT_RESOURCES",
    );
}

/// What the manager's own structures take of the pools.
fn own_use(outcome: &mut Outcome) {
    let mut stage = stage();
    let mut table = Table::new(&["after", "paged, bytes", "nonpaged, bytes"]);
    let used = |stage: &Stage| PoolKind::ALL.map(|kind| pool(stage, kind).used);
    let mut seen = Vec::new();
    let mut note = |stage: &Stage, what: &str| {
        let [paged, nonpaged] = used(stage);
        table.row([what, &paged.to_string(), &nonpaged.to_string()]);
        seen.push([paged, nonpaged]);
    };
    note(&stage, "nothing");
    let space: SpaceId = stage.process();
    note(&stage, "a process began");
    let base = stage.allocate(space, Allocation::committed(16 << 20));
    note(&stage, "it committed 16 MiB");
    stage.access_pages(space, base, 4_096, Access::Write);
    note(&stage, "it wrote them");
    let config = SectionConfig {
        bytes: 16 << 20,
        protection: 0x04,
        backing: Backing::PageFile,
        is_reserved: false,
    };
    let section = match stage.must(&Call::CreateSection(config)) {
        Reply::Section(section) => section,
        other => panic!("no section: {other:?}"),
    };
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x04 };
    let Reply::Address(view) = stage.must(&Call::MapView(space, view)) else { return };
    note(&stage, "it mapped a section of 16 MiB");
    stage.access_pages(space, view, 16 * 256, Access::Write);
    note(&stage, "it wrote that");
    outcome.step("Look at what the memory manager itself takes").table(table);
    let grew = |at: usize, index: usize| seen[at][index] - seen[at - 1][index];
    outcome.finding(
        "Page tables are nonpaged: 8 for 16 MiB, and what leads to them.",
        format!("{} bytes", grew(3, 1)),
        grew(3, 1) >= 8 * PAGE_SIZE && grew(3, 0) == 0,
    );
    outcome.finding(
        "Prototype PTEs are paged: the section's tables.",
        format!("{} bytes", grew(5, 0)),
        grew(5, 0) >= 8 * PAGE_SIZE,
    );
}

/// What is free of both pools while the driver allocates and frees.
pub(super) fn picture() -> Picture {
    let mut plot = Plot::new(Axis::count("allocations and frees of 1 MiB"), Axis::memory("free"));
    for (kind, colour) in PoolKind::ALL.into_iter().zip([Colour::BLUE, Colour::GREEN]) {
        let leak = leak(kind);
        let step = |step: usize| f64::from(u32::try_from(step).unwrap_or(0));
        let levels = leak.levels.iter();
        let points = levels.map(|level| (step(level.step), plotted(level.free)));
        let [low, high] = leak.marks;
        let name = name(kind);
        plot = plot
            .line(Series::new(format!("free {name}"), points.collect()).colour(colour))
            .level(format!("{name}: low"), plotted(low))
            .level(format!("{name}: high"), plotted(high));
    }
    Picture::new("A driver takes the pools, and gives them back", plot).subtitle(
        "Low at or below the lower mark, high at or above the upper one; between them neither",
    )
}
