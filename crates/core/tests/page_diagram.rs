//! Every way that Windows' page diagram shows for a page to go, and nothing but that way.
//!
//! Source: *Windows Internals*, "Page list dynamics".

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use memtide_core::page::{Access, Pfn, SpaceId, ThreadId};
use memtide_core::snapshot::{FrameShape, PteView};
use memtide_core::{
    Backing, Content, Exception, Input, IoError, ListCommand, Output, PageState, Slot, SpaceConfig,
};
use support::{Answer, Io, World, at, file_mark, quiet};

const FIRST: ThreadId = ThreadId(1);
const SECOND: ThreadId = ThreadId(2);
const BROKEN: IoError = IoError(5);

/// A machine with a page file and one space with some memory.
fn machine(frames: u32, pages: u64) -> (World, SpaceId, u64) {
    let mut world = World::new(quiet(frames).with_page_file(256, 256));
    let space = world.space();
    let base = world.committed(space, pages);
    (world, space, base)
}

/// Writes a mark to each page; their frames.
fn fill(world: &mut World, space: SpaceId, base: u64, pages: u64) -> Vec<Pfn> {
    let marked = |page: u64| {
        world.write(space, at(base, page), 100 + page).expect("a write");
        world.frame(space, at(base, page))
    };
    (0..pages).map(marked).collect()
}

fn prioritized(world: &mut World, priority: u8) -> SpaceId {
    let config = SpaceConfig { page_priority: Some(priority), ..SpaceConfig::default() };
    world.call(|manager| manager.create_space(config)).expect("a space")
}

fn slot_of(world: &World, space: SpaceId, address: u64) -> Slot {
    match world.pte(space, address) {
        PteView::PageFile(slot) => slot,
        other => panic!("the page is not in a page file: {other:?}"),
    }
}

#[test]
fn a_demand_zero_fault_makes_a_zeroed_page_active() {
    let (mut world, space, base) = machine(16, 4);
    world.take_log();
    world.access(space, base, Access::Read).expect("an access");
    let frame = world.frame(space, base);
    assert_eq!(world.state(frame), PageState::Active);
    assert_eq!(world.count(PageState::Zeroed), 15);
    let is_zero = |o: &Output| matches!(o, Output::Map { content: Content::Zero, .. });
    assert!(world.take_log().iter().any(is_zero));
    assert_eq!(world.manager.counters().demand_zero, 1);
    let FrameShape::Active { share_count: 1, .. } = world.frame_view(frame).shape else {
        panic!("an active page has one sharer: {:?}", world.frame_view(frame))
    };
}

#[test]
fn a_demand_zero_fault_takes_a_free_page_only_when_no_zeroed_one_is_left_and_zeroes_it() {
    let mut world = World::new(quiet(4));
    let space = world.space();
    let base = world.committed(space, 4);
    fill(&mut world, space, base, 3);
    world.decommit(space, base, 4);
    assert_eq!((world.count(PageState::Free), world.count(PageState::Zeroed)), (3, 1));
    let base = world.committed(space, 3);
    assert_eq!(world.read(space, base), Ok(0));
    assert_eq!((world.count(PageState::Free), world.count(PageState::Zeroed)), (3, 0));
    assert_eq!(world.read(space, at(base, 1)), Ok(0), "what the frame held is gone");
    assert_eq!((world.count(PageState::Free), world.count(PageState::Zeroed)), (2, 0));
}

#[test]
fn a_standby_page_is_repurposed_lowest_priority_first_and_oldest_first() {
    let mut world = World::new(quiet(8).with_page_file(64, 64));
    let (high, low, taker) =
        (prioritized(&mut world, 6), prioritized(&mut world, 2), prioritized(&mut world, 5));
    let (high_base, low_base) = (world.committed(high, 2), world.committed(low, 2));
    let high_frames = fill(&mut world, high, high_base, 2);
    let low_frames = fill(&mut world, low, low_base, 2);
    world.trim_space(high);
    world.trim_space(low);
    world.flush();
    assert_eq!(world.manager.list_counts().standby, [0, 0, 2, 0, 0, 0, 2, 0]);
    let order = [low_frames[0], low_frames[1], high_frames[0], high_frames[1]];
    assert_eq!(world.manager.snapshot().list(PageState::Standby).collect::<Vec<_>>(), order);

    let base = world.committed(taker, 8);
    for page in 0..4 {
        world.access(taker, at(base, page), Access::Read).expect("a zeroed page");
    }
    assert_eq!(world.manager.list_counts().repurposed, [0; 8]);
    for (page, frame) in (4..).zip(order) {
        assert_eq!(world.read(taker, at(base, page)), Ok(0));
        assert_eq!(world.frame(taker, at(base, page)), frame);
    }
    assert_eq!(world.manager.list_counts().repurposed, [0, 0, 2, 0, 0, 0, 2, 0]);
    slot_of(&world, low, low_base);
    slot_of(&world, high, at(high_base, 1));
    world.decommit(taker, base, 8);
    assert_eq!(world.read(low, low_base), Ok(100));
    assert_eq!(world.read(high, at(high_base, 1)), Ok(101));
}

