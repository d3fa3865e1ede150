//! Each resource in turn runs out: that is refused cleanly, and everything works again once some is
//! given back.

mod support;

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{Access, PAGE_SHIFT, PAGE_SIZE, SpaceId, ThreadId, Tick};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Backing, Config, Exception, Input, ListCommand, MEM_RELEASE, MEM_WRITE_WATCH,
    Manager, PageState, PoolAllocation, PoolKind, Refusal, SectionConfig, SpaceConfig, View,
};
use support::{Answer, World, at, file_mark, quiet};

const FIRST: ThreadId = ThreadId(1);
const SECOND: ThreadId = ThreadId(2);

fn mark(page: u64) -> u64 {
    1 + page * 10
}

fn fill(world: &mut World, space: SpaceId, base: u64, pages: u64) {
    for page in 0..pages {
        world.write(space, at(base, page), mark(page)).expect("a write");
    }
}

fn expect_filled(world: &mut World, space: SpaceId, base: u64, pages: u64) {
    for page in 0..pages {
        assert_eq!(world.read(space, at(base, page)), Ok(mark(page)), "page {page}");
    }
}

fn commit_more(world: &mut World, space: SpaceId, pages: u64) -> Result<u64, Refusal> {
    let allocation = Allocation::committed(pages << PAGE_SHIFT);
    world.call(|manager| manager.allocate(space, &allocation))
}

fn no_memory<T>(address: u64) -> Result<T, Exception> {
    Err(Exception::NoMemory { address })
}

/// Ends every space and section; nothing may be left.
fn expect_all_back(mut world: World) {
    let snapshot = world.manager.snapshot();
    let spaces: Vec<SpaceId> = snapshot.spaces().collect();
    let held: Vec<_> = snapshot.sections().map(|section| section.section).collect();
    for space in spaces {
        world.call(|manager| manager.destroy_space(space)).expect("it is there");
    }
    for section in held {
        // One that only a view kept is gone by now.
        let _ = world.call(|manager| manager.close_section(section));
    }
    world.complete_all();
    let counts = world.manager.list_counts();
    let available = counts.zeroed + counts.free + counts.bad;
    assert_eq!(available, world.manager.config().frames);
    let snapshot = world.manager.snapshot();
    assert_eq!((snapshot.commit().charged(), snapshot.waiting()), (0, 0));
    assert_eq!(snapshot.operations().count(), 0);
    assert_eq!(PoolKind::ALL.map(|kind| snapshot.pool(kind).used), [0, 0]);
    assert_eq!(world.used_slots(), 0);
}

#[test]
fn without_a_page_file_no_more_is_promised_than_there_are_frames() {
    let mut world = World::new(quiet(8));
    let space = world.space();
    let base = world.committed(space, 8);
    fill(&mut world, space, base, 8);
    assert_eq!(world.count(PageState::Active), 8);
    let refused = commit_more(&mut world, space, 1);
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    expect_filled(&mut world, space, base, 8);
    world.decommit(space, at(base, 3), 1);
    let more = commit_more(&mut world, space, 1).expect("one was given back");
    fill(&mut world, space, more, 1);
    expect_all_back(world);
}

#[test]
fn a_page_of_a_file_finds_no_memory_where_every_frame_holds_what_has_no_other_place() {
    let mut world = World::new(quiet(8));
    let space = world.space();
    let section = world.section(4, Backing::File);
    let view = world.map(space, section);
    assert_eq!(world.read(space, view), Ok(file_mark(section, 0)));
    let base = world.committed(space, 8);
    fill(&mut world, space, base, 8);
    assert_eq!(world.read(space, view), no_memory(view), "no frame, and none on its way");
    expect_filled(&mut world, space, base, 8);
    world.decommit(space, base, 1);
    assert_eq!(world.read(space, view), Ok(file_mark(section, 0)));
    assert_eq!(world.read(space, at(view, 3)), Ok(file_mark(section, 3)), "one frame is enough");
    expect_all_back(world);
}

