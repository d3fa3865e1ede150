//! Which pages of a region were written.

mod support;

use memtide_core::page::{Access, SpaceId};
use memtide_core::{
    Allocation, Config, DirtyTracking, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE,
    MEM_WRITE_WATCH, PoolKind, Refusal,
};
use support::World;

const PAGE: u64 = 4096;
const MODES: [DirtyTracking; 2] = [DirtyTracking::Hardware, DirtyTracking::Fault];

fn world(mode: DirtyTracking) -> World {
    let mut config = Config::new(128).with_page_file(512, 512);
    config.dirty_tracking = mode;
    World::new(config)
}

/// Committed memory of so many pages that notes writes.
fn watched(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;
    let wanted = Allocation { address: 0, bytes: pages * PAGE, kind, protection: 0x04 };
    world.call(|manager| manager.allocate(space, &wanted)).expect("memory")
}

/// The pages of a region that were written, counted from its base.
fn written(world: &mut World, space: SpaceId, base: u64, pages: u64, resets: bool) -> Vec<u64> {
    let found = world.call(|m| m.write_watch(space, base, pages * PAGE, resets, usize::MAX));
    found.expect("it is watched").iter().map(|address| (address - base) / PAGE).collect()
}

#[test]
fn the_pages_written_since_the_allocation_are_told_in_order() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 70);
        assert_eq!(written(&mut world, space, base, 70, false), []);
        for page in [69, 3, 64, 63, 0, 3] {
            world.write(space, base + page * PAGE + 17, page).expect("a write");
        }
        for _ in 0..2 {
            assert_eq!(written(&mut world, space, base, 70, false), [0, 3, 63, 64, 69]);
        }
        let part = world.call(|m| m.write_watch(space, base + 3 * PAGE + 5, 61 * PAGE, false, 9));
        assert_eq!(part, Ok([3, 63, 64].map(|page| base + page * PAGE).to_vec()));
    }
}

#[test]
fn reads_and_fetches_mark_nothing() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 4);
        world.call(|m| m.protect(space, base, 4 * PAGE, 0x40)).expect("committed");
        for _ in 0..2 {
            for page in 0..4 {
                world.read(space, base + page * PAGE).expect("a read");
                world.access(space, base + page * PAGE, Access::Execute).expect("a fetch");
            }
            assert_eq!(written(&mut world, space, base, 4, false), []);
            world.page_out();
        }
    }
}

#[test]
fn the_reset_flag_forgets_what_it_tells_and_the_next_write_is_noted_again() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 8);
        for round in 0..3 {
            for page in [1, 5] {
                world.write(space, base + page * PAGE, round).expect("a write");
                world.write(space, base + page * PAGE, round + 1).expect("a write");
            }
            assert_eq!(written(&mut world, space, base, 8, true), [1, 5], "round {round}");
            assert_eq!(written(&mut world, space, base, 8, true), [], "round {round}");
            assert!(!world.manager.touch(space, base + PAGE, Access::Write), "it faults again");
            assert!(world.manager.touch(space, base + PAGE, Access::Read));
        }
        assert_eq!(world.read(space, base + PAGE), Ok(3), "what was written stays");
    }
}

#[test]
fn reset_write_watch_forgets_a_range_and_nothing_else() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 8);
        for page in 0..8 {
            world.write(space, base + page * PAGE, 1).expect("a write");
        }
        let range = (base + 2 * PAGE, 3 * PAGE);
        world.call(|m| m.reset_write_watch(space, range.0, range.1)).expect("watched");
        assert_eq!(written(&mut world, space, base, 8, false), [0, 1, 5, 6, 7]);
    }
}

#[test]
fn a_short_array_leaves_the_rest_written() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 8);
        for page in [1, 2, 4, 6] {
            world.write(space, base + page * PAGE, 1).expect("a write");
        }
        let mut told = Vec::new();
        for expected in [2, 2, 0] {
            let some = world.call(|m| m.write_watch(space, base, 8 * PAGE, true, 2));
            let some = some.expect("watched");
            assert_eq!(some.len(), expected);
            told.extend(some.iter().map(|address| (address - base) / PAGE));
        }
        assert_eq!(told, [1, 2, 4, 6], "each is told once");
    }
}

#[test]
fn what_is_not_watched_is_refused() {
    let mut world = world(DirtyTracking::Hardware);
    let space = world.space();
    let base = watched(&mut world, space, 8);
    let plain = world.committed(space, 8);
    for page in 0..8 {
        world.write(space, base + page * PAGE, 1).expect("a write");
    }
    for (address, bytes) in [
        (plain, PAGE),
        (base, 9 * PAGE),
        (base + 7 * PAGE, PAGE + 1),
        (base, 0),
        (base + 8 * PAGE, PAGE),
        (base, u64::MAX),
        (0, PAGE),
    ] {
        for resets in [false, true] {
            let refused = world.call(|m| m.write_watch(space, address, bytes, resets, 9));
            let Err(refusal @ Refusal::InvalidParameter { .. }) = refused else {
                panic!("{address:#x} {bytes:#x}: {refused:?}")
            };
            assert_eq!(refusal.win32(), 87);
        }
        let refused = world.call(|manager| manager.reset_write_watch(space, address, bytes));
        assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    }
    let refused = world.call(|m| m.write_watch(space, base, 8 * PAGE, true, 0));
    assert!(matches!(refused, Err(Refusal::InvalidParameter { value: 0, .. })), "no room");
    assert_eq!(written(&mut world, space, base, 8, false).len(), 8, "nothing was reset");
    let kind = MEM_COMMIT | MEM_WRITE_WATCH;
    let wanted = Allocation { address: base, bytes: PAGE, kind, protection: 0x04 };
    assert!(world.call(|m| m.allocate(space, &wanted)).is_err(), "only with a reservation");
}