#[test]
fn a_trimmed_dirty_page_is_modified() {
    let (mut world, space, base) = machine(16, 1);
    let frame = fill(&mut world, space, base, 1)[0];
    world.trim_space(space);
    let view = world.frame_view(frame);
    assert_eq!((view.state, view.is_modified, view.original), (PageState::Modified, true, None));
    assert_eq!(world.pte(space, base), PteView::Transition { frame });
    assert!(world.pending.is_empty(), "nothing asked for a write");
}

#[test]
fn a_trimmed_clean_page_is_standby() {
    let (mut world, space, base) = machine(16, 1);
    fill(&mut world, space, base, 1);
    world.page_out_space(space);
    assert_eq!(world.read(space, base), Ok(100));
    let frame = world.frame(space, base);
    let writes = world.manager.counters().writes;
    world.trim_space(space);
    assert_eq!(world.state(frame), PageState::Standby);
    assert!(world.frame_view(frame).original.is_some(), "its copy is still in the page file");
    world.flush();
    assert_eq!(world.manager.counters().writes, writes);
}

#[test]
fn the_modified_writer_makes_modified_pages_standby() {
    let (mut world, space, base) = machine(16, 3);
    let frames = fill(&mut world, space, base, 3);
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    assert_eq!(world.state(frames[0]), PageState::Transition);
    assert_eq!(world.frame_view(frames[0]).reference_count, 1, "the write holds it");
    world.complete_all();
    for frame in &frames {
        let view = world.frame_view(*frame);
        assert_eq!((view.state, view.is_modified), (PageState::Standby, false));
        assert_eq!(view.reference_count, 0);
        assert!(view.original.is_some());
    }
    let counters = world.manager.counters();
    assert_eq!((counters.writes, counters.pages_written), (1, 3));
}

#[test]
fn a_soft_fault_makes_a_standby_page_active_without_io() {
    let (mut world, space, base) = machine(16, 1);
    let frame = fill(&mut world, space, base, 1)[0];
    world.trim_space(space);
    world.flush();
    assert_eq!(world.begin_value(FIRST, space, base, None), Some(Answer::Resumed));
    assert_eq!(world.take_seen(FIRST), Some(100));
    assert_eq!((world.frame(space, base), world.state(frame)), (frame, PageState::Active));
    assert!(world.frame_view(frame).original.is_some(), "its copy is kept: it is clean");
    let counters = world.manager.counters();
    assert_eq!((counters.soft, counters.hard, counters.reads), (1, 0, 0));
}

#[test]
fn a_soft_fault_makes_a_modified_page_active_without_io_and_it_stays_modified() {
    let (mut world, space, base) = machine(16, 1);
    let frame = fill(&mut world, space, base, 1)[0];
    world.trim_space(space);
    assert_eq!(world.begin_value(FIRST, space, base, None), Some(Answer::Resumed));
    assert_eq!(world.take_seen(FIRST), Some(100));
    assert_eq!(world.state(frame), PageState::Active);
    world.trim_space(space);
    assert_eq!(world.state(frame), PageState::Modified, "it was only read, and has no copy yet");
    let counters = world.manager.counters();
    assert_eq!((counters.soft, counters.writes, counters.reads), (1, 0, 0));
}