#[test]
fn a_dirty_page_of_a_file_makes_room_by_being_written() {
    let mut world = World::new(quiet(4));
    let space = world.space();
    let section = world.section(16, Backing::File);
    let view = world.map(space, section);
    let base = world.committed(space, 3);
    fill(&mut world, space, base, 3);
    for _ in 0..2 {
        for page in 0..16 {
            world.write(space, at(view, page), mark(page)).expect("a write");
        }
        expect_filled(&mut world, space, view, 16);
        expect_filled(&mut world, space, base, 3);
    }
    expect_all_back(world);
}

#[test]
fn full_page_files_refuse_a_promise_and_still_serve_every_page_promised() {
    for slots in [1, 7, 64] {
        let mut world = World::new(quiet(8).with_page_file(slots, slots));
        let space = world.space();
        let pages = u64::from(slots) + 7;
        let base = world.committed(space, pages);
        let refused = commit_more(&mut world, space, 1);
        assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
        for _ in 0..3 {
            fill(&mut world, space, base, pages);
            expect_filled(&mut world, space, base, pages);
        }
        world.call(|manager| manager.free(space, base, 0, MEM_RELEASE)).expect("released");
        let base = commit_more(&mut world, space, pages).expect("all of it again");
        fill(&mut world, space, base, pages);
        expect_all_back(world);
    }
}

#[test]
fn working_sets_that_may_not_shrink_leave_others_without_memory_until_they_end() {
    let mut world = World::new(quiet(32).with_page_file(64, 64));
    let hog = world.space();
    let base = world.committed(hog, 32);
    let limits = (32 << PAGE_SHIFT, 32 << PAGE_SHIFT);
    world
        .call(|m| m.set_working_set_limits(hog, limits.0, limits.1, (true, false)))
        .expect("there is as much");
    fill(&mut world, hog, base, 32);
    let refused = world.call(|m| m.set_working_set_limits(hog, 33 << 12, 33 << 12, (true, false)));
    assert!(matches!(refused, Err(Refusal::InsufficientResources { .. })), "{refused:?}");
    let other = world.space();
    let wanted = world.committed(other, 4);
    assert_eq!(world.write(other, wanted, 1), no_memory(wanted));
    expect_filled(&mut world, hog, base, 32);
    world.call(|manager| manager.destroy_space(hog)).expect("it is there");
    fill(&mut world, other, wanted, 4);
    expect_filled(&mut world, other, wanted, 4);
    expect_all_back(world);
}

#[test]
fn locked_pages_stay_while_others_share_the_frames_that_are_left() {
    let mut world = World::new(quiet(64).with_page_file(64, 64));
    let (locker, other) = (world.space(), world.space());
    let (minimum, maximum) = (62 << PAGE_SHIFT, 64 << PAGE_SHIFT);
    world
        .call(|m| m.set_working_set_limits(locker, minimum, maximum, (false, false)))
        .expect("there is as much");
    let base = world.committed(locker, 64);
    let most = 62 - 8;
    assert_eq!(world.lock(locker, base, most << PAGE_SHIFT), Answer::Resumed);
    let refused = world.lock(locker, at(base, most), 4096);
    assert!(matches!(refused, Answer::Refused(Refusal::WorkingSetQuota { .. })), "{refused:?}");
    let wanted = world.committed(other, 32);
    fill(&mut world, other, wanted, 32);
    expect_filled(&mut world, other, wanted, 32);
    assert_eq!(world.manager.snapshot().space(locker).expect("it is there").locked, 54);
    world.call(|m| m.unlock(locker, base, most << PAGE_SHIFT)).expect("they are locked");
    expect_all_back(world);
}

fn with_pools(paged: u64, nonpaged: u64) -> World {
    let mut config = quiet(64).with_page_file(64, 64);
    config.paged_pool = Bytes(paged);
    config.nonpaged_pool = Bytes(nonpaged);
    World::new(config)
}

fn take_rest(world: &mut World, pool: PoolKind) -> memtide_core::PoolAllocationId {
    let bytes = world.manager.snapshot().pool(pool).free();
    let allocation = PoolAllocation { pool, bytes, tag: *b"Test" };
    let allocated = world.call(|manager| manager.allocate_pool(allocation)).expect("all that is");
    let one_more = PoolAllocation { bytes: 1, ..allocation };
    let refused = world.call(|manager| manager.allocate_pool(one_more));
    assert!(matches!(refused, Err(Refusal::InsufficientResources { .. })), "{refused:?}");
    allocated
}

