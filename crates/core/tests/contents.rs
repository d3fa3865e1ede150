//! Contents that nobody needs, that can be made again, that are wanted soon, or that are lost.

mod support;

use memtide_core::page::{Access, SpaceId, ThreadId};
use memtide_core::snapshot::PteView;
use memtide_core::{
    Allocation, Backing, Compressed, Config, Exception, Input, IoError, ListCommand, MEM_DECOMMIT,
    MEM_RESET, MEM_RESET_UNDO, OfferPriority, Output, PageState, PageUse, PoolKind, Refusal,
    Stored,
};
use support::{Answer, World, file_mark};

const PAGE: u64 = 4096;

fn world() -> World {
    World::new(Config::new(128).with_page_file(512, 512))
}

/// Committed pages that hold 1, 2, 3 and so on.
fn filled(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    let base = world.committed(space, pages);
    for page in 0..pages {
        world.write(space, base + page * PAGE, page + 1).expect("a write");
    }
    base
}

fn reset(world: &mut World, space: SpaceId, address: u64, pages: u64) {
    let wanted = Allocation { address, bytes: pages * PAGE, kind: MEM_RESET, protection: 0x04 };
    world.call(|manager| manager.allocate(space, &wanted)).expect("committed");
}

fn undo(world: &mut World, space: SpaceId, address: u64, pages: u64) -> Result<u64, Refusal> {
    let wanted =
        Allocation { address, bytes: pages * PAGE, kind: MEM_RESET_UNDO, protection: 0x04 };
    world.call(|manager| manager.allocate(space, &wanted))
}

fn offer(world: &mut World, space: SpaceId, address: u64, pages: u64, priority: OfferPriority) {
    world.call(|m| m.offer(space, address, pages * PAGE, priority)).expect("committed");
}

fn reclaim(world: &mut World, space: SpaceId, address: u64, pages: u64) -> Result<(), Refusal> {
    world.call(|manager| manager.reclaim_offered(space, address, pages * PAGE))
}

fn values(world: &mut World, space: SpaceId, base: u64, pages: u64) -> Vec<u64> {
    (0..pages).map(|page| world.read(space, base + page * PAGE).expect("a read")).collect()
}

fn writes(log: &[Output]) -> usize {
    let is_write =
        |output: &&Output| matches!(output, Output::Write { .. } | Output::Compress { .. });
    log.iter().filter(is_write).count()
}

fn used_slots(world: &World) -> u32 {
    world.manager.snapshot().page_files().map(|file| file.used).sum()
}

/// Begins to write everything that is modified, and lets nothing end.
fn begin_writes(world: &mut World) {
    world.trim();
    world.command(ListCommand::FlushModifiedList);
    assert!(!world.pending.is_empty(), "a write has begun");
}

#[test]
fn a_dirty_page_that_was_reset_needs_no_write() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 4);
    let charged = world.charged();
    reset(&mut world, space, base, 4);
    assert_eq!(values(&mut world, space, base, 4), [1, 2, 3, 4], "nothing took them yet");
    world.take_log();
    world.write_out();
    assert_eq!(writes(&world.take_log()), 0);
    assert_eq!(world.manager.list_counts().standby.iter().sum::<u32>(), 4);
    assert_eq!(values(&mut world, space, base, 1), [1], "the first is back from standby");
    world.page_out();
    assert_eq!(values(&mut world, space, base, 4), [0; 4]);
    assert_eq!(world.charged(), charged, "its charge stays");
    assert_eq!(world.protection(space, base), Some(0x04), "and its protection");
}

#[test]
fn a_page_that_was_reset_and_written_again_is_kept() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 3);
    reset(&mut world, space, base, 3);
    world.write(space, base + PAGE, 22).expect("a write");
    world.page_out();
    assert_eq!(values(&mut world, space, base, 3), [0, 22, 0]);
}

#[test]
fn a_page_that_was_reset_has_all_of_its_old_contents_or_none() {
    let mut world = World::new(Config::new(48).with_page_file(512, 512));
    let space = world.space();
    let base = filled(&mut world, space, 100);
    reset(&mut world, space, base, 100);
    let (mut kept, mut gone) = (0, 0);
    // The last written ones first: they are still in memory.
    for page in (0..100).rev() {
        match world.read(space, base + page * PAGE).expect("a read") {
            0 => gone += 1,
            value if value == page + 1 => kept += 1,
            value => panic!("page {page} holds {value}"),
        }
    }
    assert!(kept > 0 && gone > 0, "{kept} kept, {gone} gone");
}