#[test]
fn a_page_used_again_while_it_is_written_stays_active_and_keeps_its_copy() {
    let (mut world, space, base) = machine(16, 1);
    let frame = fill(&mut world, space, base, 1)[0];
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    assert_eq!(world.begin_value(FIRST, space, base, None), Some(Answer::Resumed));
    let view = world.frame_view(frame);
    assert_eq!((view.state, view.is_writing, view.reference_count), (PageState::Active, true, 2));
    world.complete(0);
    let view = world.frame_view(frame);
    assert_eq!((view.state, view.is_writing, view.reference_count), (PageState::Active, false, 1));
    assert!(view.original.is_some());
    world.trim_space(space);
    assert_eq!(world.state(frame), PageState::Standby, "it is clean");
    assert_eq!(world.manager.counters().writes, 1);
}

#[test]
fn a_page_dirtied_while_it_is_written_gives_the_slot_of_the_old_bytes_back() {
    for is_trimmed_first in [false, true] {
        let (mut world, space, base) = machine(16, 1);
        let frame = fill(&mut world, space, base, 1)[0];
        world.trim_space(space);
        world.command(ListCommand::FlushModifiedList);
        assert_eq!(world.begin_value(FIRST, space, base, Some(7)), Some(Answer::Resumed));
        if is_trimmed_first {
            world.trim_space(space);
            assert_eq!(world.state(frame), PageState::Transition, "its write is in progress");
        }
        world.complete(0);
        world.trim_space(space);
        assert_eq!((world.state(frame), world.used_slots()), (PageState::Modified, 0));
        world.page_out_space(space);
        assert_eq!(world.read(space, base), Ok(7));
    }
}

#[test]
fn a_freed_page_goes_to_the_free_list_and_its_slot_is_given_back() {
    let (mut world, space, base) = machine(16, 4);
    let frames = fill(&mut world, space, base, 4);
    world.trim_space(space);
    world.flush();
    assert_eq!(world.used_slots(), 4);
    world.access(space, base, Access::Read).expect("a soft fault");
    world.command(ListCommand::PurgeLowPriorityStandbyList);
    world.decommit(space, base, 3);
    assert_eq!(world.used_slots(), 1);
    for frame in &frames[..3] {
        assert_eq!(world.state(*frame), PageState::Free, "active or standby before");
    }
    world.command(ListCommand::PurgeStandbyList);
    world.decommit(space, at(base, 3), 1);
    assert_eq!(world.used_slots(), 0, "a page that was in no frame gives its slot back too");
}

#[test]
fn a_modified_page_that_is_freed_is_never_written() {
    let (mut world, space, base) = machine(16, 1);
    let frame = fill(&mut world, space, base, 1)[0];
    world.trim_space(space);
    world.decommit(space, base, 1);
    assert_eq!(world.state(frame), PageState::Free);
    world.flush();
    assert_eq!(world.manager.counters().writes, 0);
}

#[test]
fn the_zero_page_thread_zeroes_free_pages_when_the_world_is_idle() {
    let (mut world, space, base) = machine(16, 4);
    let frames = fill(&mut world, space, base, 4);
    world.decommit(space, base, 4);
    assert_eq!((world.count(PageState::Free), world.count(PageState::Zeroed)), (4, 12));
    world.input(Input::Idle { pages: 3 });
    assert_eq!((world.count(PageState::Free), world.count(PageState::Zeroed)), (1, 15));
    world.input(Input::Idle { pages: 100 });
    assert_eq!((world.count(PageState::Free), world.count(PageState::Zeroed)), (0, 16));
    assert!(frames.iter().all(|frame| world.memory[frame.0 as usize] == 0));
    world.take_log();
    world.input(Input::Idle { pages: 100 });
    assert!(world.take_log().is_empty(), "there is nothing left to zero");
}

#[test]
fn a_held_page_is_modified_no_write_until_its_section_lets_it_go() {
    let (mut world, space, _) = machine(16, 1);
    let section = world.section(2, Backing::File);
    let base = world.map(space, section);
    world.write(space, base, 1).expect("a write");
    let early = world.frame(space, base);
    world.trim_space(space);
    assert_eq!(world.state(early), PageState::Modified);
    world.call(|manager| manager.hold_writes(section)).expect("held");
    assert_eq!(world.state(early), PageState::ModifiedNoWrite, "it was on the modified list");

    world.write(space, at(base, 1), 2).expect("a write");
    let late = world.frame(space, at(base, 1));
    world.trim_space(space);
    assert_eq!(world.state(late), PageState::ModifiedNoWrite);
    world.flush();
    assert_eq!(world.manager.counters().writes, 0);
    assert_eq!(world.manager.list_counts().modified_no_write, 2);
    assert_eq!(world.read(space, base), Ok(1), "a soft fault reaches it there");
    world.trim_space(space);
    assert_eq!(world.state(early), PageState::ModifiedNoWrite);

    world.call(|manager| manager.release_writes(section)).expect("released");
    assert_eq!((world.state(early), world.state(late)), (PageState::Modified, PageState::Modified));
    world.flush();
    assert_eq!((world.state(early), world.state(late)), (PageState::Standby, PageState::Standby));
    assert_eq!((world.files[&(section, 0)], world.files[&(section, 1)]), (1, 2));
    assert_eq!(world.used_slots(), 0, "a file's page takes no slot");
}