#[test]
fn a_full_nonpaged_pool_has_no_page_table_for_a_fault() {
    let mut world = with_pools(1 << 20, 1 << 20);
    let space = world.space();
    let base = world.committed(space, 4);
    let taken = take_rest(&mut world, PoolKind::NonPaged);
    assert_eq!(world.write(space, base, 1), no_memory(base));
    assert_eq!(world.count(PageState::Active), 0, "no frame was taken");
    world.call(|manager| manager.free_pool(taken)).expect("it is there");
    fill(&mut world, space, base, 4);
    let taken = take_rest(&mut world, PoolKind::NonPaged);
    expect_filled(&mut world, space, base, 4);
    world.page_out_space(space);
    expect_filled(&mut world, space, base, 4);
    world.call(|manager| manager.free_pool(taken)).expect("it is there");
    expect_all_back(world);
}

#[test]
fn a_full_nonpaged_pool_has_no_descriptor_and_no_space() {
    let mut world = with_pools(1 << 20, 1 << 20);
    let space = world.space();
    let section = world.section(4, Backing::PageFile);
    let taken = take_rest(&mut world, PoolKind::NonPaged);
    let charged = world.manager.snapshot().commit().charged();
    let no_pool = |refusal| matches!(refusal, Refusal::InsufficientResources { .. });
    assert!(no_pool(commit_more(&mut world, space, 1).expect_err("no descriptor")));
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x04 };
    assert!(no_pool(world.call(|m| m.map_view(space, &view)).expect_err("no descriptor")));
    let config = SpaceConfig::default();
    assert!(no_pool(world.call(|m| m.create_space(config)).expect_err("no root table")));
    assert_eq!(world.manager.snapshot().commit().charged(), charged);
    world.call(|manager| manager.free_pool(taken)).expect("it is there");
    world.committed(space, 1);
    world.map(space, section);
    world.space();
    expect_all_back(world);
}

#[test]
fn a_full_paged_pool_has_no_prototype_table_no_section_and_no_write_watch() {
    let mut world = with_pools(1 << 20, 1 << 20);
    let space = world.space();
    let section = world.section(1024, Backing::File);
    let base = world.map(space, section);
    assert_eq!(world.read(space, base), Ok(file_mark(section, 0)));
    let taken = take_rest(&mut world, PoolKind::Paged);
    assert_eq!(world.read(space, at(base, 1)), Ok(file_mark(section, 1)), "its table is there");
    assert_eq!(world.read(space, at(base, 512)), no_memory(at(base, 512)));
    let config = SectionConfig {
        bytes: 4096,
        protection: 0x04,
        backing: Backing::PageFile,
        is_reserved: false,
    };
    let charged = world.manager.snapshot().commit().charged();
    let no_pool = |refusal| matches!(refusal, Refusal::InsufficientResources { .. });
    assert!(no_pool(world.call(|m| m.create_section(&config)).expect_err("no object")));
    let plain = Allocation::committed(4096);
    let watched = Allocation { kind: plain.kind | MEM_WRITE_WATCH, ..plain };
    assert!(no_pool(world.call(|m| m.allocate(space, &watched)).expect_err("no map")));
    assert_eq!(world.manager.snapshot().commit().charged(), charged);
    world.call(|manager| manager.free_pool(taken)).expect("it is there");
    assert_eq!(world.read(space, at(base, 512)), Ok(file_mark(section, 512)));
    world.call(|m| m.create_section(&config)).expect("a section");
    world.call(|m| m.allocate(space, &watched)).expect("memory");
    expect_all_back(world);
}

#[test]
fn commit_at_its_maximum_is_refused_and_the_condition_says_so() {
    let mut world = World::new(quiet(16).with_page_file(16, 5000));
    let space = world.space();
    let maximum = world.manager.snapshot().commit().maximum();
    let is_set = |world: &World| {
        let readings = world.manager.conditions();
        let found = readings.iter().find(|r| r.condition == Condition::MaximumCommit);
        found.expect("it is one of the nine").state == State::Set
    };
    assert!(!is_set(&world));
    let base = world.committed(space, maximum);
    assert_eq!(world.manager.snapshot().commit().limit(), maximum, "the page file has grown");
    assert!(is_set(&world));
    let refused = commit_more(&mut world, space, 1);
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    assert!(world.pending.is_empty(), "there is nothing to grow");
    world.call(|manager| manager.free(space, base, 0, MEM_RELEASE)).expect("released");
    assert!(!is_set(&world));
    assert_eq!(world.manager.snapshot().commit().peak(), maximum);
    commit_more(&mut world, space, maximum).expect("all of it again");
    expect_all_back(world);
}