#[test]
fn reset_gives_copies_back_wherever_they_are() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 6);
    world.page_out();
    assert_eq!(used_slots(&world), 6);
    values(&mut world, space, base, 2);
    world.read(space, base + 2 * PAGE).expect("a read");
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    reset(&mut world, space, base, 6);
    assert_eq!(used_slots(&world), 0);
    world.page_out();
    assert_eq!(values(&mut world, space, base, 6), [0; 6]);

    let mut world = World::new(Config::new(128).with_store(16));
    let space = world.space();
    let base = filled(&mut world, space, 5);
    world.page_out();
    assert_eq!(world.manager.snapshot().store().pages, 5);
    reset(&mut world, space, base, 5);
    assert_eq!(world.manager.snapshot().store().pages, 0);
    assert_eq!(values(&mut world, space, base, 5), [0; 5]);
}

#[test]
fn undoing_a_reset_keeps_what_is_still_there_as_modified() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 4);
    reset(&mut world, space, base, 4);
    assert_eq!(undo(&mut world, space, base, 2), Ok(base), "in the working set");
    world.trim();
    assert_eq!(world.manager.list_counts().modified, 2);
    assert_eq!(undo(&mut world, space, base + 2 * PAGE, 2), Ok(base + 2 * PAGE), "on standby");
    assert_eq!(world.manager.list_counts().modified, 4);
    world.page_out();
    assert_eq!(values(&mut world, space, base, 4), [1, 2, 3, 4]);
}

#[test]
fn undoing_a_reset_tells_the_first_page_that_lost_its_contents() {
    let mut world = world();
    let space = world.space();
    // More than a page table, so that the first pages may have none.
    let base = world.committed(space, 600);
    let from = base + 580 * PAGE;
    for page in 0..4 {
        world.write(space, from + page * PAGE, page + 1).expect("a write");
    }
    reset(&mut world, space, base, 600);
    world.page_out();
    world.write(space, from, 9).expect("a write");
    let lost = |address| Err(Refusal::ContentsLost { address });
    assert_eq!(undo(&mut world, space, from, 1), Ok(from));
    assert_eq!(undo(&mut world, space, from, 3), lost(from + PAGE));
    // Pages that were never touched have lost nothing; what is told once is zeros from then on.
    assert_eq!(undo(&mut world, space, base, 600), lost(from + 3 * PAGE));
    assert_eq!(undo(&mut world, space, base, 600), Ok(base));
    assert_eq!(values(&mut world, space, from, 3), [9, 0, 0]);
}

#[test]
fn a_page_that_is_reset_while_it_is_written_keeps_no_copy() {
    // It left its working set, and its write alone holds it: it goes at once.
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 2);
    begin_writes(&mut world);
    reset(&mut world, space, base, 2);
    assert_eq!(values(&mut world, space, base, 2), [0; 2]);
    world.complete_all();
    assert_eq!(used_slots(&world), 0);

    // It is back in the working set: it stays, and its write is worth nothing.
    for undoes in [false, true] {
        let base = filled(&mut world, space, 2);
        begin_writes(&mut world);
        world.write(space, base, 11).expect("a write");
        world.read(space, base + PAGE).expect("a read");
        reset(&mut world, space, base, 2);
        if undoes {
            assert_eq!(undo(&mut world, space, base, 2), Ok(base));
        }
        world.complete_all();
        assert_eq!(used_slots(&world), 0);
        assert_eq!(values(&mut world, space, base, 2), [11, 2]);
        world.page_out();
        let kept = if undoes { [11, 2] } else { [0; 2] };
        assert_eq!(values(&mut world, space, base, 2), kept);
        world.call(|m| m.free(space, base, 0, memtide_core::MEM_RELEASE)).expect("a region");
    }
}

#[test]
fn a_page_that_is_reset_while_it_is_compressed_is_neither_stored_nor_modified() {
    for undoes in [false, true] {
        let mut world = World::new(Config::new(128).with_store(16));
        let space = world.space();
        let base = filled(&mut world, space, 2);
        begin_writes(&mut world);
        world.read(space, base).expect("a read");
        reset(&mut world, space, base, 2);
        if undoes {
            assert_eq!(undo(&mut world, space, base, 1), Ok(base));
        }
        world.complete_all();
        assert_eq!(world.manager.snapshot().store().pages, 0);
        world.take_log();
        world.write_out();
        assert_eq!(writes(&world.take_log()), usize::from(undoes));
        world.command(ListCommand::PurgeStandbyList);
        assert_eq!(values(&mut world, space, base, 2), [u64::from(undoes), 0]);
    }
}

