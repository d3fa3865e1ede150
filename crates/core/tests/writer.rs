//! The modified writer: clusters, page files, failed writes, slots, and the compression store.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use memtide_core::page::{Access, PAGE_SHIFT, SpaceId, ThreadId, Tick};
use memtide_core::snapshot::PteView;
use memtide_core::{
    Allocation, Backing, Compressed, Config, IoError, ListCommand, Output, PageState, Refusal,
    Slot, Source, Stored,
};
use support::{Answer, Io, World, at, quiet};

const BROKEN: IoError = IoError(5);

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

/// A machine with one space that has filled pages.
fn filled(config: Config, pages: u64) -> (World, SpaceId, u64) {
    let mut world = World::new(config);
    let space = world.space();
    let base = world.committed(space, pages);
    fill(&mut world, space, base, pages);
    (world, space, base)
}

fn slot_of(world: &World, space: SpaceId, address: u64) -> Slot {
    match world.pte(space, address) {
        PteView::PageFile(slot) => slot,
        other => panic!("the page is not in a page file: {other:?}"),
    }
}

fn failures(world: &mut World) -> usize {
    let log = world.take_log();
    log.iter().filter(|output| matches!(output, Output::WriteFailed { .. })).count()
}

#[test]
fn a_cluster_keeps_neighbours_neighbours() {
    let (mut world, space, base) = filled(quiet(64).with_page_file(256, 256), 40);
    // They are trimmed in another order than that of their addresses.
    for page in [7, 3, 31, 12, 39, 0] {
        world.access(space, at(base, page), Access::Read).expect("a resident access");
    }
    world.page_out_space(space);
    let first = slot_of(&world, space, base);
    for page in 0..40 {
        let slot = slot_of(&world, space, at(base, page));
        assert_eq!((slot.file, u64::from(slot.number)), (0, u64::from(first.number) + page));
    }
    assert_eq!(world.manager.counters().writes, 1);
}

#[test]
fn pages_of_two_spaces_are_each_neighbours_of_their_own() {
    let mut world = World::new(quiet(64).with_page_file(256, 256));
    let spaces = [world.space(), world.space()];
    let bases = spaces.map(|space| world.committed(space, 8));
    for page in 0..8 {
        for (space, base) in spaces.iter().zip(bases) {
            world.write(*space, at(base, page), mark(page)).expect("a write");
        }
    }
    spaces.iter().for_each(|space| world.trim_space(*space));
    world.flush();
    world.command(ListCommand::PurgeStandbyList);
    for (space, base) in spaces.iter().zip(bases) {
        let first = slot_of(&world, *space, base);
        for page in 1..8 {
            let slot = slot_of(&world, *space, at(base, page));
            assert_eq!(u64::from(slot.number), u64::from(first.number) + page);
        }
    }
}

#[test]
fn page_files_take_turns_so_that_their_disks_share_the_work() {
    let config = quiet(256).with_page_file(128, 128).with_page_file(128, 128);
    let (mut world, space, base) = filled(config, 192);
    world.page_out_space(space);
    let used: Vec<u32> = world.manager.snapshot().page_files().map(|file| file.used).collect();
    assert_eq!(used, [128, 64]);
    let files: Vec<u8> =
        (0..3).map(|cluster| slot_of(&world, space, at(base, cluster * 64)).file).collect();
    assert_eq!(files, [0, 1, 0]);
    world.is_checked = false;
    expect_filled(&mut world, space, base, 192);
}

#[test]
fn a_file_and_a_page_file_never_share_a_write() {
    let mut world = World::new(quiet(32).with_page_file(64, 64));
    let space = world.space();
    let base = world.committed(space, 4);
    let section = world.section(4, Backing::File);
    let view = world.map(space, section);
    for page in 0..4 {
        world.write(space, at(base, page), mark(page)).expect("a write");
        world.write(space, at(view, page), mark(page)).expect("a write");
    }
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    let writes: Vec<(bool, usize)> = (world.pending.iter())
        .map(|io| match io {
            Io::Write(id) => {
                let source = world.manager.source_of(*id).expect("it writes");
                let is_file = matches!(source, Source::File { .. });
                (is_file, world.manager.frames_of(*id).len())
            }
            other => panic!("only writes are pending: {other:?}"),
        })
        .collect();
    assert!(writes == [(false, 4), (true, 4)] || writes == [(true, 4), (false, 4)], "{writes:?}");
    world.complete_all();
    expect_filled(&mut world, space, view, 4);
}