#[test]
fn an_available_frame_goes_bad_at_once_and_is_never_used_again() {
    let (mut world, space, base) = machine(4, 3);
    let frames = fill(&mut world, space, base, 3);
    let zeroed = world.manager.snapshot().list(PageState::Zeroed).next().expect("one is left");
    world.call(|manager| manager.mark_bad(zeroed)).expect("marked");
    assert_eq!(world.state(zeroed), PageState::Bad);
    world.decommit(space, base, 1);
    world.call(|manager| manager.mark_bad(frames[0])).expect("marked");
    assert_eq!(world.state(frames[0]), PageState::Bad);
    world.trim_space(space);
    world.flush();
    assert_eq!(world.state(frames[1]), PageState::Standby);
    world.call(|manager| manager.mark_bad(frames[1])).expect("marked");
    assert_eq!(world.state(frames[1]), PageState::Bad);
    slot_of(&world, space, at(base, 1));
    world.call(|manager| manager.mark_bad(frames[1])).expect("marked, once more");
    assert_eq!(world.manager.list_counts().bad, 3);
    for round in 0..3 {
        for page in 1..3 {
            assert_eq!(world.read(space, at(base, page)), Ok(100 + page), "round {round}");
            assert_eq!(world.frame(space, at(base, page)), frames[2], "no other frame works");
        }
    }
}

#[test]
fn an_active_frame_goes_bad_when_it_is_freed() {
    let (mut world, space, base) = machine(8, 2);
    let frames = fill(&mut world, space, base, 2);
    let limit = world.manager.snapshot().commit().limit();
    world.call(|manager| manager.mark_bad(frames[0])).expect("marked");
    assert_eq!(world.state(frames[0]), PageState::Active);
    assert_eq!(world.read(space, base), Ok(100));
    world.decommit(space, base, 1);
    assert_eq!(world.state(frames[0]), PageState::Bad);
    assert_eq!(world.manager.snapshot().commit().limit(), limit - 1);
}

#[test]
fn a_failing_frame_goes_bad_when_its_page_is_safe_elsewhere() {
    let (mut world, space, base) = machine(8, 1);
    let frame = fill(&mut world, space, base, 1)[0];
    world.call(|manager| manager.mark_bad(frame)).expect("marked");
    world.trim_space(space);
    assert_eq!(world.state(frame), PageState::Modified, "its page has no other place yet");
    world.flush();
    assert_eq!(world.state(frame), PageState::Bad, "it must not be standby: that is available");
    assert_eq!(world.read(space, base), Ok(100));
    assert_ne!(world.frame(space, base), frame);
}

#[test]
fn a_frame_that_goes_bad_while_it_is_read_into_is_read_again_into_another() {
    let (mut world, space, base) = machine(8, 1);
    fill(&mut world, space, base, 1);
    world.page_out_space(space);
    assert_eq!(world.begin_value(FIRST, space, base, None), None);
    let Io::Read(read) = world.pending[0] else { panic!("a read is pending") };
    let frame = world.manager.frames_of(read)[0];
    world.call(|manager| manager.mark_bad(frame)).expect("marked");
    world.complete_all();
    assert_eq!(world.answers.remove(&FIRST), Some(Answer::Resumed));
    assert_eq!(world.take_seen(FIRST), Some(100));
    assert_eq!(world.state(frame), PageState::Bad);
}