#[test]
fn a_failed_write_of_a_page_that_was_reset_does_not_bring_it_back() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 1);
    begin_writes(&mut world);
    world.read(space, base).expect("a read");
    reset(&mut world, space, base, 1);
    world.complete_with(0, Err(IoError(5)));
    world.trim();
    assert_eq!(world.frame_of(space, base).state, PageState::Standby);
}

#[test]
fn a_page_that_is_reset_while_it_is_read_comes_back_as_zeros() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 1);
    world.page_out();
    let thread = ThreadId(3);
    assert_eq!(world.begin_value(thread, space, base, None), None);
    reset(&mut world, space, base, 1);
    world.complete_all();
    assert_eq!(world.answers.remove(&thread), Some(Answer::Resumed));
    assert_eq!(world.take_seen(thread), Some(0));
    assert_eq!(used_slots(&world), 0);
}

#[test]
fn reset_is_for_committed_private_memory_and_stands_alone() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 4);
    world.call(|m| m.free(space, base + PAGE, PAGE, MEM_DECOMMIT)).expect("committed");
    let mut refused = |address, bytes, kind| {
        let wanted = Allocation { address, bytes, kind, protection: 0x04 };
        world.call(|manager| manager.allocate(space, &wanted)).expect_err("refused")
    };
    for kind in [MEM_RESET, MEM_RESET_UNDO] {
        let address = base + PAGE;
        assert_eq!(refused(base, 4 * PAGE, kind), Refusal::NotCommitted { address });
        for more in [0x1000, 0x2000, 0x10_0000, MEM_RESET | MEM_RESET_UNDO] {
            if kind != more {
                let refusal = refused(base, PAGE, kind | more);
                assert!(matches!(refusal, Refusal::InvalidParameter { .. }), "{refusal:?}");
            }
        }
    }
    let section = world.section(2, Backing::PageFile);
    let view = world.view(space, section, 0x04);
    let wanted = Allocation { address: view, bytes: PAGE, kind: MEM_RESET, protection: 0x04 };
    assert_eq!(world.call(|manager| manager.allocate(space, &wanted)), Ok(view));
}

#[test]
fn offered_pages_cannot_be_accessed_until_they_are_reclaimed() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 6);
    let charged = world.charged();
    // Wherever they are: resident, modified, on standby, in the page file, or not there yet.
    world.write_out();
    values(&mut world, space, base, 2);
    offer(&mut world, space, base, 6, OfferPriority::Low);
    for page in 0..6 {
        let address = base + page * PAGE;
        for access in [Access::Read, Access::Write] {
            let violation = Exception::AccessViolation { address, access };
            assert_eq!(world.access(space, address, access), Err(violation));
        }
        assert!(matches!(world.page_use(space, address), Some(PageUse::Offered(_))));
    }
    assert_eq!(world.charged(), charged, "they stay committed");
    assert_eq!(reclaim(&mut world, space, base, 3), Ok(()));
    assert_eq!(values(&mut world, space, base, 3), [1, 2, 3]);
    assert!(world.read(space, base + 3 * PAGE).is_err(), "only what was reclaimed");
    assert_eq!(reclaim(&mut world, space, base + 3 * PAGE, 3), Ok(()));
    assert_eq!(values(&mut world, space, base, 6), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn offered_pages_are_not_written_and_reclaimed_ones_are_kept_again() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 4);
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    values(&mut world, space, base, 2);
    world.take_log();
    offer(&mut world, space, base, 4, OfferPriority::Normal);
    world.write_out();
    assert_eq!(writes(&world.take_log()), 0);
    assert_eq!(reclaim(&mut world, space, base, 4), Ok(()));
    world.page_out();
    assert_eq!(used_slots(&world), 4);
    assert_eq!(values(&mut world, space, base, 4), [1, 2, 3, 4]);
}