#[test]
fn a_cluster_that_fails_is_written_again_page_by_page_and_only_the_bad_slot_is_retired() {
    let (mut world, space, base) = filled(quiet(64).with_page_file(256, 256), 8);
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    world.complete_with(0, Err(BROKEN));
    assert_eq!(world.bad_slots(), 0, "which slot failed is not known yet");
    let mut failed = None;
    while let Some(&Io::Write(operation)) = world.pending.front() {
        assert_eq!(world.manager.frames_of(operation).len(), 1);
        let Some(Source::PageFile(slot)) = world.manager.source_of(operation) else {
            panic!("it goes to a page file")
        };
        let result = if failed.is_none() { Err(BROKEN) } else { Ok(()) };
        failed.get_or_insert(slot);
        world.complete_with(0, result);
    }
    assert_eq!(world.bad_slots(), 1);
    assert_eq!(failures(&mut world), 0, "no page has failed twice");
    world.page_out_space(space);
    for page in 0..8 {
        assert_ne!(Some(slot_of(&world, space, at(base, page))), failed, "never used again");
    }
    expect_filled(&mut world, space, base, 8);
}

#[test]
fn a_write_that_fails_is_retried_in_another_page_file() {
    let config = quiet(16).with_page_file(64, 64).with_page_file(64, 64);
    let (mut world, space, base) = filled(config, 1);
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    world.complete_with(0, Err(BROKEN));
    world.complete_all();
    world.command(ListCommand::PurgeStandbyList);
    assert_eq!(slot_of(&world, space, base).file, 1);
    let bad: Vec<u32> = world.manager.snapshot().page_files().map(|file| file.bad).collect();
    assert_eq!(bad, [1, 0]);
    assert_eq!(failures(&mut world), 0);
    expect_filled(&mut world, space, base, 1);
}

#[test]
fn a_page_that_could_be_written_is_parked_no_more() {
    let (mut world, space, base) = filled(quiet(32).with_page_file(256, 256), 2);
    world.decommit(space, at(base, 1), 1);
    world.trim_space(space);
    world.faults = Box::new(|_| Err(BROKEN));
    world.flush();
    assert_eq!(world.count(PageState::ModifiedNoWrite), 1);
    world.faults = Box::new(|_| Ok(()));
    world.pass(Tick::SECOND);
    world.complete_all();
    assert_eq!(world.count(PageState::Standby), 1);

    // While another page waits for its retry, this one is a modified page as any other.
    let other = world.committed(space, 1);
    world.write(space, other, 5).expect("a write");
    world.trim_space(space);
    world.faults = Box::new(|_| Err(BROKEN));
    world.flush();
    world.faults = Box::new(|_| Ok(()));
    world.write(space, base, 6).expect("a write");
    world.trim_space(space);
    assert_eq!(world.count(PageState::ModifiedNoWrite), 1);
    world.page_out_space(space);
    assert_eq!(world.read(space, base), Ok(6));
    world.pass(Tick(2 * Tick::SECOND.0));
    world.complete_all();
    assert_eq!(world.count(PageState::ModifiedNoWrite), 0);
    assert_eq!(world.read(space, other), Ok(5));
}

#[test]
fn no_slot_leaks_over_many_rounds_of_filling_and_freeing() {
    let mut world = World::new(quiet(32).with_page_file(128, 128));
    let space = world.space();
    for round in 0..40 {
        let base = world.committed(space, 100);
        for page in 0..100 {
            world.is_checked = page % 25 == 0;
            world.write(space, at(base, page), mark(page) + round).expect("a write");
        }
        world.page_out_space(space);
        assert_eq!(world.used_slots(), 100);
        for page in (0..100).step_by(7) {
            assert_eq!(world.read(space, at(base, page)), Ok(mark(page) + round));
        }
        world.call(|m| m.free(space, base, 0, memtide_core::MEM_RELEASE)).expect("released");
        world.complete_all();
        assert_eq!(world.used_slots(), 0, "round {round}");
        assert_eq!(world.manager.snapshot().commit().charged(), 0);
    }
}

#[test]
fn a_page_file_is_extended_when_the_commit_limit_is_near() {
    let mut world = World::new(quiet(16).with_page_file(8, 10_000));
    let space = world.space();
    let before = world.manager.snapshot().commit();
    assert_eq!((before.limit(), before.maximum()), (15 + 8, 15 + 10_000));
    let refused = world.manager.allocate(space, &Allocation::committed(100 << PAGE_SHIFT));
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    world.drain();
    assert!(matches!(world.pending.make_contiguous(), [Io::Extend(..)]), "{:?}", world.pending);
    world.complete_all();
    let after = world.manager.snapshot().commit();
    assert!(after.limit() >= 100 && after.limit() <= after.maximum());
    let base = world.committed(space, 100);
    fill(&mut world, space, base, 100);
    expect_filled(&mut world, space, base, 100);
}

