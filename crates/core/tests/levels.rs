//! The nine conditions, judged by what really happens in a machine, and the system variables.

mod support;

use memtide_core::conditions::{
    Condition, ConditionSet, Profile, Sizes, State, Thresholds, Tracker,
};
use memtide_core::conditions::{Overrides, Reading};
use memtide_core::page::SpaceId;
use memtide_core::units::Bytes;
use memtide_core::{
    Config, IoError, MEM_RELEASE, Manager, Output, PoolAllocation, PoolAllocationId, PoolKind,
    Refusal,
};
use support::walk::Walk;
use support::{Io, World};

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;

fn set(manager: &Manager) -> ConditionSet {
    let readings = manager.conditions().into_iter();
    readings.filter(|reading| reading.state == State::Set).map(|r| r.condition).collect()
}

fn thresholds(config: &Config) -> Thresholds {
    let sizes = Sizes {
        physical: Bytes(u64::from(config.frames) * PAGE),
        paged_pool: Some(config.paged_pool),
        nonpaged_pool: Some(config.nonpaged_pool),
    };
    let windows = Thresholds::new(Profile::Windows, &sizes, &Overrides::default());
    config.thresholds.unwrap_or_else(|| windows.expect("no overrides"))
}

/// The changes of conditions among outputs, in their order.
fn changes(log: &[Output]) -> Vec<(Condition, State)> {
    let change = |output: &Output| match output {
        Output::Condition(reading) => Some((reading.condition, reading.state)),
        _ => None,
    };
    log.iter().filter_map(change).collect()
}

fn pool(world: &mut World, pool: PoolKind, bytes: u64) -> Result<PoolAllocationId, Refusal> {
    let allocation = PoolAllocation { pool, bytes, tag: *b"Test" };
    world.call(|manager| manager.allocate_pool(allocation))
}

fn pool_free(world: &World, kind: PoolKind) -> u64 {
    world.manager.snapshot().pool(kind).free()
}

#[test]
fn a_new_machine_tells_its_conditions_once() {
    let mut world = World::new(Config::new(2048).with_page_file(512, 512));
    let told = changes(&world.take_log());
    let high = [
        Condition::HighMemory,
        Condition::HighPagedPool,
        Condition::HighNonPagedPool,
        Condition::LowCommit,
    ];
    assert_eq!(set(&world.manager), high.into());
    assert_eq!(told.len(), Condition::COUNT, "from unknown to set or clear");
    assert!(told.iter().all(|(condition, state)| {
        (*state == State::Set) == high.contains(condition) && *state != State::Unknown
    }));
    let space = world.space();
    let base = world.committed(space, 4);
    world.write(space, base, 1).expect("a write");
    assert_eq!(changes(&world.take_log()), [], "nothing has changed since");
}

/// A machine that trims nothing by itself, and available pages as a number.
fn quiet_world() -> World {
    let mut config = Config::new(2048).with_page_file(4096, 4096);
    config.policy.available_low = 0;
    config.policy.available_goal = 0;
    config.policy.working_set_minimum = 0;
    World::new(config)
}

fn available(world: &World) -> u64 {
    world.manager.levels().available.expect("it is known").0 / PAGE
}

#[test]
fn memory_is_low_below_and_high_from_the_exact_page_on() {
    let mut world = quiet_world();
    let marks = thresholds(world.manager.config());
    let (low, high) = (marks.low_memory.pages(), marks.high_memory.pages());
    assert!(low > 2 && high > low + 2, "{low} {high}");
    let space = world.space();
    let base = world.committed(space, 2048);
    world.take_log();
    world.is_checked = false;
    let mut told = Vec::new();
    for page in 0..2048 - low + 1 {
        world.write(space, base + page * PAGE, 1).expect("a write");
        for change in changes(&world.take_log()) {
            told.push((available(&world), change));
        }
    }
    let margin = (marks.low_memory.0 / 8).max(PAGE).min((high - low) * PAGE / 4) / PAGE;
    let clears_high = high - margin - 1;
    assert_eq!(
        told,
        [
            (clears_high, (Condition::HighMemory, State::Clear)),
            (low - 1, (Condition::LowMemory, State::Set)),
        ]
    );
    // What a working set holds becomes available when it is trimmed and written: in one step.
    world.write_out();
    let told = changes(&world.take_log());
    assert_eq!(told, [(Condition::LowMemory, State::Clear), (Condition::HighMemory, State::Set)]);
    world.is_checked = true;
    world.check();
}

#[test]
fn a_crossing_in_one_batch_is_told_once() {
    let mut world = quiet_world();
    let space = world.space();
    world.take_log();
    let frames = world.call(|m| m.allocate_physical(space, 2040)).expect("frames");
    let told = changes(&world.take_log());
    assert!(
        told.starts_with(&[
            (Condition::LowMemory, State::Set),
            (Condition::HighMemory, State::Clear)
        ])
    );
    world.call(|manager| manager.free_physical(space, &frames)).expect("its own");
    let told = changes(&world.take_log());
    assert!(
        told.starts_with(&[
            (Condition::LowMemory, State::Clear),
            (Condition::HighMemory, State::Set)
        ])
    );
}