#[test]
fn a_shared_page_leaves_memory_only_when_its_last_sharer_is_trimmed() {
    let (mut world, first, _) = machine(16, 1);
    let second = world.space();
    let section = world.section(1, Backing::PageFile);
    let (first_base, second_base) = (world.map(first, section), world.map(second, section));
    world.write(first, first_base, 9).expect("a write");
    assert_eq!(world.read(second, second_base), Ok(9));
    let frame = world.frame(first, first_base);
    assert_eq!(world.frame(second, second_base), frame);
    let shares = |world: &World| match world.frame_view(frame).shape {
        FrameShape::Active { share_count, .. } => share_count,
        other => panic!("the page is not active: {other:?}"),
    };
    assert_eq!(shares(&world), 2);
    world.trim_space(first);
    assert_eq!((world.state(frame), shares(&world)), (PageState::Active, 1));
    let prototype = world.manager.snapshot().prototype(section, 0);
    assert!(matches!(prototype, PteView::Valid { .. }), "{prototype:?}");
    world.trim_space(second);
    assert_eq!(world.state(frame), PageState::Modified, "the first sharer had dirtied it");
    assert_eq!(world.pte(second, second_base), PteView::Prototype { section, page: 0 });
    assert_eq!(world.read(first, first_base), Ok(9));
    assert_eq!(world.manager.counters().soft, 1);
}

#[test]
fn threads_that_fault_on_a_page_being_read_wait_for_the_one_read() {
    let (mut world, space, base) = machine(16, 1);
    fill(&mut world, space, base, 1);
    world.page_out_space(space);
    assert_eq!(world.begin_value(FIRST, space, base, None), None);
    assert_eq!(world.begin_value(SECOND, space, base, Some(8)), None, "a collided fault");
    let &[Io::Read(read)] = &world.pending.iter().copied().collect::<Vec<_>>()[..] else {
        panic!("there is one read: {:?}", world.pending)
    };
    let frame = world.manager.frames_of(read)[0];
    let view = world.frame_view(frame);
    assert_eq!((view.state, view.is_reading), (PageState::Transition, true));
    assert_eq!(view.shape, FrameShape::InProgress { operation: Some(read), waiters: 2 });
    assert_eq!(world.pte(space, base), PteView::Transition { frame });
    world.complete(0);
    assert_eq!(world.answers.remove(&FIRST), Some(Answer::Resumed));
    assert_eq!(world.answers.remove(&SECOND), Some(Answer::Resumed));
    assert_eq!(world.take_seen(FIRST), Some(100));
    assert_eq!((world.state(frame), world.read(space, base)), (PageState::Active, Ok(8)));
    let counters = world.manager.counters();
    assert_eq!((counters.hard, counters.collided, counters.reads), (1, 1, 1));
}

#[test]
fn a_failed_read_raises_an_in_page_error_in_every_waiter_and_loses_nothing() {
    let (mut world, space, base) = machine(16, 1);
    fill(&mut world, space, base, 1);
    world.page_out_space(space);
    let slot = slot_of(&world, space, base);
    assert_eq!(world.begin(FIRST, space, base, Access::Read), None);
    assert_eq!(world.begin(SECOND, space, base, Access::Write), None);
    world.complete_with(0, Err(BROKEN));
    let raised = Answer::Raised(Exception::InPage { address: base, error: BROKEN });
    assert_eq!(world.answers.remove(&FIRST), Some(raised));
    assert_eq!(world.answers.remove(&SECOND), Some(raised));
    assert_eq!(slot_of(&world, space, base), slot);
    assert_eq!(world.count(PageState::Free) + world.count(PageState::Zeroed), 16);
    assert_eq!(world.manager.counters().in_page_errors, 2);
    assert_eq!(world.read(space, base), Ok(100), "the disk works again");
}

#[test]
fn a_cluster_whose_one_page_fails_costs_only_that_page() {
    let (mut world, space, base) = machine(32, 8);
    fill(&mut world, space, base, 8);
    world.page_out_space(space);
    assert_eq!(world.read(space, base), Ok(100));
    let (good, broken) = (at(base, 1), at(base, 2));
    assert_eq!(world.begin_value(FIRST, space, good, None), None);
    assert_eq!(world.begin_value(SECOND, space, broken, None), None);
    let Io::Read(cluster) = world.pending[0] else { panic!("a read is pending") };
    assert_eq!(world.manager.frames_of(cluster).len(), 2, "the second read of a stream");
    world.complete_with(0, Err(BROKEN));
    assert!(world.answers.is_empty(), "each reads its own page before it is told");
    assert_eq!(world.pending.len(), 2);
    world.complete_with(0, Ok(()));
    world.complete_with(0, Err(BROKEN));
    assert_eq!(world.answers.remove(&FIRST), Some(Answer::Resumed));
    assert_eq!(world.take_seen(FIRST), Some(101));
    let raised = Answer::Raised(Exception::InPage { address: broken, error: BROKEN });
    assert_eq!(world.answers.remove(&SECOND), Some(raised));
    for page in 0..8 {
        assert_eq!(world.read(space, at(base, page)), Ok(100 + page));
    }
}

