//! The six memory-list commands, and the query that shows the lists.

mod support;

use memtide_core::lists::STANDBY_PRIORITIES;
use memtide_core::page::{Access, SpaceId};
use memtide_core::units::{ByteDelta, Bytes};
use memtide_core::{Backing, ListCommand, ListCounts, PageState, Refusal, SpaceConfig};
use support::{Answer, World, at, quiet};

/// A machine in which every list has something, and the spaces in it.
struct Scene {
    world: World,
    /// Two pages in its working set, one of them locked; two standby pages.
    user: SpaceId,
    base: u64,
}

fn prioritized(world: &mut World, priority: u8) -> SpaceId {
    let privileges = memtide_core::Privileges { lock_memory: true };
    let config =
        SpaceConfig { page_priority: Some(priority), privileges, ..SpaceConfig::default() };
    world.call(|manager| manager.create_space(config)).expect("a space")
}

fn write_all(world: &mut World, space: SpaceId, base: u64, pages: u64) {
    for page in 0..pages {
        world.write(space, at(base, page), 1 + page).expect("a write");
    }
}

impl Scene {
    fn new() -> Self {
        let mut config = quiet(64).with_page_file(128, 128);
        config.policy.working_set_minimum = 10;
        let mut world = World::new(config);
        for priority in [0, 3] {
            let space = prioritized(&mut world, priority);
            let base = world.committed(space, 3);
            write_all(&mut world, space, base, 3);
            world.trim_space(space);
        }
        world.flush();
        let held = world.section(1, Backing::File);
        let writer = world.space();
        let view = world.map(writer, held);
        world.call(|manager| manager.hold_writes(held)).expect("held");
        write_all(&mut world, writer, view, 1);
        let file = world.section(1, Backing::File);
        let view = world.map(writer, file);
        write_all(&mut world, writer, view, 1);
        let base = world.committed(writer, 4);
        write_all(&mut world, writer, base, 4);
        world.trim_space(writer);
        world.decommit(writer, base, 1);
        let user = world.space();
        let base = world.committed(user, 2);
        write_all(&mut world, user, base, 2);
        assert_eq!(world.lock(user, base, 4096), Answer::Resumed);
        let bad = world.manager.snapshot().list(PageState::Zeroed).last().expect("one is zeroed");
        world.call(|manager| manager.mark_bad(bad)).expect("marked");
        world.take_log();
        Self { world, user, base }
    }

    fn counts(&self) -> ListCounts {
        self.world.manager.list_counts()
    }
}

#[test]
fn the_counts_tell_each_list_and_each_priority() {
    let scene = Scene::new();
    let expected = ListCounts {
        zeroed: 64 - 3 - 3 - 2 - 4 - 2 - 1,
        free: 1,
        modified: 4,
        modified_no_write: 1,
        bad: 1,
        standby: [3, 0, 0, 3, 0, 0, 0, 0],
        repurposed: [0; STANDBY_PRIORITIES],
        modified_page_file: 3,
    };
    assert_eq!(scene.counts(), expected);
}

