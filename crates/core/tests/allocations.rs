//! Faults, trims and writes allocate nothing once the manager is warm, and where what they need is
//! set aside, nothing from the first one on.

use allocation_counter::measure;
use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Backing, Compressed, Config, Counters, DirtyTracking, Exception, Input, IoError,
    MEM_COMMIT, MEM_RESERVE, MEM_WRITE_WATCH, Manager, OperationId, Output, Refusal, SectionConfig,
    SpaceConfig, StoreConfig, View,
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

/// A world whose every input allocates nothing, from the first one on: what each needs is set aside
/// by the calls before it.
struct Cold {
    manager: Manager,
    reads: Vec<OperationId>,
    writes: Vec<OperationId>,
    compressions: Vec<OperationId>,
    extensions: Vec<(OperationId, u32)>,
    resumed: Vec<ThreadId>,
    raised: Vec<Exception>,
    inputs: u64,
    /// How much of what is compressed gets smaller, in steps.
    compressed: u16,
}

impl Cold {
    fn new(store: Option<u32>) -> Self {
        let mut config = Config::new(FRAMES).with_page_file(1024, 16_384);
        config.store = store.map(|frames_max| StoreConfig { frames_max });
        config.dirty_tracking = DirtyTracking::Fault;
        config.policy.waiters_max = 512;
        config.policy.reads_max = 32;
        config.policy.demand_zero_max = 16;
        config.policy.map_ahead_max = 16;
        config.policy.slots_ahead_permille = 1250;
        Self {
            manager: Manager::new(config).expect("a machine"),
            reads: Vec::with_capacity(4096),
            writes: Vec::with_capacity(4096),
            compressions: Vec::with_capacity(4096),
            extensions: Vec::with_capacity(4096),
            resumed: Vec::with_capacity(4096),
            raised: Vec::with_capacity(4096),
            inputs: 0,
            compressed: 0,
        }
    }

    fn space(&mut self) -> SpaceId {
        self.manager.create_space(SpaceConfig::default()).expect("a space")
    }

    fn committed(&mut self, space: SpaceId, pages: u64, flags: u32) -> u64 {
        let kind = MEM_RESERVE | MEM_COMMIT | flags;
        let bytes = pages * PAGE_SIZE;
        let allocation = Allocation { address: 0, bytes, kind, protection: 0x04 };
        loop {
            match self.manager.allocate(space, &allocation) {
                Ok(base) => return base,
                Err(Refusal::CommitmentLimit { .. }) => {
                    self.drain();
                    assert!(self.complete_one(), "the page file grows");
                }
                Err(refusal) => panic!("refused: {refusal}"),
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let what = format!("{input:?}");
        let info = measure(|| {
            self.manager.handle(Tick(self.inputs * 1_000_000), input);
            self.drain();
        });
        self.inputs += 1;
        assert_eq!(info.count_total, 0, "{what} allocated {} bytes", info.bytes_total);
        assert_eq!(info.count_current, 0, "{what} freed something");
    }

    fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::Read { operation } => self.reads.push(operation),
                Output::Write { operation } => self.writes.push(operation),
                Output::Compress { operation } => self.compressions.push(operation),
                Output::ExtendPageFile { operation, pages, .. } => {
                    self.extensions.push((operation, pages));
                }
                Output::Resume { thread } => self.resumed.push(thread),
                Output::Raise { exception, .. } => self.raised.push(exception),
                _ => {}
            }
        }
    }

    fn complete_one(&mut self) -> bool {
        let result = Ok(());
        if let Some((operation, pages)) = self.extensions.pop() {
            self.handle(Input::ExtendDone { operation, result: Ok(pages) });
        } else if let Some(operation) = self.compressions.pop() {
            let count = self.manager.frames_of(operation).len();
            let mut pages = self.manager.compressed_pages();
            for _ in 0..count {
                self.compressed = self.compressed.wrapping_add(1);
                pages.push(match self.compressed % 7 {
                    0 => Compressed::Same(u64::from(self.compressed)),
                    1 => Compressed::Incompressible,
                    size => Compressed::Bytes(size * 290),
                });
            }
            self.handle(Input::CompressDone { operation, pages });
        } else if let Some(operation) = self.writes.pop() {
            self.handle(Input::WriteDone { operation, result });
        } else if let Some(operation) = self.reads.pop() {
            self.handle(Input::ReadDone { operation, result });
        } else {
            return false;
        }
        true
    }

    /// An access with all that it needs; the exception that it raised.
    fn access(&mut self, space: SpaceId, address: u64, access: Access) -> Option<Exception> {
        let thread = ThreadId(1);
        self.resumed.clear();
        self.raised.clear();
        if self.manager.touch(space, address, access) {
            return None;
        }
        self.handle(Input::Fault { thread, space, address, access });
        while self.resumed.is_empty() && self.raised.is_empty() {
            assert!(self.complete_one(), "a thread waits for nothing");
        }
        self.raised.pop()
    }

    fn each(&mut self, space: SpaceId, base: u64, pages: impl Iterator<Item = u64>, how: Access) {
        for page in pages {
            let raised = self.access(space, base + page * PAGE_SIZE, how);
            assert_eq!(raised, None, "page {page}");
        }
    }

    /// Pages far more than frames, in several orders.
    fn work(&mut self, space: SpaceId, base: u64, pages: u64) {
        self.each(space, base, 0..pages, Access::Write);
        self.each(space, base, (0..pages).rev().step_by(3), Access::Read);
        self.each(space, base, (0..pages).map(|step| step * 1009 % pages), Access::Write);
    }
}