#[test]
fn modified_pages_are_written_once_they_are_old_enough() {
    let (mut world, space, _) = filled(quiet(32).with_page_file(64, 64), 4);
    world.trim_space(space);
    let age = world.manager.config().policy.modified_age;
    world.pass(Tick(age.0 - 2 * Tick::SECOND.0));
    assert_eq!((world.count(PageState::Modified), world.pending.len()), (4, 0));
    world.pass(Tick(4 * Tick::SECOND.0));
    assert_eq!(world.pending.len(), 1);
    world.complete_all();
    assert_eq!(world.count(PageState::Standby), 4);
}

#[test]
fn the_writer_begins_at_its_mark_and_stops_at_half_of_it() {
    let mut config = quiet(64).with_page_file(64, 64);
    config.policy.modified_high = 8;
    config.policy.write_cluster = 1;
    let (mut world, space, base) = filled(config, 7);
    world.trim_space(space);
    assert!(world.pending.is_empty());
    world.write(space, at(base, 6), 1).expect("a soft fault");
    let more = world.committed(space, 1);
    world.write(space, more, 1).expect("a write");
    world.trim_space(space);
    world.complete_all();
    assert_eq!(world.count(PageState::Modified), 4);
}

fn stored(frames: u32, store: u32, pages: u64) -> (World, SpaceId, u64) {
    filled(quiet(frames).with_page_file(256, 256).with_store(store), pages)
}

#[test]
fn modified_pages_go_to_the_store_first_and_come_back_without_io() {
    let (mut world, space, base) = stored(64, 16, 16);
    world.compress = |_| Compressed::Bytes(1000);
    world.page_out_space(space);
    let store = world.manager.snapshot().store();
    assert_eq!((store.pages, store.frames, store.stored), (16, 4, 16));
    assert_eq!((world.used_slots(), world.manager.counters().writes), (0, 0));
    assert!(matches!(world.pte(space, base), PteView::Stored(Stored::Bytes { .. })));
    let held =
        (0..64).map(memtide_core::page::Pfn).filter(|f| world.frame_view(*f).is_store).count();
    assert_eq!(held, 4, "its frames are counted");
    let answer = world.begin_value(ThreadId(1), space, base, None);
    assert_eq!((answer, world.take_seen(ThreadId(1))), (Some(Answer::Resumed), Some(mark(0))));
    expect_filled(&mut world, space, base, 16);
    assert_eq!(world.manager.counters().decompressed, 16);
    let store = world.manager.snapshot().store();
    assert_eq!((store.pages, store.frames), (16, 4), "the copies stay");
    world.page_out_space(space);
    expect_filled(&mut world, space, base, 16);
    assert_eq!(world.manager.snapshot().store().stored, 16, "nothing is compressed twice");
}

#[test]
fn a_page_of_one_word_takes_no_room_in_the_store() {
    let (mut world, space, base) = stored(64, 16, 4);
    world.compress = Compressed::Same;
    world.page_out_space(space);
    let store = world.manager.snapshot().store();
    assert_eq!((store.pages, store.frames, store.bytes), (4, 0, 0));
    let word = mark(2);
    assert_eq!(world.pte(space, at(base, 2)), PteView::Stored(Stored::Same(word)));
    expect_filled(&mut world, space, base, 4);
}

#[test]
fn a_page_freed_in_the_store_gives_its_room_back() {
    let (mut world, space, base) = stored(64, 16, 8);
    world.compress = |_| Compressed::Bytes(2000);
    world.page_out_space(space);
    assert_eq!(world.manager.snapshot().store().frames, 4);
    world.decommit(space, base, 8);
    let store = world.manager.snapshot().store();
    assert_eq!((store.frames, store.pages, store.bytes), (0, 0, 0));
    assert_eq!(world.count(PageState::Active), 0);
}

#[test]
fn a_full_store_sends_its_oldest_pages_on_to_the_page_file() {
    let (mut world, space, base) = stored(64, 2, 4);
    world.compress = |_| Compressed::Bytes(2000);
    world.page_out_space(space);
    assert_eq!(world.manager.snapshot().store().frames, 2);
    let more = world.committed(space, 2);
    fill(&mut world, space, more, 2);
    world.page_out_space(space);
    world.page_out_space(space);
    assert_eq!(world.manager.snapshot().store().frames, 2, "never more than its most");
    slot_of(&world, space, base);
    assert!(matches!(world.pte(space, more), PteView::Stored(_)), "the newest stay");
    expect_filled(&mut world, space, base, 4);
    expect_filled(&mut world, space, more, 2);
}

