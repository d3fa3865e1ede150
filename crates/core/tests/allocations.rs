//! Faults, trims and writes allocate nothing once the manager is warm.

use allocation_counter::measure;
use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Config, Counters, Input, Manager, OperationId, Output, SpaceConfig,
};

const FRAMES: u32 = 1024;

/// Four times as many pages as frames, so that most of them are in the page file.
const PAGES: u64 = 4096;

/// Pages that stay in memory, in any state.
const FEW: u64 = 256;

/// A world without contents that allocates nothing of its own.
struct World {
    manager: Manager,
    space: SpaceId,
    base: u64,
    reads: Vec<OperationId>,
    writes: Vec<OperationId>,
    is_resumed: bool,
}

impl World {
    fn new() -> Self {
        let config = Config::new(FRAMES).with_page_file(16_384, 16_384);
        let mut manager = Manager::new(config).expect("a machine");
        let space = manager.create_space(SpaceConfig::default()).expect("a space");
        let allocation = Allocation::committed(PAGES * PAGE_SIZE);
        let base = manager.allocate(space, &allocation).expect("memory");
        let (reads, writes) = (Vec::with_capacity(64), Vec::with_capacity(64));
        Self { manager, space, base, reads, writes, is_resumed: false }
    }

    fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Read { operation } => self.reads.push(operation),
                Output::Write { operation } => self.writes.push(operation),
                Output::Resume { .. } => self.is_resumed = true,
                Output::Raise { exception, .. } => panic!("an access raised {exception:?}"),
                _ => {}
            }
        }
    }

    /// Ends one operation; `false` if none is in progress.
    fn complete_one(&mut self) -> bool {
        let result = Ok(());
        let input = if let Some(operation) = self.writes.pop() {
            Input::WriteDone { operation, result }
        } else if let Some(operation) = self.reads.pop() {
            Input::ReadDone { operation, result }
        } else {
            return false;
        };
        self.manager.handle(Tick(0), input);
        self.drain();
        true
    }

    /// An access by way of a fault, with all the I/O that it needs.
    fn access(&mut self, page: u64, access: Access) {
        let (thread, space, address) = (ThreadId(1), self.space, self.base + page * PAGE_SIZE);
        self.is_resumed = self.manager.touch(space, address, access);
        if !self.is_resumed {
            self.manager.handle(Tick(0), Input::Fault { thread, space, address, access });
            self.drain();
        }
        while !self.is_resumed {
            assert!(self.complete_one(), "a thread waits for nothing");
        }
    }

    fn trim(&mut self) {
        self.manager.empty_working_set(self.space).expect("the space exists");
        self.drain();
        while self.complete_one() {}
    }

    fn discard(&mut self, pages: u64) {
        let (space, base) = (self.space, self.base);
        self.manager.discard(space, base, pages * PAGE_SIZE).expect("it is committed");
        self.drain();
    }
}

/// What one round counts, after it has run often enough to be warm and without an allocation.
fn warm_round(
    world: &mut World,
    mut prepare: impl FnMut(&mut World),
    mut round: impl FnMut(&mut World),
) -> (Counters, Counters) {
    for _ in 0..3 {
        prepare(world);
        round(world);
    }
    prepare(world);
    let before = *world.manager.counters();
    let info = measure(|| round(world));
    let after = *world.manager.counters();
    assert_eq!(info.count_total, 0, "a warm round allocated {} bytes", info.bytes_total);
    world.manager.verify().expect("a sound state");
    (before, after)
}

#[test]
fn hard_faults_writes_and_replacement_allocate_nothing() {
    let mut world = World::new();
    let (before, after) = warm_round(
        &mut world,
        |_| {},
        |world| {
            (0..PAGES).for_each(|page| world.access(page, Access::Write));
            // Backwards and at random as well: other streams, other clusters.
            (0..PAGES).rev().step_by(3).for_each(|page| world.access(page, Access::Read));
            (0..PAGES).for_each(|step| world.access(step * 1009 % PAGES, Access::Write));
        },
    );
    assert!(after.hard - before.hard > 1000, "{after:?}");
    assert!(after.pages_written - before.pages_written > 1000, "{after:?}");
    assert!(after.trimmed - before.trimmed > 1000, "{after:?}");
}

#[test]
fn soft_faults_allocate_nothing() {
    let mut world = World::new();
    (0..FEW).for_each(|page| world.access(page, Access::Write));
    let (before, after) = warm_round(&mut world, World::trim, |world| {
        (0..FEW).for_each(|page| world.access(page, Access::Read));
    });
    assert_eq!(after.soft - before.soft, FEW);
}

#[test]
fn demand_zero_faults_allocate_nothing() {
    let mut world = World::new();
    let (before, after) = warm_round(
        &mut world,
        |world| world.discard(FEW),
        |world| {
            (0..FEW).for_each(|page| world.access(page, Access::Write));
        },
    );
    assert_eq!(after.demand_zero - before.demand_zero, FEW);
}

#[test]
fn trims_clean_and_dirty_allocate_nothing() {
    let mut world = World::new();
    for access in [Access::Read, Access::Write] {
        let prepare = |world: &mut World| {
            (0..FEW).for_each(|page| world.access(page, access));
        };
        let (before, after) = warm_round(&mut world, prepare, World::trim);
        assert_eq!(after.trimmed - before.trimmed, FEW);
    }
}

#[test]
fn a_frame_costs_its_entry_of_32_bytes_and_no_more() {
    let bytes = |frames: u32| {
        let mut manager = None;
        let info = measure(|| manager = Some(Manager::new(Config::new(frames))));
        assert!(manager.is_some_and(|manager| manager.is_ok()));
        info.bytes_current
    };
    let (few, many) = (1 << 14, 1 << 18);
    // Two bytes more for each large page: how many of its 512 frames are available.
    let expected = i64::from(many - few) * 32 + i64::from(many - few) / 512 * 2;
    assert_eq!(bytes(many) - bytes(few), expected);
}