#[test]
fn each_pool_is_low_at_and_high_from_its_marks_on() {
    for kind in PoolKind::ALL {
        let mut world = World::new(Config::new(2048));
        let marks = thresholds(world.manager.config());
        let (marks, low, high) = match kind {
            PoolKind::Paged => {
                (marks.paged_pool, Condition::LowPagedPool, Condition::HighPagedPool)
            }
            PoolKind::NonPaged => {
                (marks.nonpaged_pool, Condition::LowNonPagedPool, Condition::HighNonPagedPool)
            }
        };
        let marks = marks.expect("the sizes are known");
        world.take_log();
        let to = |world: &World, free: u64| pool_free(world, kind) - free;
        let bytes = to(&world, marks.low.0 + 1);
        let most = pool(&mut world, kind, bytes).expect("room");
        assert_eq!(changes(&world.take_log()), [(high, State::Clear)]);
        let last = pool(&mut world, kind, 1).expect("room");
        assert_eq!(changes(&world.take_log()), [(low, State::Set)], "at the mark");
        world.call(|manager| manager.free_pool(last)).expect("held");
        assert_eq!(changes(&world.take_log()), [], "a level that dithers tells nothing");
        world.call(|manager| manager.free_pool(most)).expect("held");
        assert_eq!(changes(&world.take_log()), [(low, State::Clear), (high, State::Set)]);

        let free = pool_free(&world, kind);
        let refused = pool(&mut world, kind, free + 1);
        assert!(matches!(refused, Err(Refusal::InsufficientResources { .. })), "{refused:?}");
        let all = pool(&mut world, kind, free).expect("all of it");
        let found = world.manager.snapshot().pool(kind);
        assert_eq!((found.free(), found.peak), (0, found.limit));
        world.call(|manager| manager.free_pool(all)).expect("held");
        let found = world.manager.snapshot().pool(kind);
        assert_eq!((found.free(), found.peak), (free, found.limit), "a peak stays");
        let gone = world.call(|manager| manager.free_pool(all));
        assert!(matches!(gone, Err(Refusal::NoSuch { .. })), "{gone:?}");
    }
}

#[test]
fn what_the_manager_itself_takes_counts_for_the_pools() {
    let mut config = Config::new(512);
    config.nonpaged_pool = Bytes(MIB);
    let mut world = World::new(config);
    let kind = PoolKind::NonPaged;
    let mark = thresholds(world.manager.config()).nonpaged_pool.expect("known").low.0;
    let bytes = pool_free(&world, kind) - mark - 3 * PAGE;
    pool(&mut world, kind, bytes).expect("room");
    world.take_log();
    // A space needs page tables.
    let space = world.space();
    let base = world.committed(space, 1);
    world.write(space, base, 1).expect("a write");
    assert_eq!(changes(&world.take_log()), [(Condition::LowNonPagedPool, State::Set)]);
}

fn commit(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    world.committed(space, pages)
}

#[test]
fn commit_is_high_while_page_files_may_grow_and_at_its_maximum_when_none_can() {
    let mut world = World::new(Config::new(1024).with_page_file(1024, 12288));
    let space = world.space();
    world.take_log();
    let (limit, maximum) = {
        let commit = world.manager.snapshot().commit();
        (commit.limit(), commit.maximum())
    };
    assert_eq!((limit, maximum), (1023 + 1024, 1023 + 12288));
    let first = commit(&mut world, space, limit * 9 / 10 + 1);
    let told = changes(&world.take_log());
    assert_eq!(told, [(Condition::LowCommit, State::Clear), (Condition::HighCommit, State::Set)]);
    assert!(matches!(world.pending.front(), Some(Io::Extend(..))));
    // The file has grown: against the new limit the charge is low.
    world.complete_all();
    assert!(world.manager.snapshot().commit().limit() > limit);
    let told = changes(&world.take_log());
    assert_eq!(told, [(Condition::LowCommit, State::Set), (Condition::HighCommit, State::Clear)]);

    let left = maximum * 9 / 10 + 1 - world.charged();
    let second = commit(&mut world, space, left);
    world.complete_all();
    let found = set(&world.manager);
    assert!(found.contains(Condition::MaximumCommit), "{found:?}");
    assert!(!found.contains(Condition::LowCommit));
    let commit = world.manager.snapshot().commit();
    assert_eq!(found.contains(Condition::HighCommit), commit.limit() < commit.maximum());
    for base in [first, second] {
        world.call(|m| m.free(space, base, 0, MEM_RELEASE)).expect("a region");
    }
    assert!(set(&world.manager).contains(Condition::LowCommit));
    assert!(!set(&world.manager).contains(Condition::MaximumCommit));
}