#[test]
fn machines_of_few_frames_serve_all_that_they_promise() {
    for frames in 1..=3 {
        for slots in [0, 1, 5, 40] {
            let mut config = Config::new(frames);
            if slots > 0 {
                config = config.with_page_file(slots, slots);
            }
            let mut world = World::new(config);
            let spaces = [world.space(), world.space()];
            let pages = world.manager.snapshot().commit().limit();
            assert_eq!(pages, u64::from(frames + slots) - u64::from(slots > 0));
            let first = world.committed(spaces[0], pages.div_ceil(2));
            let mut places: Vec<_> =
                (0..pages.div_ceil(2)).map(|page| (spaces[0], at(first, page))).collect();
            if pages > 1 {
                let second = world.committed(spaces[1], pages / 2);
                places.extend((0..pages / 2).map(|page| (spaces[1], at(second, page))));
            }
            for round in 0..4 {
                for (index, (space, address)) in (0..).zip(&places) {
                    let written = world.write(*space, *address, mark(index) + round);
                    assert_eq!(written, Ok(()), "{frames} frames, {slots} slots");
                }
                for (index, (space, address)) in (0..).zip(&places) {
                    assert_eq!(world.read(*space, *address), Ok(mark(index) + round));
                }
                world.pass(Tick::SECOND);
                world.complete_all();
            }
            expect_all_back(world);
        }
    }
}

#[test]
fn threads_that_wait_for_a_frame_get_a_violation_when_their_space_ends() {
    let mut world = World::new(quiet(4).with_page_file(16, 16));
    let (busy, waiter) = (world.space(), world.space());
    let base = world.committed(busy, 4);
    fill(&mut world, busy, base, 4);
    let wanted = world.committed(waiter, 2);
    assert_eq!(world.begin(FIRST, waiter, wanted, Access::Write), None);
    assert_eq!(world.manager.snapshot().waiting(), 1);
    world.call(|manager| manager.destroy_space(waiter)).expect("it is there");
    let violation = Exception::AccessViolation { address: wanted, access: Access::Write };
    assert_eq!(world.answers.remove(&FIRST), Some(Answer::Raised(violation)));
    world.complete_all();
    expect_filled(&mut world, busy, base, 4);
    expect_all_back(world);
}

#[test]
fn a_thread_that_ended_gets_no_answer_and_holds_nothing_up() {
    let mut world = World::new(quiet(4).with_page_file(16, 16));
    let space = world.space();
    let base = world.committed(space, 8);
    fill(&mut world, space, base, 8);
    world.complete_all();
    world.page_out_space(space);
    assert_eq!(world.begin(FIRST, space, base, Access::Read), None, "it waits for a read");
    assert_eq!(world.begin(SECOND, space, base, Access::Read), None);
    world.input(Input::ThreadEnded { thread: FIRST });
    world.complete_all();
    assert_eq!(world.answers.remove(&FIRST), None);
    assert_eq!(world.answers.remove(&SECOND), Some(Answer::Resumed));

    fill(&mut world, space, base, 8);
    world.complete_all();
    let more = world.committed(space, 4);
    let mut waiting = Vec::new();
    for page in 0..4 {
        let thread = ThreadId(10 + page);
        if world.begin(thread, space, at(more, u64::from(page)), Access::Write).is_none() {
            waiting.push(thread);
        }
    }
    assert!(!waiting.is_empty(), "some wait for a frame");
    for thread in &waiting {
        world.input(Input::ThreadEnded { thread: *thread });
    }
    assert_eq!(world.manager.snapshot().waiting(), 0);
    world.complete_all();
    assert!(world.answers.is_empty());
    expect_filled(&mut world, space, base, 8);
    expect_all_back(world);
}