#[test]
fn marks_survive_trimming_and_page_out() {
    for mode in MODES {
        for store in [0, 16] {
            let mut config = Config::new(128).with_page_file(512, 512);
            config.dirty_tracking = mode;
            let config = if store > 0 { config.with_store(store) } else { config };
            let mut world = World::new(config);
            let space = world.space();
            let base = watched(&mut world, space, 8);
            for page in [2, 3] {
                world.write(space, base + page * PAGE, 7).expect("a write");
            }
            for leave in [World::trim, World::write_out, World::page_out] {
                leave(&mut world);
                assert_eq!(written(&mut world, space, base, 8, false), [2, 3]);
                world.read(space, base + 2 * PAGE).expect("a read");
                assert_eq!(written(&mut world, space, base, 8, false), [2, 3]);
            }
        }
    }
}

#[test]
fn writes_through_every_kind_of_fault_are_noted() {
    for mode in MODES {
        for store in [0, 16] {
            let mut config = Config::new(128).with_page_file(512, 512);
            config.dirty_tracking = mode;
            let config = if store > 0 { config.with_store(store) } else { config };
            let mut world = World::new(config);
            let space = world.space();
            let base = watched(&mut world, space, 4);
            world.write(space, base, 1).expect("a demand-zero fault");
            assert_eq!(written(&mut world, space, base, 4, true), [0]);
            for leave in [World::trim, World::write_out, World::page_out] {
                leave(&mut world);
                assert_eq!(written(&mut world, space, base, 4, false), [], "{mode:?} {store}");
                world.write(space, base, 2).expect("a fault");
                assert_eq!(written(&mut world, space, base, 4, true), [0], "{mode:?} {store}");
                // Read back first, then written.
                leave(&mut world);
                world.read(space, base).expect("a fault");
                assert_eq!(written(&mut world, space, base, 4, false), []);
                world.write(space, base, 3).expect("a write");
                assert_eq!(written(&mut world, space, base, 4, true), [0]);
            }
            let counters = *world.manager.counters();
            assert!(counters.soft > 0 && counters.hard + counters.decompressed > 0);
        }
    }
}

#[test]
fn a_reset_of_a_page_that_is_away_is_kept_for_its_return() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 2);
        world.write(space, base, 1).expect("a write");
        world.page_out();
        assert_eq!(written(&mut world, space, base, 2, true), [0]);
        world.read(space, base).expect("a read");
        assert_eq!(written(&mut world, space, base, 2, false), []);
        world.write(space, base, 2).expect("a write");
        assert_eq!(written(&mut world, space, base, 2, false), [0]);
    }
}

#[test]
fn a_page_that_is_decommitted_was_not_written() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 4);
        for page in 0..4 {
            world.write(space, base + page * PAGE, 1).expect("a write");
        }
        world.call(|m| m.free(space, base + PAGE, 2 * PAGE, MEM_DECOMMIT)).expect("committed");
        assert_eq!(written(&mut world, space, base, 4, false), [0, 3]);
        let again = Allocation::commit_at(base, 4 * PAGE);
        world.call(|manager| manager.allocate(space, &again)).expect("reserved");
        assert_eq!(written(&mut world, space, base, 4, false), [0, 3]);
    }
}

#[test]
fn a_refused_write_is_none_and_a_protection_keeps_the_marks() {
    for mode in MODES {
        let mut world = world(mode);
        let space = world.space();
        let base = watched(&mut world, space, 3);
        world.write(space, base, 1).expect("a write");
        for constant in [0x02, 0x104, 0x01] {
            world.call(|m| m.protect(space, base + PAGE, PAGE, constant)).expect("committed");
            assert!(world.write(space, base + PAGE, 1).is_err());
            assert_eq!(written(&mut world, space, base, 3, false), [0], "{constant:#x}");
        }
        world.call(|m| m.protect(space, base, 3 * PAGE, 0x04)).expect("committed");
        assert_eq!(written(&mut world, space, base, 3, false), [0]);
        world.write(space, base + PAGE, 1).expect("a write");
        assert_eq!(written(&mut world, space, base, 3, false), [0, 1]);
    }
}

#[test]
fn locked_pages_are_watched_too() {
    for mode in MODES {
        let mut config = Config::new(2048);
        config.dirty_tracking = mode;
        let mut world = World::new(config);
        let space = world.space();
        let base = watched(&mut world, space, 3);
        assert_eq!(world.lock(space, base, 3 * PAGE), support::Answer::Resumed);
        assert_eq!(written(&mut world, space, base, 3, false), [], "a lock only reads");
        world.write(space, base + PAGE, 1).expect("a write");
        assert_eq!(written(&mut world, space, base, 3, true), [1]);
        world.write(space, base + PAGE, 2).expect("a write");
        assert_eq!(written(&mut world, space, base, 3, true), [1]);
    }
}

#[test]
fn the_map_of_a_watched_region_is_the_paged_pool_s() {
    let mut world = world(DirtyTracking::Hardware);
    let space = world.space();
    let used = |world: &World| world.manager.snapshot().pool(PoolKind::Paged).used;
    let before = used(&world);
    let base = watched(&mut world, space, 130);
    assert_eq!(used(&world), before + 3 * 8, "a bit a page, in words");
    let region = world.manager.snapshot().regions(space).expect("a space").remove(0);
    assert!(region.has_write_watch);
    world.call(|m| m.free(space, base, 0, MEM_RELEASE)).expect("a region");
    assert_eq!(used(&world), before);
}
