//! The balance set manager: who gives pages when memory is short, and which ones.

mod support;

use memtide_core::page::{Access, PAGE_SHIFT, SpaceId, Tick};
use memtide_core::{Config, Limits, PageState, Refusal};
use support::{World, at};

/// A machine with a page file that keeps so many pages available.
fn machine(frames: u32, low: u32, goal: u32) -> World {
    let mut config = Config::new(frames).with_page_file(4096, 4096);
    config.policy.available_low = low;
    config.policy.available_goal = goal;
    config.policy.modified_high = u32::MAX;
    World::new(config)
}

fn fill(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    let base = world.committed(space, pages);
    for page in 0..pages {
        world.write(space, at(base, page), 1 + page).expect("a write");
    }
    base
}

fn touch_all(world: &mut World, space: SpaceId, base: u64, pages: u64) {
    for page in 0..pages {
        world.access(space, at(base, page), Access::Read).expect("an access");
    }
}

fn size(world: &World, space: SpaceId) -> u32 {
    world.manager.snapshot().space(space).expect("it is there").working_set
}

fn trimmed(world: &World, space: SpaceId) -> u64 {
    world.manager.snapshot().space(space).expect("it is there").counters.trimmed
}

fn limit(world: &mut World, space: SpaceId, minimum: u64, maximum: u64, hard: (bool, bool)) {
    let (minimum, maximum) = (minimum << PAGE_SHIFT, maximum << PAGE_SHIFT);
    world
        .call(|manager| manager.set_working_set_limits(space, minimum, maximum, hard))
        .expect("limits that can be");
}

fn second(world: &mut World) {
    world.pass(Tick::SECOND);
    world.complete_all();
}