#[test]
fn what_was_offered_cheapest_is_taken_first() {
    use OfferPriority::{BelowNormal, Low, Normal, VeryLow};
    let mut world = World::new(Config::new(64).with_page_file(256, 256));
    let space = world.space();
    let base = filled(&mut world, space, 4);
    for (page, priority) in (0..).zip([Normal, VeryLow, BelowNormal, Low]) {
        offer(&mut world, space, base + page * PAGE, 1, priority);
    }
    let order = [1u64, 3, 2, 0].map(|page| world.frame_of(space, base + page * PAGE).frame);
    let standby: Vec<_> = world.manager.snapshot().list(PageState::Standby).collect();
    assert_eq!(standby, order);
    // Memory runs out: the others' frames go first.
    let other = world.committed(space, 62);
    for page in 0..62 {
        world.write(space, other + page * PAGE, 7).expect("a write");
        let is_there =
            |page: u64| matches!(world.pte(space, base + page * PAGE), PteView::Transition { .. });
        let there = [1, 3, 2, 0].map(is_there);
        assert!(there.is_sorted(), "{there:?}");
    }
    let repurposed = world.manager.list_counts().repurposed;
    assert!(repurposed[1] == 1 && repurposed[2] == 1, "{repurposed:?}");
    for page in [1, 3] {
        let address = base + page * PAGE;
        assert_eq!(reclaim(&mut world, space, address, 1), Err(Refusal::ContentsLost { address }));
        assert_eq!(world.read(space, address), Ok(0), "it can be used again");
    }
}

#[test]
fn a_locked_page_that_is_offered_cannot_be_accessed_either() {
    let mut world = World::new(Config::new(2048).with_page_file(64, 64));
    let space = world.space();
    let base = filled(&mut world, space, 2);
    assert_eq!(world.lock(space, base, PAGE), Answer::Resumed);
    offer(&mut world, space, base, 2, OfferPriority::VeryLow);
    for address in [base, base + PAGE] {
        let violation = Exception::AccessViolation { address, access: Access::Read };
        assert_eq!(world.read(space, address), Err(violation));
    }
    assert_eq!(reclaim(&mut world, space, base, 2), Ok(()));
    assert_eq!(values(&mut world, space, base, 2), [1, 2]);
}

#[test]
fn a_page_that_is_offered_while_it_is_written_keeps_no_older_copy() {
    let newer: [fn(&mut World, SpaceId, u64); 2] = [
        |world, space, base| world.write(space, base, 9).expect("a write"),
        |world, space, base| {
            world.write(space, base, 9).expect("a write");
            world.trim();
        },
    ];
    for (store, write_again) in [(0, newer[0]), (0, newer[1]), (8, newer[0]), (8, newer[1])] {
        let config = Config::new(128).with_page_file(64, 64);
        let config = if store > 0 { config.with_store(store) } else { config };
        for reclaims_early in [false, true] {
            let mut world = World::new(config.clone());
            let space = world.space();
            let base = filled(&mut world, space, 1);
            begin_writes(&mut world);
            write_again(&mut world, space, base);
            offer(&mut world, space, base, 1, OfferPriority::VeryLow);
            if reclaims_early {
                assert_eq!(reclaim(&mut world, space, base, 1), Ok(()));
            }
            world.complete_all();
            let frame = world.frame_of(space, base);
            assert_eq!((frame.original, frame.is_stored), (None, false), "what it says is old");
            if !reclaims_early {
                assert_eq!((frame.state, frame.priority), (PageState::Standby, 1));
                assert_eq!(reclaim(&mut world, space, base, 1), Ok(()));
            }
            world.page_out();
            assert_eq!(world.read(space, base), Ok(9));
        }
    }
}

#[test]
fn offers_take_whole_committed_pages_and_reclaims_what_was_offered() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 4);
    let mut refused = |address, bytes| {
        let priority = OfferPriority::Low;
        let offered = world.call(|m| m.offer(space, address, bytes, priority));
        let discarded = world.call(|m| m.discard(space, address, bytes));
        assert_eq!(offered, discarded);
        offered.expect_err("refused")
    };
    for (address, bytes) in [(base + 1, PAGE), (base, PAGE - 1), (base, 0)] {
        let refusal = refused(address, bytes);
        assert!(matches!(refusal, Refusal::InvalidParameter { .. }), "{refusal:?}");
    }
    let refusal = refused(base, 5 * PAGE);
    assert!(matches!(refusal, Refusal::ConflictingAddresses { .. }), "{refusal:?}");
    offer(&mut world, space, base, 2, OfferPriority::Low);
    let refusal = reclaim(&mut world, space, base, 3);
    assert!(
        matches!(refusal, Err(Refusal::InvalidParameter { value, .. }) if value == base + 2 * PAGE)
    );
    assert!(world.read(space, base).is_err(), "nothing was reclaimed");
    // To commit them again takes them back as well.
    let again = Allocation::commit_at(base, 4 * PAGE);
    world.call(|manager| manager.allocate(space, &again)).expect("committed");
    assert_eq!(values(&mut world, space, base, 4), [1, 2, 3, 4]);
}