#[test]
fn a_page_file_that_cannot_grow_lowers_the_maximum() {
    let mut world = World::new(Config::new(1024).with_page_file(1024, 8192));
    let space = world.space();
    let commit_limit = world.manager.snapshot().commit().limit();
    world.take_log();
    commit(&mut world, space, commit_limit * 9 / 10 + 1);
    assert!(set(&world.manager).contains(Condition::HighCommit));
    assert!(!set(&world.manager).contains(Condition::MaximumCommit));
    world.take_log();
    world.complete_with(0, Err(IoError(28)));
    let told = changes(&world.take_log());
    assert_eq!(
        told,
        [(Condition::HighCommit, State::Clear), (Condition::MaximumCommit, State::Set)]
    );
    let after = world.manager.snapshot().commit();
    assert_eq!((after.limit(), after.maximum()), (commit_limit, commit_limit));
}

#[test]
fn the_gate_misses_no_change_of_any_condition() {
    let marks = Overrides::default();
    let mut count = [0; Condition::COUNT];
    for seed in 1..=6 {
        let mut config = Config::new(128).with_page_file(64, 4096);
        config.paged_pool = Bytes(6 * MIB);
        config.nonpaged_pool = Bytes(6 * MIB + 5);
        // Marks that the walk crosses often, some of them off the page.
        let sizes = Sizes {
            physical: Bytes(128 * PAGE),
            paged_pool: Some(config.paged_pool),
            nonpaged_pool: Some(config.nonpaged_pool),
        };
        let mut windows = Thresholds::new(Profile::Windows, &sizes, &marks).expect("in order");
        windows.low_memory = Bytes(20 * PAGE + seed * 700);
        windows.high_memory = Bytes(34 * PAGE + seed);
        windows.low_commit = memtide_core::conditions::Permille(300);
        windows.high_commit = memtide_core::conditions::Permille(500);
        windows.maximum_commit = memtide_core::conditions::Permille(50);
        config.thresholds = Some(windows);
        let mut manager = Manager::new(config).expect("a machine");
        let mut tracker = Tracker::new(windows);
        tracker.update(&manager.levels());
        while manager.poll_output().is_some() {}
        let mut walk = Walk::new(seed);
        for step in 0..6000 {
            let (event, _, outputs) = walk.step(&mut manager);
            let expected = tracker.update(&manager.levels());
            let states = |readings: &[Reading; Condition::COUNT]| readings.map(|r| r.state);
            assert_eq!(
                states(&manager.conditions()),
                states(tracker.readings()),
                "seed {seed}, step {step}: {event:?}"
            );
            let told = changes(&outputs);
            for (condition, state) in &told {
                assert_eq!(tracker.reading(*condition).state, *state);
                assert!(expected.contains(*condition));
                count[*condition as usize] += 1;
            }
            assert_eq!(told.len(), expected.len(), "each change is told once");
        }
    }
    assert!(count.iter().all(|times| *times > 1), "the walk crossed every mark: {count:?}");
}

#[test]
fn the_system_variables_are_the_table_s_by_name_and_value() {
    let mut world = World::new(Config::new(256).with_page_file(128, 512));
    let space = world.space();
    let base = world.committed(space, 20);
    for page in 0..20 {
        world.write(space, base + page * PAGE, page).expect("a write");
    }
    world.write_out();
    for page in 0..10 {
        world.write(space, base + page * PAGE, page).expect("a write");
    }
    world.trim();
    world.call(|m| m.discard(space, base, 3 * PAGE)).expect("committed");
    let section = world.section(2, memtide_core::Backing::File);
    let view = world.view(space, section, 0x04);
    world.write(space, view, 1).expect("a write");
    world.call(|manager| manager.hold_writes(section)).expect("held");
    world.trim();
    world.call(|m| m.free(space, base + 19 * PAGE, PAGE, 0x4000)).expect("committed");
    let lists = world.manager.list_counts();
    assert!(lists.free > 0 && lists.zeroed > 0 && lists.modified > 0);
    assert_eq!(lists.modified_no_write, 1);
    let standby: u32 = lists.standby.iter().sum();
    assert!(standby > 0);
    let minimum = u64::from(world.manager.config().policy.working_set_minimum);
    let expected = [
        ("MmNumberOfPhysicalPages", 256),
        ("MmAvailablePages", u64::from(lists.zeroed + lists.free + standby)),
        ("MmResidentAvailablePages", 256 - minimum),
        ("MmTotalCommittedPages", 19),
        ("MmTotalCommitLimit", 255 + 128),
        ("MmTotalCommitLimitMaximum", 255 + 512),
        ("MmPeakCommitment", 20),
        ("MmZeroedPageListHead", u64::from(lists.zeroed)),
        ("MmFreePageListHead", u64::from(lists.free)),
        ("MmStandbyPageListHead", u64::from(standby)),
        ("MmModifiedPageListHead", u64::from(lists.modified)),
        ("MmModifiedNoWritePageListHead", 1),
        ("MmLowestPhysicalPage", 0),
        ("MmHighestPhysicalPage", 255),
    ];
    let found = world.manager.system_variables();
    assert_eq!(found.map(|variable| (variable.name, variable.value)), expected);
    assert!(found.iter().all(|variable| !variable.help.is_empty()));
}