#[test]
fn a_store_serves_a_machine_without_a_page_file() {
    let mut world = World::new(quiet(32).with_store(16));
    world.compress = |_| Compressed::Bytes(500);
    let space = world.space();
    let base = world.committed(space, 32);
    fill(&mut world, space, base, 32);
    world.complete_all();
    world.page_out_space(space);
    assert_eq!(world.manager.snapshot().store().pages, 32);
    assert_eq!(world.manager.snapshot().store().frames, 4);
    expect_filled(&mut world, space, base, 32);
}

#[test]
fn a_page_used_again_while_it_is_compressed_stays_active() {
    let (mut world, space, base) = stored(64, 16, 2);
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    assert!(matches!(world.pending[0], Io::Compress(_)));
    world.write(space, base, 77).expect("a soft fault");
    world.complete_all();
    let frame = world.frame(space, base);
    assert_eq!(world.state(frame), PageState::Active);
    assert_eq!(world.manager.snapshot().store().pages, 1);
    world.page_out_space(space);
    assert_eq!(world.read(space, base), Ok(77));
    assert_eq!(world.read(space, at(base, 1)), Ok(mark(1)));
}

#[test]
fn a_page_freed_while_it_is_compressed_is_not_stored() {
    let (mut world, space, base) = stored(64, 16, 1);
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    world.decommit(space, base, 1);
    world.complete_all();
    assert_eq!(world.manager.snapshot().store().pages, 0);
    assert_eq!(world.count(PageState::Free) + world.count(PageState::Zeroed), 64);
}

#[test]
fn a_page_file_that_cannot_be_extended_stays_and_the_maximum_says_so() {
    let mut world = World::new(quiet(16).with_page_file(8, 10_000));
    let space = world.space();
    world.faults = Box::new(|io| if matches!(io, Io::Extend(..)) { Err(BROKEN) } else { Ok(()) });
    let allocation = Allocation::committed(100 << PAGE_SHIFT);
    let refused = world.call(|manager| manager.allocate(space, &allocation));
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    let commit = world.manager.snapshot().commit();
    assert_eq!((commit.limit(), commit.maximum(), commit.charged()), (23, 23, 0));
    let base = world.committed(space, 23);
    fill(&mut world, space, base, 23);
    expect_filled(&mut world, space, base, 23);
}

#[test]
fn a_page_file_that_could_not_be_extended_is_asked_again_later() {
    let mut world = World::new(quiet(16).with_page_file(8, 10_000));
    let space = world.space();
    let allocation = Allocation::committed(100 << PAGE_SHIFT);
    let wants = |world: &mut World| world.call(|manager| manager.allocate(space, &allocation));
    world.faults = Box::new(|io| if matches!(io, Io::Extend(..)) { Err(BROKEN) } else { Ok(()) });
    wants(&mut world).expect_err("it is too small");
    world.faults = Box::new(|_| Ok(()));
    wants(&mut world).expect_err("it has just been refused");
    assert_eq!(world.manager.snapshot().commit().maximum(), 23, "nothing is asked for yet");
    world.pass(world.manager.config().policy.write_retry);
    let base = wants(&mut world).expect("it has grown");
    assert_eq!(world.manager.snapshot().commit().maximum(), 15 + 10_000);
    fill(&mut world, space, base, 100);
    expect_filled(&mut world, space, base, 100);
}

#[test]
fn a_page_file_whose_slots_went_bad_grows_for_the_pages_that_need_one() {
    let (mut world, space, base) = filled(quiet(16).with_page_file(4, 10_000), 8);
    world.trim_space(space);
    world.command(ListCommand::FlushModifiedList);
    let is_write = |io: &Io| matches!(io, Io::Write(_));
    while let Some(place) = world.pending.iter().position(is_write) {
        world.complete_with(place, Err(BROKEN));
    }
    assert_eq!(world.bad_slots(), 4);
    assert!(matches!(world.pending.make_contiguous(), [Io::Extend(..)]), "{:?}", world.pending);
    let more = world.committed(space, 9);
    fill(&mut world, space, more, 8);
    let waits = world.begin_value(ThreadId(7), space, at(more, 8), Some(mark(8)));
    assert_eq!(waits, None, "there will be slots");
    world.complete_all();
    world.pass(world.manager.config().policy.write_retry);
    world.page_out_space(space);
    assert_eq!((world.bad_slots(), world.used_slots()), (4, 17));
    expect_filled(&mut world, space, base, 8);
    expect_filled(&mut world, space, more, 9);
}