#[test]
fn the_commands_have_windows_numbers() {
    assert_eq!(ListCommand::ALL.map(|command| command as u8), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn capturing_accessed_bits_moves_no_page() {
    for command in [ListCommand::CaptureAccessedBits, ListCommand::CaptureAndResetAccessedBits] {
        let mut scene = Scene::new();
        let before = scene.counts();
        assert_eq!(scene.world.command(command), 2, "both pages of the one working set");
        assert_eq!(scene.counts(), before);
        assert!(scene.world.take_log().is_empty());
    }
}

#[test]
fn capturing_notes_use_in_the_ages_and_only_the_reset_forgets_it() {
    let ages = |scene: &Scene| {
        let mut set = scene.world.manager.snapshot().working_set(scene.user).expect("it is there");
        set.sort_unstable_by_key(|entry| entry.page);
        set.iter().map(|entry| entry.age).collect::<Vec<_>>()
    };
    let mut scene = Scene::new();
    scene.world.command(ListCommand::CaptureAndResetAccessedBits);
    for _ in 0..3 {
        scene.world.access(scene.user, scene.base, Access::Read).expect("a resident access");
        scene.world.command(ListCommand::CaptureAndResetAccessedBits);
    }
    let aged = ages(&scene);
    assert_eq!(aged[0], 0, "it was used before each capture");
    assert!(aged[1] >= 3, "it was not: {aged:?}");
    scene.world.access(scene.user, at(scene.base, 1), Access::Read).expect("a resident access");
    scene.world.command(ListCommand::CaptureAccessedBits);
    scene.world.command(ListCommand::CaptureAccessedBits);
    assert_eq!(ages(&scene)[1], 0, "without a reset the use is seen again");
}

#[test]
fn emptying_working_sets_trims_every_page_that_is_not_locked() {
    let mut scene = Scene::new();
    let before = scene.counts();
    let frame = scene.world.frame(scene.user, scene.base);
    assert_eq!(scene.world.command(ListCommand::EmptyWorkingSets), 1);
    let after = ListCounts {
        modified: before.modified + 1,
        modified_page_file: before.modified_page_file + 1,
        ..before
    };
    assert_eq!(scene.counts(), after);
    assert_eq!(scene.world.state(frame), PageState::Active, "it is locked");
    assert!(scene.world.pending.is_empty());
}

#[test]
fn flushing_the_modified_list_makes_standby_pages_and_leaves_held_ones() {
    let mut scene = Scene::new();
    let before = scene.counts();
    scene.world.command(ListCommand::FlushModifiedList);
    assert!(!scene.world.pending.is_empty());
    scene.world.complete_all();
    let mut after = ListCounts { modified: 0, modified_page_file: 0, ..before };
    after.standby[5] += 4;
    assert_eq!(scene.counts(), after);
}

#[test]
fn purging_the_standby_list_frees_every_standby_page_and_no_other() {
    let mut scene = Scene::new();
    let before = scene.counts();
    assert_eq!(scene.world.command(ListCommand::PurgeStandbyList), 6);
    let after = ListCounts { free: before.free + 6, standby: [0; STANDBY_PRIORITIES], ..before };
    assert_eq!(scene.counts(), after, "a purge repurposes nothing");
    assert!(scene.world.pending.is_empty());
}

#[test]
fn purging_low_priority_standby_frees_priority_0_only() {
    let mut scene = Scene::new();
    let before = scene.counts();
    assert_eq!(scene.world.command(ListCommand::PurgeLowPriorityStandbyList), 3);
    let after = ListCounts { free: before.free + 3, standby: [0, 0, 0, 3, 0, 0, 0, 0], ..before };
    assert_eq!(scene.counts(), after);
    assert_eq!(scene.world.command(ListCommand::PurgeLowPriorityStandbyList), 0);
}

#[test]
fn the_lists_add_up_to_the_total_after_every_command() {
    let mut scene = Scene::new();
    for command in ListCommand::ALL {
        for completes in [false, true] {
            scene.world.command(command);
            if completes {
                scene.world.complete_all();
            }
            let lists = scene.world.manager.lists();
            assert_eq!(lists.total, Some(Bytes::from_pages(64)));
            assert_eq!(lists.unattributed(), Some(ByteDelta(0)), "{command:?}: {lists:?}");
            let by_priority = lists.standby_by_priority.expect("they are known");
            let sum = by_priority.into_iter().fold(Bytes::ZERO, Bytes::saturating_add);
            assert_eq!(Some(sum), lists.standby);
        }
    }
}

#[test]
fn pages_get_the_priority_that_their_space_has_when_they_come_in() {
    let mut world = World::new(quiet(32).with_page_file(64, 64));
    let space = world.space();
    let base = world.committed(space, 2);
    for priority in 0..8 {
        world.call(|manager| manager.set_page_priority(space, priority)).expect("a priority");
        world.decommit(space, base, 2);
        world
            .call(|m| m.allocate(space, &memtide_core::Allocation::commit_at(base, 8192)))
            .expect("committed");
        write_all(&mut world, space, base, 2);
        world.trim_space(space);
        world.flush();
        let mut expected = [0; STANDBY_PRIORITIES];
        expected[usize::from(priority)] = 2;
        assert_eq!(world.manager.list_counts().standby, expected);
    }
    let refused = world.manager.set_page_priority(space, 8);
    assert!(matches!(refused, Err(Refusal::InvalidParameter { value: 8, .. })), "{refused:?}");
}

#[test]
fn pages_of_every_priority_are_repurposed_in_its_order_and_counted_there() {
    let mut world = World::new(quiet(16).with_page_file(64, 64));
    for priority in (0..8).rev() {
        let space = prioritized(&mut world, priority);
        let base = world.committed(space, 2);
        write_all(&mut world, space, base, 2);
        world.trim_space(space);
        world.flush();
    }
    assert_eq!(world.manager.list_counts().standby, [2; STANDBY_PRIORITIES]);
    let taker = world.space();
    let base = world.committed(taker, 16);
    for page in 0..15 {
        world.access(taker, at(base, page), Access::Read).expect("an access");
        let counts = world.manager.list_counts();
        for priority in 0..STANDBY_PRIORITIES {
            let taken = (page + 1).saturating_sub(2 * priority as u64).min(2);
            assert_eq!(counts.repurposed[priority], taken);
            assert_eq!(u64::from(counts.standby[priority]), 2 - taken);
        }
    }
}