#[test]
fn threads_that_wait_for_frames_are_served_in_the_order_they_came() {
    let mut world = World::new(quiet(2).with_page_file(16, 16));
    let space = world.space();
    let base = world.committed(space, 10);
    fill(&mut world, space, base, 2);
    let mut order = Vec::new();
    for (thread, page) in (2..).map(ThreadId).zip(2..10) {
        let answer = world.begin_value(thread, space, at(base, page), Some(mark(page)));
        if answer.is_some() {
            order.push(thread);
        }
    }
    for _ in 0..100 {
        let served: Vec<ThreadId> = world.answers.keys().copied().collect();
        order.extend(served);
        world.answers.clear();
        if world.pending.is_empty() {
            break;
        }
        world.complete(0);
    }
    assert_eq!(order, (2..10).map(ThreadId).collect::<Vec<_>>());
    expect_filled(&mut world, space, base, 10);
    world.command(ListCommand::EmptyWorkingSets);
    expect_all_back(world);
}

#[test]
fn threads_that_wait_for_a_read_get_a_violation_when_their_space_ends() {
    let mut world = World::new(quiet(16).with_page_file(16, 16));
    let space = world.space();
    let base = world.committed(space, 1);
    fill(&mut world, space, base, 1);
    world.page_out_space(space);
    assert_eq!(world.begin(FIRST, space, base, Access::Read), None);
    assert_eq!(world.begin(SECOND, space, base, Access::Write), None);
    world.call(|manager| manager.destroy_space(space)).expect("it is there");
    let violation = |access| Answer::Raised(Exception::AccessViolation { address: base, access });
    assert_eq!(world.answers.remove(&FIRST), Some(violation(Access::Read)), "at once");
    assert_eq!(world.answers.remove(&SECOND), Some(violation(Access::Write)));
    // Another space of the same number has memory at the same address.
    let next = world.space();
    assert_eq!((next, world.committed(next, 1)), (space, base));
    world.complete_all();
    assert!(world.answers.is_empty());
    expect_all_back(world);
}

#[test]
fn a_machine_of_one_frame_refuses_a_copy_that_needs_two() {
    let mut world = World::new(Config::new(1).with_page_file(8, 8));
    let space = world.space();
    let section = world.section(1, Backing::File);
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x08 };
    let base = world.call(|manager| manager.map_view(space, &view)).expect("a view");
    assert_eq!(world.read(space, base), Ok(file_mark(section, 0)));
    assert_eq!(world.write(space, base, 1), no_memory(base));
    assert_eq!(world.read(space, base), Ok(file_mark(section, 0)));
    expect_all_back(world);
}

#[test]
fn a_page_does_not_make_room_for_its_own_copy() {
    let mut world = World::new(quiet(22).with_page_file(64, 64));
    let (holder, other) = (world.space(), world.space());
    let section = world.section(1, Backing::File);
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x08 };
    let copied = world.call(|manager| manager.map_view(other, &view)).expect("a view");
    let (minimum, maximum) = (20 * PAGE_SIZE, 64 * PAGE_SIZE);
    let limits = |manager: &mut Manager| {
        manager.set_working_set_limits(holder, minimum, maximum, (false, false))
    };
    world.call(limits).expect("limits");
    world.call(|manager| manager.allocate_physical(holder, 2)).expect("frames");
    let base = world.committed(holder, 20);
    fill(&mut world, holder, base, 20);
    // All others have no more than their minimum; only the page to be copied is beyond one.
    assert_eq!(world.write(other, copied, mark(30)), Ok(()));
    assert_eq!(world.read(other, copied), Ok(mark(30)));
    expect_filled(&mut world, holder, base, 20);
}

#[test]
fn a_page_that_can_go_is_found_behind_many_that_must_not_be_written() {
    let mut world = World::new(quiet(128).with_page_file(8, 8));
    let (holder, other) = (world.space(), world.space());
    let section = world.section(120, Backing::File);
    let view = world.map(holder, section);
    world.call(|manager| manager.hold_writes(section)).expect("held");
    let base = world.committed(other, 10);
    fill(&mut world, other, base, 6);
    for page in 0..120 {
        world.write(holder, at(view, page), mark(page)).expect("a write");
    }
    fill(&mut world, other, base, 10);
    expect_filled(&mut world, other, base, 10);
    world.call(|manager| manager.release_writes(section)).expect("released");
    expect_filled(&mut world, holder, view, 120);
    expect_all_back(world);
}