#[test]
fn nothing_allocates_from_the_first_fault_on_where_it_is_set_aside() {
    let mut world = Cold::new(None);
    let space = world.space();
    let base = world.committed(space, PAGES, 0);
    world.work(space, base, PAGES);
    // A second space, with pages far apart: each has tables of its own.
    let other = world.space();
    let kind = MEM_RESERVE;
    let reserved = Allocation { address: 0, bytes: 1 << 36, kind, protection: 0x04 };
    let far = world.manager.allocate(other, &reserved).expect("addresses");
    let places: Vec<u64> = (0..64).map(|n| far + n * (1 << 30)).collect();
    for address in &places {
        let kind = MEM_COMMIT;
        let one = Allocation { address: *address, bytes: PAGE_SIZE, kind, protection: 0x04 };
        world.manager.allocate(other, &one).expect("memory");
    }
    for address in places {
        assert_eq!(world.access(other, address, Access::Write), None);
    }
    let counters = *world.manager.counters();
    assert!(counters.hard > 1000 && counters.soft > 0, "{counters:?}");
    assert!(counters.pages_written > 1000 && counters.trimmed > 1000, "{counters:?}");
    world.manager.verify().expect("a sound state");
}

#[test]
fn nothing_allocates_where_pages_are_compressed_and_sent_on() {
    let mut world = Cold::new(Some(FRAMES / 2));
    let space = world.space();
    let base = world.committed(space, PAGES, 0);
    world.work(space, base, PAGES);
    let counters = *world.manager.counters();
    assert!(counters.compressed > 1000 && counters.decompressed > 100, "{counters:?}");
    assert!(counters.pages_written > 100, "some were sent on: {counters:?}");
    world.manager.verify().expect("a sound state");
}

#[test]
fn nothing_allocates_at_guards_copies_views_and_watched_writes() {
    let mut world = Cold::new(None);
    let spaces = [world.space(), world.space()];
    let section = SectionConfig {
        bytes: 600 * PAGE_SIZE,
        protection: 0x04,
        backing: Backing::PageFile,
        is_reserved: false,
    };
    let section = world.manager.create_section(&section).expect("a section");
    let view = |protection| View { section, offset: 0, bytes: 0, address: 0, protection };
    let shared = spaces.map(|space| world.manager.map_view(space, &view(0x04)).expect("a view"));
    let copied = world.manager.map_view(spaces[0], &view(0x08)).expect("a view");
    let guarded = world.committed(spaces[0], 512, 0);
    world.manager.protect(spaces[0], guarded, 512 * PAGE_SIZE, 0x104).expect("guards");
    let watched = world.committed(spaces[1], 512, MEM_WRITE_WATCH);
    world.drain();

    for (space, base) in spaces.into_iter().zip(shared) {
        world.each(space, base, 0..600, Access::Write);
    }
    world.each(spaces[0], copied, 0..600, Access::Read);
    world.each(spaces[0], copied, (0..600).step_by(2), Access::Write);
    for page in (0..512).step_by(2) {
        let address = guarded + page * PAGE_SIZE;
        let raised = world.access(spaces[0], address, Access::Write);
        assert!(matches!(raised, Some(Exception::GuardPage { .. })), "{raised:?}");
        assert_eq!(world.access(spaces[0], address, Access::Write), None);
    }
    world.each(spaces[1], watched, 0..512, Access::Read);
    world.each(spaces[1], watched, 0..512, Access::Write);
    for (space, base) in spaces.into_iter().zip(shared) {
        world.each(space, base, (0..600).rev(), Access::Write);
    }
    let counters = *world.manager.counters();
    assert_eq!((counters.copy_on_write, counters.guard), (300, 256), "{counters:?}");
    world.manager.verify().expect("a sound state");
}

#[test]
fn nothing_allocates_when_many_wait_reads_fail_and_pages_are_lost() {
    let mut world = Cold::new(None);
    let space = world.space();
    let base = world.committed(space, PAGES, 0);
    world.each(space, base, 0..PAGES, Access::Write);
    while world.complete_one() {}
    for round in 0..8 {
        // More threads than reads may be in progress, several on each page.
        for thread in 0..400 {
            let page = u64::from(thread / 3) * 17 + round;
            let address = base + page * PAGE_SIZE;
            let thread = ThreadId(thread);
            world.handle(Input::Fault { thread, space, address, access: Access::Read });
        }
        assert!(world.reads.len() <= 32, "{} reads are in progress", world.reads.len());
        while let Some(operation) = world.reads.pop() {
            let result = if round % 2 == 0 { Err(IoError(5)) } else { Ok(()) };
            world.handle(Input::ReadDone { operation, result });
            while !world.writes.is_empty() {
                world.complete_one();
            }
        }
    }
    assert!(world.raised.iter().any(|raised| matches!(raised, Exception::InPage { .. })));
    let frames = (0..FRAMES).map(memtide_core::page::Pfn);
    frames.for_each(|frame| world.handle(Input::Lost { frame, error: IoError(5) }));
    world.manager.verify().expect("a sound state");
}