#[test]
fn discarded_pages_read_as_zeros_wherever_they_were() {
    for store in [0, 8] {
        let config = Config::new(128).with_page_file(64, 64);
        let config = if store > 0 { config.with_store(store) } else { config };
        let steps: [fn(&mut World); 5] =
            [|_| (), World::trim, begin_writes, World::write_out, World::page_out];
        for leave in steps {
            let mut world = World::new(config.clone());
            let space = world.space();
            let base = filled(&mut world, space, 5);
            let charged = world.charged();
            leave(&mut world);
            world.call(|m| m.discard(space, base, 4 * PAGE)).expect("committed");
            assert_eq!(values(&mut world, space, base, 5), [0, 0, 0, 0, 5]);
            world.complete_all();
            assert_eq!(values(&mut world, space, base, 5), [0, 0, 0, 0, 5]);
            assert_eq!((world.charged(), world.protection(space, base)), (charged, Some(0x04)));
        }
    }
}

#[test]
fn prefetched_pages_are_read_in_clusters_and_then_need_no_read() {
    for backing in [None, Some(Backing::PageFile), Some(Backing::File)] {
        let mut world = World::new(Config::new(256).with_page_file(64, 64));
        let space = world.space();
        let (base, expected): (u64, Vec<u64>) = match backing {
            None => (filled(&mut world, space, 40), (1..=40).collect()),
            Some(backing) => {
                let section = world.section(40, backing);
                let base = world.view(space, section, 0x04);
                if backing == Backing::PageFile {
                    for page in 0..40 {
                        world.write(space, base + page * PAGE, page + 1).expect("a write");
                    }
                    (base, (1..=40).collect())
                } else {
                    (base, (0..40).map(|page| file_mark(section, page)).collect())
                }
            }
        };
        world.page_out();
        let before = *world.manager.counters();
        world.call(|m| m.prefetch(space, base, 40 * PAGE)).expect("a region");
        let after = *world.manager.counters();
        assert_eq!(after.pages_read - before.pages_read, 40, "{backing:?}");
        assert_eq!(after.reads - before.reads, 1, "they lie beside each other");
        world.complete_all();
        assert_eq!(world.manager.list_counts().standby.iter().sum::<u32>(), 40);
        assert_eq!(values(&mut world, space, base, 40), expected);
        let last = *world.manager.counters();
        assert_eq!((last.hard, last.soft - after.soft), (before.hard, 40));
        world.call(|m| m.prefetch(space, base, 40 * PAGE)).expect("a region");
        assert!(world.pending.is_empty(), "what is there is not read again");
    }
}

#[test]
fn what_lies_behind_a_stream_is_read_before_it_is_wanted() {
    let pages = 120;
    for is_backwards in [false, true] {
        let mut config = Config::new(256).with_page_file(256, 256);
        config.policy.read_cluster_max = 8;
        config.policy.map_ahead_max = 8;
        config.policy.read_ahead_min = 4;
        let mut world = World::new(config);
        let space = world.space();
        let base = filled(&mut world, space, pages);
        world.page_out();
        let before = *world.manager.counters();
        let mut ahead = 0;
        for step in 0..pages {
            let page = if is_backwards { pages - 1 - step } else { step };
            assert_eq!(world.read(space, base + page * PAGE), Ok(page + 1));
            ahead += u64::from(!world.pending.is_empty());
        }
        let after = *world.manager.counters();
        assert_eq!(after.hard - before.hard, 3, "one page, two, four, and no more");
        assert!(ahead > pages / 2, "reads for which nobody waits: {ahead}");
        assert_eq!(after.pages_read - before.pages_read, pages);
        world.check();
    }
}