#[test]
fn a_page_freed_while_it_is_read_is_free_when_the_read_ends() {
    let (mut world, space, base) = machine(16, 1);
    fill(&mut world, space, base, 1);
    world.page_out_space(space);
    assert_eq!(world.begin(FIRST, space, base, Access::Read), None);
    let Io::Read(read) = world.pending[0] else { panic!("a read is pending") };
    let frame = world.manager.frames_of(read)[0];
    world.decommit(space, base, 1);
    assert_eq!(world.state(frame), PageState::Transition, "the disk still writes to it");
    assert_eq!(world.used_slots(), 0);
    world.complete(0);
    assert_eq!(world.state(frame), PageState::Free);
    let exception = Exception::AccessViolation { address: base, access: Access::Read };
    assert_eq!(world.answers.remove(&FIRST), Some(Answer::Raised(exception)));
}

#[test]
fn a_page_freed_while_it_is_written_is_free_when_the_write_ends() {
    for is_active in [false, true] {
        for result in [Ok(()), Err(BROKEN)] {
            let (mut world, space, base) = machine(16, 1);
            let frame = fill(&mut world, space, base, 1)[0];
            world.trim_space(space);
            world.command(ListCommand::FlushModifiedList);
            if is_active {
                world.access(space, base, Access::Write).expect("a soft fault");
            }
            world.decommit(space, base, 1);
            assert_eq!(world.state(frame), PageState::Transition, "the disk still reads it");
            world.complete_with(0, result);
            assert_eq!((world.state(frame), world.used_slots()), (PageState::Free, 0));
            let broken = u32::from(result.is_err());
            assert_eq!(world.bad_slots(), broken, "the disk failed there, page or not");
        }
    }
}

#[test]
fn consecutive_pages_take_different_colours() {
    let (mut world, space, base) = machine(64, 32);
    let colours = world.manager.snapshot().colours();
    assert_eq!(colours, 16);
    let frames = fill(&mut world, space, base, 32);
    for (page, frame) in (0..).zip(&frames) {
        assert_eq!(world.frame_view(*frame).colour, page % colours);
    }
}

#[test]
fn a_page_takes_another_colour_when_its_own_has_no_frame() {
    let (mut world, space, base) = machine(32, 33);
    fill(&mut world, space, base, 17);
    let other = world.space();
    let other_base = world.committed(other, 2);
    world.access(other, other_base, Access::Read).expect("an access");
    let frame = world.frame(other, other_base);
    assert_eq!(world.frame_view(frame).colour, 1, "both frames of colour 0 are taken");
}

#[test]
fn a_page_of_zeros_that_was_only_read_is_dropped_without_a_write() {
    let (mut world, space, base) = machine(16, 1);
    assert_eq!(world.read(space, base), Ok(0));
    let frame = world.frame(space, base);
    world.trim_space(space);
    let view = world.frame_view(frame);
    assert_eq!((view.state, view.original), (PageState::Standby, None));
    world.command(ListCommand::PurgeStandbyList);
    assert!(matches!(world.pte(space, base), PteView::DemandZero(_)));
    assert_eq!(world.read(space, base), Ok(0));
    assert_eq!(world.manager.counters().writes, 0);
}

#[test]
fn a_clean_page_of_a_file_goes_back_to_its_file() {
    let (mut world, space, _) = machine(16, 1);
    let section = world.section(1, Backing::File);
    let base = world.map(space, section);
    assert_eq!(world.read(space, base), Ok(file_mark(section, 0)));
    world.trim_space(space);
    world.command(ListCommand::PurgeStandbyList);
    let prototype = world.manager.snapshot().prototype(section, 0);
    assert_eq!(prototype, PteView::File { section, page: 0 });
    assert_eq!(world.read(space, base), Ok(file_mark(section, 0)));
    assert_eq!((world.manager.counters().reads, world.manager.counters().writes), (2, 0));
}