#[test]
fn pages_age_by_one_each_second_until_they_are_used() {
    let mut world = machine(64, 1, 1);
    let space = world.space();
    let base = fill(&mut world, space, 2);
    let ages = |world: &World| {
        let mut set = world.manager.snapshot().working_set(space).expect("it is there");
        set.sort_unstable_by_key(|entry| entry.page);
        set.iter().map(|entry| entry.age).collect::<Vec<_>>()
    };
    second(&mut world);
    let before = ages(&world);
    for round in 1..=3 {
        world.access(space, base, Access::Read).expect("a resident access");
        second(&mut world);
        assert_eq!(ages(&world), [0, before[1] + round]);
    }
    for _ in 0..10 {
        second(&mut world);
    }
    assert_eq!(ages(&world), [7, 7], "no page is older");
    let by_age = world.manager.snapshot().space(space).expect("it is there").ages;
    assert_eq!(by_age, [0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(trimmed(&world, space), 0, "there is memory enough");
}

#[test]
fn a_round_trims_until_the_goal_is_on_its_way() {
    let mut world = machine(64, 1, 16);
    let space = world.space();
    fill(&mut world, space, 60);
    assert_eq!(size(&world, space), 60);
    world.pass(Tick::SECOND);
    let coming = world.count(PageState::Modified) + world.pending.len();
    assert!(coming > 0);
    world.complete_all();
    let counts = world.manager.list_counts();
    let available = counts.zeroed + counts.free + counts.standby.iter().sum::<u32>();
    assert!((16..=17).contains(&available), "{counts:?}");
    assert_eq!(size(&world, space), 64 - available, "no more than was wanted");
}

#[test]
fn memory_that_is_low_is_trimmed_for_at_once() {
    let mut world = machine(64, 8, 16);
    let space = world.space();
    fill(&mut world, space, 64);
    assert_eq!(world.now, Tick(0), "no second has passed");
    assert!(trimmed(&world, space) > 0);
    world.complete_all();
    let counts = world.manager.list_counts();
    assert!(counts.zeroed + counts.free + counts.standby.iter().sum::<u32>() >= 8, "{counts:?}");
}

#[test]
fn a_larger_working_set_gives_more() {
    let mut world = machine(256, 1, 64);
    let (small, large) = (world.space(), world.space());
    fill(&mut world, small, 50);
    fill(&mut world, large, 200);
    second(&mut world);
    let (of_small, of_large) = (trimmed(&world, small), trimmed(&world, large));
    assert!(of_large >= 3 * of_small && of_small > 0, "{of_large} and {of_small}");
}

#[test]
fn an_idler_working_set_gives_more() {
    let mut world = machine(256, 1, 1);
    let (idle, busy) = (world.space(), world.space());
    fill(&mut world, idle, 100);
    let base = fill(&mut world, busy, 100);
    for _ in 0..5 {
        touch_all(&mut world, busy, base, 100);
        second(&mut world);
    }
    touch_all(&mut world, busy, base, 100);
    assert_eq!((trimmed(&world, idle), trimmed(&world, busy)), (0, 0));
    let third = world.space();
    fill(&mut world, third, 86);
    let (of_idle, of_busy) = (trimmed(&world, idle), trimmed(&world, busy));
    assert!(of_idle >= 4 * of_busy.max(1), "{of_idle} and {of_busy}");
}

#[test]
fn spaces_of_the_same_size_and_use_give_the_same() {
    let mut world = machine(256, 1, 64);
    let spaces: Vec<SpaceId> = (0..4).map(|_| world.space()).collect();
    for space in &spaces {
        fill(&mut world, *space, 60);
    }
    second(&mut world);
    let given: Vec<u64> = spaces.iter().map(|space| trimmed(&world, *space)).collect();
    let (least, most) = (given.iter().min(), given.iter().max());
    assert!(most <= least.map(|least| least + 1).as_ref(), "{given:?}");
    assert!(given[0] >= 12, "{given:?}");
}

#[test]
fn a_space_that_keeps_working_is_not_starved_by_one_that_takes_all() {
    let mut world = machine(128, 4, 8);
    world.is_checked = false;
    let (worker, hog) = (world.space(), world.space());
    let base = fill(&mut world, worker, 16);
    let huge = world.committed(hog, 1000);
    let mut missed = 0;
    for page in 0..1000 {
        world.write(hog, at(huge, page), 1).expect("a write");
        for own in 0..16 {
            if !world.manager.touch(worker, at(base, own), Access::Read) {
                missed += 1;
                world.access(worker, at(base, own), Access::Read).expect("an access");
            }
        }
        if page % 100 == 99 {
            world.check();
            second(&mut world);
        }
    }
    assert!(missed < 100, "{missed} of 16000 accesses faulted");
}

#[test]
fn the_minimum_is_left_while_others_have_more_than_theirs() {
    let mut world = machine(128, 2, 8);
    let (small, large) = (world.space(), world.space());
    limit(&mut world, small, 30, 40, (false, false));
    fill(&mut world, small, 30);
    for _ in 0..8 {
        second(&mut world);
    }
    let base = fill(&mut world, large, 200);
    touch_all(&mut world, large, base, 200);
    second(&mut world);
    assert_eq!(size(&world, small), 30, "old as its pages are");
    assert_eq!(trimmed(&world, small), 0);
}

#[test]
fn the_minimum_is_broken_only_when_no_frame_is_to_be_had_otherwise() {
    for is_hard in [false, true] {
        let mut world = machine(64, 1, 1);
        let (first, second) = (world.space(), world.space());
        limit(&mut world, first, 60, 64, (is_hard, false));
        fill(&mut world, first, 60);
        let base = fill(&mut world, second, 20);
        for page in 0..20 {
            assert_eq!(world.read(second, at(base, page)), Ok(1 + page));
        }
        if is_hard {
            assert_eq!(size(&world, first), 60, "a hard minimum is never broken");
        }
        limit(&mut world, first, 20, 64, (false, false));
        limit(&mut world, second, 40, 64, (is_hard, false));
        let more = fill(&mut world, second, 60);
        assert_eq!(world.read(second, at(more, 59)), Ok(60));
        assert!(size(&world, first) <= 44, "what is above the minimum can be taken");
    }
}

#[test]
fn a_soft_maximum_may_be_passed_while_memory_is_plentiful() {
    let mut world = machine(128, 1, 16);
    let space = world.space();
    limit(&mut world, space, 20, 30, (false, false));
    fill(&mut world, space, 100);
    assert_eq!(size(&world, space), 100);
    let base = world.committed(space, 40);
    for page in 0..40 {
        world.write(space, at(base, page), 1).expect("a write");
    }
    assert!(size(&world, space) <= 128 - 15, "from then on it replaces its own pages");
}

#[test]
fn a_hard_maximum_holds_even_while_memory_is_plentiful() {
    let mut world = machine(256, 1, 1);
    let space = world.space();
    let base = fill(&mut world, space, 60);
    limit(&mut world, space, 20, 30, (false, true));
    assert_eq!(size(&world, space), 30, "it is trimmed to it at once");
    for page in 0..60 {
        assert_eq!(world.read(space, at(base, page)), Ok(1 + page));
        assert!(size(&world, space) <= 30);
    }
    fill(&mut world, space, 60);
    assert_eq!(size(&world, space), 30);
    assert!(world.count(PageState::Zeroed) > 100);
}

#[test]
fn limits_are_told_as_they_were_set_and_senseless_ones_refused() {
    let mut world = machine(256, 1, 1);
    let space = world.space();
    limit(&mut world, space, 25, 50, (true, false));
    let expected =
        Limits { minimum: 25, maximum: 50, is_minimum_hard: true, is_maximum_hard: false };
    assert_eq!(world.manager.working_set_limits(space), Ok(expected));
    for (minimum, maximum) in [(0, 50), (51, 50), (1, 12)] {
        let refused = world.call(|manager| {
            let (minimum, maximum) = (minimum << PAGE_SHIFT, maximum << PAGE_SHIFT);
            manager.set_working_set_limits(space, minimum, maximum, (false, false))
        });
        assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    }
    let refused =
        world.call(|m| m.set_working_set_limits(space, 300 << 12, 300 << 12, (false, false)));
    assert!(matches!(refused, Err(Refusal::InsufficientResources { .. })), "{refused:?}");
    assert_eq!(world.manager.working_set_limits(space), Ok(expected));
    fill(&mut world, space, 10);
    world
        .call(|m| m.set_working_set_limits(space, u64::MAX, u64::MAX, (false, false)))
        .expect("both at most empty the set");
    assert_eq!((size(&world, space), world.manager.working_set_limits(space)), (0, Ok(expected)));
}

#[test]
fn a_page_that_is_used_again_after_it_was_trimmed_gets_a_second_chance() {
    let mut world = machine(64, 1, 1);
    let space = world.space();
    let base = fill(&mut world, space, 8);
    world.trim_space(space);
    world.flush();
    let reads = world.manager.counters().reads;
    touch_all(&mut world, space, base, 8);
    let counters = *world.manager.counters();
    assert_eq!((counters.soft, counters.reads), (8, reads), "standby kept it");
    let set = world.manager.snapshot().working_set(space).expect("it is there");
    assert!(set.iter().all(|entry| !entry.is_newcomer), "it is no newcomer any more");
}

#[test]
fn a_pass_over_everything_leaves_the_hot_pages_alone() {
    let mut world = machine(128, 4, 8);
    let space = world.space();
    let hot = fill(&mut world, space, 40);
    for _ in 0..3 {
        touch_all(&mut world, space, hot, 40);
        second(&mut world);
    }
    world.is_checked = false;
    let scanned = world.committed(space, 2000);
    let mut missed = 0;
    for page in 0..2000 {
        world.write(space, at(scanned, page), 1).expect("a write");
        // The hot pages are used all the time, but each much less often than pages come in.
        let own = at(hot, page % 40);
        if !world.manager.touch(space, own, Access::Read) {
            missed += 1;
            world.access(space, own, Access::Read).expect("an access");
        }
    }
    world.check();
    assert!(missed <= 80, "{missed} of 2000 accesses to hot pages faulted");
    let resident = (0..40).filter(|page| world.manager.touch(space, at(hot, *page), Access::Read));
    let resident = resident.count();
    assert!(resident >= 36, "{resident} of 40 hot pages are resident");
}

#[test]
fn the_next_deadline_is_a_second_away_while_there_is_a_space() {
    let mut world = machine(64, 1, 1);
    assert_eq!(world.manager.next_deadline(), None, "there is nothing to balance");
    world.pass(Tick(5 * Tick::SECOND.0 + 7));
    world.input(memtide_core::Input::Tick);
    let space = world.space();
    let period = world.manager.config().policy.balance_period;
    let due = world.manager.next_deadline().expect("a round is due");
    assert_eq!(due, world.now.after(period));
    for _ in 0..3 {
        let before = world.manager.next_deadline().expect("a round is due");
        second(&mut world);
        let after = world.manager.next_deadline().expect("a round is due");
        assert_eq!(after, before.after(period));
    }
    world.call(|manager| manager.destroy_space(space)).expect("it is there");
    assert_eq!(world.manager.next_deadline(), None);
}

#[test]
fn a_tick_that_comes_late_makes_one_round_and_not_many() {
    let mut world = machine(64, 1, 1);
    let space = world.space();
    fill(&mut world, space, 4);
    second(&mut world);
    let age =
        |world: &World| world.manager.snapshot().working_set(space).expect("it is there")[0].age;
    let before = age(&world);
    world.now = world.now.after(Tick(100 * Tick::SECOND.0));
    world.input(memtide_core::Input::Tick);
    assert_eq!(age(&world), before + 1);
    assert!(world.manager.next_deadline() > Some(world.now));
}