#[test]
fn nothing_is_read_behind_pages_at_random() {
    let mut config = Config::new(256).with_page_file(256, 256);
    config.policy.read_ahead_min = 2;
    let mut world = World::new(config);
    let space = world.space();
    let base = filled(&mut world, space, 120);
    world.page_out();
    let before = world.manager.counters().pages_read;
    for page in (0..120).step_by(7) {
        assert_eq!(world.read(space, base + page * PAGE), Ok(page + 1));
        assert!(world.pending.is_empty());
    }
    assert_eq!(world.manager.counters().pages_read - before, 120_u64.div_ceil(7));
}

#[test]
fn nothing_is_prefetched_while_memory_is_low() {
    let mut world = World::new(Config::new(128).with_page_file(256, 256));
    let space = world.space();
    let base = filled(&mut world, space, 40);
    world.page_out();
    let low = world.manager.config().policy.available_low;
    let available = |world: &World| {
        let lists = world.manager.list_counts();
        lists.zeroed + lists.free + lists.standby.iter().sum::<u32>()
    };
    world.call(|m| m.allocate_physical(space, u64::from(128 - low))).expect("frames");
    assert_eq!(available(&world), low);
    world.call(|m| m.prefetch(space, base, 40 * PAGE)).expect("a hint is never refused");
    assert!(world.pending.is_empty());
}

#[test]
fn a_prefetch_of_addresses_that_hold_nothing_takes_nothing() {
    let mut world = world();
    let space = world.space();
    let bytes = 1 << 46;
    let reserved = world.call(|m| m.allocate(space, &Allocation::reserved(bytes))).expect("there");
    let used = |world: &World| world.manager.snapshot().pool(PoolKind::NonPaged).used;
    let before = used(&world);
    world.call(|manager| manager.prefetch(space, reserved, bytes)).expect("a region");
    assert_eq!(used(&world), before, "a hint makes no page tables");
    assert!(world.pending.is_empty());
    for (address, bytes) in [(reserved, 0), (reserved - PAGE, PAGE), (reserved, bytes + PAGE)] {
        assert!(world.call(|manager| manager.prefetch(space, address, bytes)).is_err());
    }
}

#[test]
fn a_stored_page_is_decompressed_and_keeps_its_copy_until_it_is_written() {
    let mut world = World::new(Config::new(128).with_store(16));
    let space = world.space();
    let base = world.committed(space, 3);
    // The last one compresses to a single word.
    for (page, value) in [(0, 5), (1, 6), (2, 0)] {
        world.write(space, base + page * PAGE, value).expect("a write");
    }
    world.page_out();
    assert!(matches!(world.pte(space, base), PteView::Stored(Stored::Bytes { .. })));
    assert_eq!(world.pte(space, base + 2 * PAGE), PteView::Stored(Stored::Same(0)));
    world.take_log();
    assert_eq!(values(&mut world, space, base, 3), [5, 6, 0]);
    let decompressed = |output: &&Output| matches!(output, Output::Decompress { .. });
    assert_eq!(world.take_log().iter().filter(decompressed).count(), 3);
    assert_eq!(world.manager.counters().decompressed, 3);
    let store = world.manager.snapshot().store();
    assert_eq!((store.pages, store.frames, store.stored), (3, 1, 3));
    world.write(space, base, 8).expect("a write");
    world.trim();
    assert_eq!(world.manager.list_counts().modified, 1, "it must be stored again");
    let store = world.manager.snapshot().store();
    assert_eq!((store.pages, store.frames), (2, 1), "its copy is an old one");
    world.page_out();
    assert_eq!(world.manager.snapshot().store().stored, 4, "the others need not");
    assert_eq!(values(&mut world, space, base, 3), [8, 6, 0]);
}

#[test]
fn a_full_store_has_pages_that_are_used_give_their_copies_up() {
    let mut world = World::new(Config::new(128).with_page_file(64, 64).with_store(1));
    let space = world.space();
    let base = filled(&mut world, space, 2);
    world.page_out();
    assert_eq!(world.manager.snapshot().store().pages, 2);
    assert_eq!(values(&mut world, space, base, 1), [1]);
    assert_eq!(world.manager.snapshot().store().pages, 1, "the store is full");
    world.trim();
    assert_eq!(world.manager.list_counts().modified, 1, "it must be written again");
    world.page_out();
    assert_eq!(values(&mut world, space, base, 2), [1, 2]);
}

