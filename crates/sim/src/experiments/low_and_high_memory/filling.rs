//! Machines are filled and emptied, a page at a time, until the conditions change.

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{Access, PAGE_SIZE, SpaceId};
use memtide_core::units::Bytes;
use memtide_core::{Allocation, Call, Config, MEM_DECOMMIT, Range};

use super::super::outcome::{Outcome, Table};
use super::super::stage::Stage;
use super::marks;
use crate::machine::Machine;

/// Sizes that are filled to the mark, in MiB.
const SIZES: [u64; 3] = [128, 1_024, 4_096];

/// What was available when each condition changed.
struct Crossings {
    high_cleared: Bytes,
    low_set: Bytes,
    low_cleared: Bytes,
    high_set: Bytes,
}

struct Filling {
    stage: Stage,
    space: SpaceId,
    base: u64,
    /// Pages that are in use.
    used: u64,
}

impl Filling {
    fn new(mib: u64) -> Self {
        let pages = Bytes::from_mib(mib).pages();
        let frames = u32::try_from(pages).unwrap_or(u32::MAX);
        // Without a page file nothing leaves memory but what the program frees.
        let mut stage = Stage::new(&Machine::new(Config::new(frames)));
        let space = stage.process();
        let base = stage.allocate(space, Allocation::committed(pages * PAGE_SIZE));
        Self { stage, space, base, used: 0 }
    }

    fn available(&self) -> Bytes {
        Bytes::from_pages(self.stage.available())
    }

    fn is(&self, condition: Condition) -> State {
        self.stage.world.manager().conditions()[condition.index()].state
    }

    /// Writes more pages until a condition is so; what is available then.
    fn fill_until(&mut self, condition: Condition, state: State) -> Bytes {
        while self.available() > Bytes::ZERO && !self.changed(condition, state) {
            let address = self.base + self.used * PAGE_SIZE;
            self.stage.access(self.space, address, Access::Write);
            self.used += 1;
        }
        self.available()
    }

    fn empty_until(&mut self, condition: Condition, state: State) -> Bytes {
        while self.used > 0 && !self.changed(condition, state) {
            self.used -= 1;
            let address = self.base + self.used * PAGE_SIZE;
            let range = Range { space: self.space, address, bytes: PAGE_SIZE };
            self.stage.must(&Call::Free(range, MEM_DECOMMIT));
        }
        self.available()
    }

    /// Whether the manager has told of it.
    fn changed(&self, condition: Condition, state: State) -> bool {
        let mut readings = self.stage.world.readings().iter().rev();
        let last = readings.find(|(_, reading)| reading.condition == condition);
        last.is_some_and(|(_, reading)| reading.state == state)
    }
}

fn crossings(mib: u64) -> Crossings {
    let mut filling = Filling::new(mib);
    assert_eq!(filling.is(Condition::HighMemory), State::Set, "nothing is in use");
    Crossings {
        high_cleared: filling.fill_until(Condition::HighMemory, State::Clear),
        low_set: filling.fill_until(Condition::LowMemory, State::Set),
        low_cleared: filling.empty_until(Condition::LowMemory, State::Clear),
        high_set: filling.empty_until(Condition::HighMemory, State::Set),
    }
}

pub(super) fn show(outcome: &mut Outcome) {
    let mut table = Table::new(&[
        "memory",
        "high cleared",
        "low set",
        "low cleared",
        "high set",
        "low mark",
        "high mark",
    ]);
    let mut exact = true;
    let mut late = true;
    for mib in SIZES {
        let [low, high] = marks(mib);
        let seen = crossings(mib);
        let levels = [seen.high_cleared, seen.low_set, seen.low_cleared, seen.high_set, low, high];
        let memory = Bytes::from_mib(mib).to_string();
        table.row(std::iter::once(memory).chain(levels.map(kib)));
        let page = Bytes(PAGE_SIZE);
        exact &= seen.low_set == low.saturating_sub(page) && seen.high_set == high;
        late &= seen.low_cleared > low && seen.high_cleared < high;
    }
    outcome
        .step("Fill machines a page at a time, then empty them; what is available at each change")
        .table(table);
    outcome.finding(
        "Low memory is set by the first page below its mark, high memory by the last one that \
         reaches its own.",
        if exact { "to the page, on all three" } else { "elsewhere" },
        exact,
    );
    outcome.finding(
        "They are cleared a little later, so that a level at the mark does not flap.",
        if late { "on all three" } else { "not everywhere" },
        late,
    );
}

fn kib(bytes: Bytes) -> String {
    format!("{} KiB", bytes.0 / 1_024)
}