#[test]
fn resident_pages_give_their_slots_up_when_every_slot_is_used() {
    let mut config = quiet(16).with_page_file(16, 16);
    config.policy.slots_scarce_permille = 1000;
    let (mut world, space, base) = filled(config, 31);
    world.is_checked = false;
    for round in 0..4 {
        for page in (0..31).map(|page| (page * 7 + round) % 31) {
            world.write(space, at(base, page), mark(page)).expect("a write");
        }
        world.complete_all();
        world.check();
        expect_filled(&mut world, space, base, 31);
        assert!(world.used_slots() <= 16);
    }
}

#[test]
fn a_page_that_does_not_compress_goes_to_the_page_file() {
    for how in [|_| Compressed::Incompressible, |_| Compressed::Bytes(Compressed::WORTH_MAX + 1)] {
        let (mut world, space, base) = stored(64, 16, 4);
        world.compress = how;
        world.page_out_space(space);
        assert_eq!((world.manager.snapshot().store().pages, world.used_slots()), (0, 4));
        slot_of(&world, space, base);
        expect_filled(&mut world, space, base, 4);
    }
}

#[test]
fn frames_that_a_program_allocated_name_no_slots() {
    let mut world = World::new(quiet(16).with_page_file(8, 8));
    let user = world.space();
    // The owner of a physical frame is kept where other frames keep their slot.
    for _ in 0..32 {
        let owner = world.space();
        let frames = world.call(|m| m.allocate_physical(owner, 1)).expect("a frame");
        let commit = world.manager.snapshot().commit();
        let pages = commit.limit() - commit.charged();
        let base = world.committed(user, pages);
        fill(&mut world, user, base, pages);
        expect_filled(&mut world, user, base, pages);
        world.call(|m| m.free(user, base, 0, memtide_core::MEM_RELEASE)).expect("released");
        world.complete_all();
        world.call(|m| m.free_physical(owner, &frames)).expect("it is still the owner's");
    }
}

#[test]
fn a_page_that_fails_twice_is_reported_stays_readable_and_is_retried_later() {
    for (pages, count) in [(1, 1), (2, 2), (5, 5)] {
        let (mut world, space, base) = filled(quiet(32).with_page_file(256, 256), pages);
        world.trim_space(space);
        world.take_log();
        world.faults = Box::new(|io| if matches!(io, Io::Write(_)) { Err(BROKEN) } else { Ok(()) });
        world.flush();
        assert_eq!(failures(&mut world), count, "each is reported once");
        assert_eq!(world.count(PageState::ModifiedNoWrite), count);
        expect_filled(&mut world, space, base, pages);
        world.trim_space(space);
        assert_eq!(world.count(PageState::ModifiedNoWrite), count);

        let due = world.manager.next_deadline().expect("a retry is due");
        assert!(due <= world.now.after(world.manager.config().policy.write_retry));
        world.faults = Box::new(|_| Ok(()));
        world.pass(Tick::SECOND);
        world.complete_all();
        assert_eq!(world.count(PageState::Standby), count);
        world.page_out_space(space);
        expect_filled(&mut world, space, base, pages);
    }
}

#[test]
fn a_policy_with_clusters_larger_than_a_page_file_hands_out_is_served() {
    let mut config = quiet(256).with_page_file(256, 256);
    config.policy.write_cluster = 200;
    let (mut world, space, base) = filled(config, 200);
    world.is_checked = false;
    world.page_out_space(space);
    assert_eq!(world.used_slots(), 200);
    expect_filled(&mut world, space, base, 200);
    world.check();
}

#[test]
fn pages_of_files_are_written_though_no_slot_is_left_for_others() {
    let mut world = World::new(quiet(16));
    let space = world.space();
    let base = world.committed(space, 2);
    fill(&mut world, space, base, 2);
    let section = world.section(2, Backing::File);
    let view = world.map(space, section);
    world.trim_space(space);
    for page in 0..2 {
        world.write(space, at(view, page), mark(page)).expect("a write");
    }
    world.trim_space(space);
    world.flush();
    assert_eq!(world.count(PageState::Modified), 2, "private pages have nowhere to go");
    assert_eq!(world.files.get(&(section, 1)), Some(&mark(1)));
}