#[test]
fn a_page_that_does_not_get_smaller_goes_to_the_page_file() {
    let mut world = World::new(Config::new(128).with_page_file(64, 64).with_store(16));
    world.compress = |value| match value {
        1 => Compressed::Incompressible,
        2 => Compressed::Bytes(Compressed::WORTH_MAX + 1),
        _ => Compressed::Bytes(Compressed::WORTH_MAX),
    };
    let space = world.space();
    let base = filled(&mut world, space, 3);
    world.write_out();
    world.page_out();
    for page in 0..2 {
        assert!(matches!(world.pte(space, base + page * PAGE), PteView::PageFile(_)));
    }
    assert!(matches!(world.pte(space, base + 2 * PAGE), PteView::Stored(_)));
    assert_eq!(values(&mut world, space, base, 3), [1, 2, 3]);
}

/// Makes the page of a resident address lost.
fn lose(world: &mut World, space: SpaceId, address: u64) {
    let frame = world.frame(space, address);
    world.input(Input::Lost { frame, error: IoError(7) });
}

#[test]
fn a_lost_private_page_raises_at_each_access_until_it_is_given_up() {
    let give_up: [fn(&mut World, SpaceId, u64); 3] = [
        |world, space, base| world.call(|m| m.discard(space, base, PAGE)).expect("committed"),
        |world, space, base| reset(world, space, base, 1),
        |world, space, base| {
            world.call(|m| m.free(space, base, PAGE, MEM_DECOMMIT)).expect("committed");
            let again = Allocation::commit_at(base, PAGE);
            world.call(|m| m.allocate(space, &again)).expect("reserved");
        },
    ];
    for give_up in give_up {
        let mut world = World::new(Config::new(128).with_store(16));
        let space = world.space();
        let base = filled(&mut world, space, 2);
        world.page_out();
        assert_eq!(values(&mut world, space, base, 2), [1, 2]);
        lose(&mut world, space, base);
        assert_eq!(world.pte(space, base), PteView::Lost);
        for _ in 0..2 {
            for access in [Access::Read, Access::Write] {
                let raised = Exception::InPage { address: base, error: IoError(7) };
                assert_eq!(world.access(space, base, access), Err(raised));
            }
            world.page_out();
        }
        assert_eq!(world.manager.counters().in_page_errors, 4);
        assert_eq!(world.read(space, base + PAGE), Ok(2), "its neighbour is unharmed");
        give_up(&mut world, space, base);
        assert_eq!(world.read(space, base), Ok(0));
    }
}

#[test]
fn a_lost_shared_page_raises_in_every_space_until_its_section_ends() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let section = world.section(2, Backing::PageFile);
    let (one, other) = (world.view(here, section, 0x04), world.view(there, section, 0x04));
    world.write(here, one, 1).expect("a write");
    world.read(there, other).expect("a read");
    world.write(there, other + PAGE, 2).expect("a write");
    lose(&mut world, here, one);
    let later = world.space();
    let third = world.view(later, section, 0x04);
    for (space, address) in [(here, one), (there, other), (later, third)] {
        let raised = Exception::InPage { address, error: IoError(7) };
        assert_eq!(world.read(space, address), Err(raised));
        assert_eq!(world.prototype(space, address), Some(PteView::Lost));
        assert_eq!(world.read(space, address + PAGE), Ok(2));
    }
    for (space, address) in [(here, one), (there, other), (later, third)] {
        world.call(|manager| manager.unmap_view(space, address)).expect("mapped");
    }
    world.call(|manager| manager.close_section(section)).expect("held");
    assert_eq!(world.manager.snapshot().sections().count(), 0);
}

#[test]
fn a_loss_in_a_frame_without_a_page_changes_nothing() {
    let mut world = World::new(Config::new(64).with_store(8));
    let space = world.space();
    let base = filled(&mut world, space, 2);
    world.page_out();
    for number in 0..70 {
        let frame = memtide_core::page::Pfn(number);
        world.input(Input::Lost { frame, error: IoError(1) });
    }
    assert_eq!(values(&mut world, space, base, 2), [1, 2]);
}

#[test]
fn a_reclaimed_page_has_the_priority_of_its_space_again() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 1);
    offer(&mut world, space, base, 1, OfferPriority::VeryLow);
    assert_eq!(world.manager.list_counts().standby[1], 1);
    world.call(|manager| manager.reclaim_offered(space, base, PAGE)).expect("it is there");
    world.read(space, base).expect("a read");
    world.write_out();
    assert_eq!(world.manager.list_counts().standby[5], 1);
}
