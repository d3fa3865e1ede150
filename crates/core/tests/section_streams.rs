//! Streams through a section: its pages are zeroed, read and mapped ahead as private ones are.

mod support;

use memtide_core::page::SpaceId;
use memtide_core::{Backing, Config, DirtyTracking, StoreConfig};
use support::World;

const READ_ONLY: u32 = 0x02;
const READ_WRITE: u32 = 0x04;
const WRITE_COPY: u32 = 0x08;

/// Faults of any kind so far.
fn faults(world: &World) -> u64 {
    let counters = world.manager.counters();
    counters.demand_zero
        + counters.soft
        + counters.hard
        + counters.decompressed
        + counters.prototype
        + counters.first_writes
}

/// How many faults each pass through some memory takes: new, trimmed, and paged out; read and
/// written.
fn passes(world: &mut World, space: SpaceId, base: u64, pages: u64) -> Vec<u64> {
    let mut taken = Vec::new();
    for round in 0..3 {
        for writes in [false, true] {
            let before = faults(world);
            for page in 0..pages {
                let at = support::at(base, page);
                let held = if round == 0 { 0 } else { round * 1000 + page };
                match writes {
                    false => assert_eq!(world.read(space, at), Ok(held), "page {page}"),
                    true => world.write(space, at, (round + 1) * 1000 + page).expect("memory"),
                }
            }
            taken.push(faults(world) - before);
        }
        if round == 0 { world.write_out() } else { world.page_out() }
    }
    taken
}

#[test]
fn a_stream_through_a_section_takes_no_more_faults_than_one_through_private_memory() {
    for tracking in [DirtyTracking::Hardware, DirtyTracking::Fault] {
        for store in [None, Some(40)] {
            let mut config = Config::new(256).with_page_file(512, 512);
            config.dirty_tracking = tracking;
            config.store = store.map(|frames_max| StoreConfig { frames_max });
            let policy = &mut config.policy;
            (policy.demand_zero_max, policy.map_ahead_max, policy.read_cluster_max) = (8, 8, 8);
            let mut world = World::new(config);
            let space = world.space();
            let private = world.committed(space, 64);
            let expected = passes(&mut world, space, private, 64);
            assert!(expected.iter().all(|faults| *faults < 40), "{expected:?}");
            let section = world.section(64, Backing::PageFile);
            let view = world.view(space, section, READ_WRITE);
            assert_eq!(passes(&mut world, space, view, 64), expected, "{tracking:?} {store:?}");

            // What another view has in memory is mapped ahead too.
            let other = world.view(space, section, READ_ONLY);
            let read = |world: &mut World, base| {
                let before = faults(world);
                for page in 0..64 {
                    assert_eq!(world.read(space, support::at(base, page)), Ok(3000 + page));
                }
                faults(world) - before
            };
            read(&mut world, view);
            let before = world.manager.counters().prototype;
            assert_eq!(read(&mut world, other), expected[0]);
            assert_eq!(world.manager.counters().prototype - before, expected[0]);
        }
    }
}

#[test]
fn what_lies_ahead_of_a_stream_through_a_view_is_its_own_where_it_was_copied() {
    let mut config = Config::new(256).with_page_file(512, 512);
    let policy = &mut config.policy;
    (policy.demand_zero_max, policy.map_ahead_max, policy.read_cluster_max) = (8, 8, 8);
    let mut world = World::new(config);
    let space = world.space();
    let section = world.section(64, Backing::PageFile);
    let (shared, copied) =
        (world.view(space, section, READ_WRITE), world.view(space, section, WRITE_COPY));
    for page in 0..64 {
        world.write(space, support::at(shared, page), 100 + page).expect("memory");
    }
    for page in (0..64).step_by(3) {
        world.write(space, support::at(copied, page), 900 + page).expect("a copy");
    }
    for leave in [World::trim, World::page_out] {
        leave(&mut world);
        for page in 0..64 {
            let own = if page % 3 == 0 { 900 + page } else { 100 + page };
            assert_eq!(world.read(space, support::at(copied, page)), Ok(own));
            assert_eq!(world.read(space, support::at(shared, page)), Ok(100 + page));
        }
    }
}
