//! What a viewer or a debugger sees.

mod support;

use std::collections::BTreeSet;

use memtide_core::page::{Access, Pfn, SpaceId, ThreadId, Vpn};
use memtide_core::snapshot::{FrameShape, PteOwner, PteView};
use memtide_core::{
    Allocation, Backing, Config, Exception, Input, IoError, PageState, PageUse, PoolAllocation,
    PoolKind, Protection, Refusal, RegionKind, Source, Stored,
};
use support::World;

const PAGE: u64 = 4096;

fn world() -> World {
    World::new(Config::new(128).with_page_file(512, 512))
}

fn filled(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    let base = world.committed(space, pages);
    for page in 0..pages {
        world.write(space, base + page * PAGE, page + 1).expect("a write");
    }
    base
}

/// The name of a variant.
fn kind(view: PteView) -> &'static str {
    match view {
        PteView::Zero => "zero",
        PteView::Valid { .. } => "valid",
        PteView::Transition { .. } => "transition",
        PteView::PageFile(_) => "page file",
        PteView::Stored(Stored::Bytes { .. }) => "stored bytes",
        PteView::Stored(Stored::Same(_)) => "stored word",
        PteView::DemandZero(_) => "demand zero",
        PteView::Prototype { .. } => "prototype",
        PteView::File { .. } => "file",
        PteView::Lost => "lost",
    }
}

#[test]
fn every_kind_of_pte_is_shown_as_what_it_is() {
    let mut world = World::new(Config::new(128).with_page_file(64, 64).with_store(16));
    let space = world.space();
    let base = world.committed(space, 8);
    let mut seen = BTreeSet::new();
    // 7 does not compress, 0 is one word, 8 gets smaller.
    for (page, value) in [(0, 7), (1, 0), (2, 8), (3, 9), (4, 10)] {
        world.write(space, base + page * PAGE, value).expect("a write");
    }
    world.page_out();
    world.page_out();
    world.read(space, base + 3 * PAGE).expect("a read");
    world.read(space, base + 4 * PAGE).expect("a read");
    let frame = world.frame(space, base + 4 * PAGE);
    world.input(Input::Lost { frame, error: IoError(5) });
    world.trim();
    world.write(space, base + 5 * PAGE, 1).expect("a write");
    let section = world.section(2, Backing::File);
    let view = world.view(space, section, 0x02);
    for (page, expected) in [
        (0, "page file"),
        (1, "stored word"),
        (2, "stored bytes"),
        (3, "transition"),
        (4, "lost"),
        (5, "valid"),
        (6, "demand zero"),
        (8, "zero"),
    ] {
        let found = kind(world.pte(space, base + page * PAGE));
        assert_eq!(found, expected, "page {page}");
        seen.insert(found);
    }
    seen.insert(kind(world.pte(space, view)));
    seen.insert(kind(world.prototype(space, view).expect("it refers to the section")));
    assert_eq!(seen.len(), 10, "{seen:?}");
    assert_eq!(world.pte(space, base + 6 * PAGE), PteView::DemandZero(Protection::READ_WRITE));
    let reserved = Allocation::reserved(PAGE);
    let reserved = world.call(|m| m.allocate(space, &reserved)).expect("addresses");
    assert_eq!(world.pte(space, reserved), PteView::Zero);
}

#[test]
fn a_valid_pte_shows_its_bits() {
    let mut world = world();
    let space = world.space();
    let base = world.committed(space, 1);
    world.read(space, base).expect("zeros");
    let bits = |world: &World| match world.pte(space, base) {
        PteView::Valid { is_accessed, is_dirty, is_shared, is_pinned, rights, .. } => {
            assert!(!is_shared && !is_pinned && rights.allow(Access::Read));
            (is_accessed, is_dirty)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(bits(&world), (false, false));
    assert!(world.manager.touch(space, base, Access::Read));
    assert_eq!(bits(&world), (true, false));
    world.command(memtide_core::ListCommand::CaptureAccessedBits);
    assert_eq!(bits(&world), (true, false));
    world.command(memtide_core::ListCommand::CaptureAndResetAccessedBits);
    assert_eq!(bits(&world), (false, false));
    world.input(Input::Accessed { space, address: base + 9 });
    assert_eq!(bits(&world), (true, false));
    world.write(space, base, 1).expect("a write");
    assert_eq!(bits(&world), (true, true));
}

#[test]
fn a_frame_has_the_shape_of_its_state() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 3);
    let frames = [0, 1, 2].map(|page| world.frame(space, base + page * PAGE));

    let active = world.frame_view(frames[1]);
    assert_eq!((active.state, active.reference_count), (PageState::Active, 1));
    assert!(matches!(active.shape, FrameShape::Active { share_count: 1, .. }));
    let page = Vpn::of(base + PAGE);
    assert_eq!(active.owner, Some(PteOwner::Space { space, page }));
    assert!(active.pte_address.is_some());

    world.trim();
    let listed = world.frame_view(frames[1]);
    assert_eq!((listed.state, listed.reference_count), (PageState::Modified, 0));
    let (next, previous) = (Some(frames[2]), Some(frames[0]));
    assert_eq!(listed.shape, FrameShape::Listed { next, previous });
    assert!(listed.is_modified && listed.original.is_none());

    world.command(memtide_core::ListCommand::FlushModifiedList);
    let writing = world.frame_view(frames[1]);
    assert_eq!((writing.state, writing.reference_count), (PageState::Transition, 1));
    assert_eq!(writing.shape, FrameShape::InProgress { operation: None, waiters: 0 });
    assert!(writing.is_writing && !writing.is_reading && !writing.is_modified);

    world.complete_all();
    let standby = world.frame_view(frames[1]);
    assert_eq!((standby.state, standby.priority), (PageState::Standby, 5));
    assert!(matches!(standby.shape, FrameShape::Listed { .. }));
    assert!(standby.original.is_some());

    world.command(memtide_core::ListCommand::PurgeStandbyList);
    let free = world.frame_view(frames[1]);
    assert_eq!((free.state, free.owner, free.pte_address), (PageState::Free, None, None));
    assert!(matches!(free.shape, FrameShape::Free { .. }));

    assert_eq!(world.begin(ThreadId(1), space, base, Access::Read), None);
    assert_eq!(world.begin(ThreadId(2), space, base, Access::Write), None);
    let reading = world.frame_of(space, base);
    let FrameShape::InProgress { operation: Some(operation), waiters: 2 } = reading.shape else {
        panic!("{:?}", reading.shape)
    };
    assert!(reading.is_reading && reading.reference_count == 1);
    let operations: Vec<_> = world.manager.snapshot().operations().collect();
    let source = world.manager.source_of(operation);
    assert!(matches!(source, Some(Source::PageFile(_))));
    assert_eq!(operations, [(operation, source, 2)]);
    world.complete_all();
    assert_eq!(world.manager.snapshot().operations().count(), 0);

    let untouched = world.frame_view(Pfn(127));
    assert_eq!((untouched.state, untouched.owner), (PageState::Zeroed, None));
    assert_eq!(world.manager.snapshot().frame(Pfn(128)), None);
    world.call(|manager| manager.mark_bad(Pfn(127))).expect("a frame");
    assert_eq!(world.frame_view(Pfn(127)).state, PageState::Bad);
    assert!(matches!(world.frame_view(Pfn(127)).shape, FrameShape::Free { .. }));
}

#[test]
fn a_walk_goes_down_four_levels_to_the_physical_address() {
    let mut world = world();
    let space = world.space();
    let address = 0x7654_3210_0000;
    let wanted = Allocation { address, bytes: 4 * PAGE, kind: 0x3000, protection: 0x04 };
    world.call(|manager| manager.allocate(space, &wanted)).expect("memory");
    let walk = |world: &World, address| world.manager.snapshot().walk(space, address);
    let before = walk(&world, address).expect("a space");
    assert_eq!(before.steps.len(), 1, "there are no tables yet but the root");
    assert_eq!((before.steps[0].level, before.physical), (3, None));
    world.write(space, address + 2 * PAGE, 1).expect("a write");
    let after = walk(&world, address + 2 * PAGE + 0x123).expect("a space");
    let levels: Vec<u8> = after.steps.iter().map(|step| step.level).collect();
    assert_eq!(levels, [3, 2, 1, 0]);
    for step in &after.steps {
        let index = (address + 2 * PAGE) >> (12 + 9 * u32::from(step.level)) & 0x1ff;
        assert_eq!(u64::from(step.index), index);
        assert_ne!(step.word, 0);
    }
    let frame = world.frame(space, address + 2 * PAGE);
    assert_eq!(after.physical, Some(u64::from(frame.0) * PAGE + 0x123));
    let pte = world.frame_view(frame).pte_address.expect("it has a page");
    let last = after.steps.last().expect("four steps");
    assert_eq!(pte.0, u64::from(last.table) * 512 + u64::from(last.index));
    let beside = walk(&world, address).expect("a space");
    assert_eq!((beside.steps.len(), beside.steps[3].word), (4, 0));
    assert!(matches!(beside.pte, PteView::DemandZero(_)));
    let gone = Refusal::NoSuch { what: "space", number: 9 };
    assert_eq!(world.manager.snapshot().walk(SpaceId(9), 0), Err(gone));
}

#[test]
fn regions_are_told_in_the_order_of_their_addresses() {
    let mut world = world();
    let space = world.space();
    let section = world.section(20, Backing::PageFile);
    let mut bases = Vec::new();
    for round in 0..7 {
        bases.push(world.committed(space, round + 1));
        bases.push(world.view(space, section, 0x08));
    }
    let middle = bases[12];
    world.call(|m| m.free(space, middle + PAGE, 2 * PAGE, 0x4000)).expect("committed");
    world.call(|m| m.protect(space, middle + 4 * PAGE, PAGE, 0x02)).expect("committed");
    let regions = world.manager.snapshot().regions(space).expect("a space");
    assert_eq!(regions.len(), 14);
    assert!(regions.is_sorted_by_key(|region| region.base));
    assert_eq!(regions.iter().filter(|region| region.level == 0).count(), 1, "one root");
    assert!(regions.iter().all(|region| region.level < 6), "the tree is balanced");
    let found = regions.iter().find(|region| region.base == middle).expect("it is there");
    assert_eq!((found.bytes, found.charge, found.kind), (7 * PAGE, 5, RegionKind::Private));
    let writes = PageUse::Committed(Protection::READ_WRITE);
    let reads = PageUse::Committed(Protection::READ_ONLY);
    let expected =
        [(0, 1, writes), (1, 2, PageUse::Reserved), (3, 1, writes), (4, 1, reads), (5, 2, writes)];
    assert_eq!(found.uses, expected);
    let view = regions.iter().find(|region| region.base == bases[1]).expect("it is there");
    assert_eq!((view.kind, view.charge), (RegionKind::View { section, first: 0 }, 20));
}

#[test]
fn a_frame_s_index_is_exact_for_its_first_owner_and_others_are_found_all_the_same() {
    let mut world = world();
    let spaces = [world.space(), world.space(), world.space()];
    // Indices that differ from space to space.
    for (space, pages) in spaces.iter().zip([3, 1, 5]) {
        filled(&mut world, *space, pages);
    }
    let section = world.section(2, Backing::PageFile);
    let bases = spaces.map(|space| world.view(space, section, 0x04));
    for (space, base) in spaces.into_iter().zip(bases) {
        world.write(space, base + PAGE, 1).expect("a write");
    }
    let frame = world.frame(spaces[0], bases[0] + PAGE);
    let FrameShape::Active { working_set_index, share_count: 3 } = world.frame_view(frame).shape
    else {
        panic!("it is mapped three times")
    };
    let entry = |world: &World, space: SpaceId| {
        let entries = world.manager.snapshot().working_set(space).expect("a space");
        assert!(entries.is_sorted_by_key(|entry| entry.index));
        entries.into_iter().find(|entry| entry.frame == frame).expect("it is in the working set")
    };
    assert_eq!(entry(&world, spaces[0]).index, working_set_index);
    assert_eq!(spaces.map(|space| entry(&world, space).index), [3, 1, 5]);
    for (space, base) in spaces.into_iter().zip(bases) {
        let found = entry(&world, space);
        assert_eq!(found.page, Vpn::of(base + PAGE));
        assert!(found.is_shared && found.is_dirty && found.is_newcomer && !found.is_locked);
    }
    // The first owner goes; the others are still found, to be trimmed.
    world.call(|manager| manager.unmap_view(spaces[0], bases[0])).expect("mapped");
    for space in [spaces[2], spaces[1]] {
        assert_eq!(entry(&world, space).frame, frame);
        world.call(|manager| manager.empty_working_set(space)).expect("a space");
    }
    assert_eq!(world.frame_view(frame).state, PageState::Modified);
}

#[test]
fn a_space_shows_what_it_holds_and_what_happened_to_it() {
    let mut world = World::new(Config::new(2048).with_page_file(512, 512));
    let (space, other) = (world.space(), world.space());
    let base = filled(&mut world, space, 6);
    world.lock(space, base, 2 * PAGE);
    world.call(|manager| manager.set_page_priority(space, 3)).expect("0 to 7");
    world.call(|m| m.allocate_physical(space, 4)).expect("frames");
    let view = world.manager.snapshot().space(space).expect("a space");
    assert_eq!((view.working_set, view.locked, view.working_set_peak), (6, 2, 6));
    assert_eq!(view.ages.iter().sum::<u32>(), 6);
    assert_eq!((view.commit, view.physical, view.regions, view.priority), (10, 4, 1, 3));
    assert_eq!(view.page_tables, 4);
    assert_eq!((view.counters.demand_zero, view.counters.faults()), (6, 6));
    assert_eq!(view.limits, world.manager.working_set_limits(space).expect("a space"));
    world.trim();
    let view = world.manager.snapshot().space(space).expect("a space");
    assert_eq!((view.working_set, view.working_set_peak, view.counters.trimmed), (2, 6, 4));
    let idle = world.manager.snapshot().space(other).expect("a space");
    assert_eq!((idle.working_set, idle.commit, idle.page_tables), (0, 0, 1));
    assert_eq!(world.manager.snapshot().spaces().collect::<Vec<_>>(), [space, other]);
    world.call(|manager| manager.destroy_space(space)).expect("a space");
    assert_eq!(world.manager.snapshot().spaces().collect::<Vec<_>>(), [other]);
    assert!(world.manager.snapshot().space(space).is_err());
}

#[test]
fn every_list_is_told_and_together_they_hold_every_frame_once() {
    let mut world = world();
    let spaces = [world.space(), world.space()];
    for (space, priority) in spaces.into_iter().zip([6, 2]) {
        world.call(|m| m.set_page_priority(space, priority)).expect("0 to 7");
    }
    let bases = spaces.map(|space| filled(&mut world, space, 5));
    world.write_out();
    let standby: Vec<Pfn> = world.manager.snapshot().list(PageState::Standby).collect();
    let priorities: Vec<u8> = standby.iter().map(|pfn| world.frame_view(*pfn).priority).collect();
    assert_eq!(priorities, [2, 2, 2, 2, 2, 6, 6, 6, 6, 6], "the lowest first");
    for (space, base) in spaces.into_iter().zip(bases) {
        world.write(space, base, 1).expect("a write");
    }
    world.trim();
    world.write(spaces[0], bases[0] + PAGE, 1).expect("a write");
    world.call(|m| m.discard(spaces[0], bases[0] + 2 * PAGE, PAGE)).expect("committed");
    world.call(|manager| manager.mark_bad(Pfn(120))).expect("a frame");
    let mut all = Vec::new();
    for state in PageState::ALL {
        let list: Vec<Pfn> = world.manager.snapshot().list(state).collect();
        assert!(list.iter().all(|pfn| world.frame_view(*pfn).state == state), "{state:?}");
        all.extend(list);
    }
    all.sort_unstable();
    assert_eq!(all, (0..128).map(Pfn).collect::<Vec<_>>());
    // The links of a list are those of its frames.
    for state in [PageState::Modified, PageState::Standby] {
        let list: Vec<Pfn> = world.manager.snapshot().list(state).collect();
        for pair in list.windows(2) {
            let views = [world.frame_view(pair[0]), world.frame_view(pair[1])];
            if let [
                FrameShape::Listed { next: Some(next), .. },
                FrameShape::Listed { previous, .. },
            ] = views.map(|view| view.shape)
            {
                assert_eq!((next, previous), (pair[1], Some(pair[0])));
            }
        }
    }
}

#[test]
fn page_files_store_and_pools_show_what_is_in_them() {
    let config = Config::new(128).with_page_file(64, 100).with_page_file(32, 32);
    let mut world = World::new(config.clone());
    let space = world.space();
    filled(&mut world, space, 20);
    world.write_out();
    let files: Vec<_> = world.manager.snapshot().page_files().collect();
    let sizes: Vec<_> = files.iter().map(|file| (file.file, file.size, file.maximum)).collect();
    assert_eq!(sizes, [(0, 64, 100), (1, 32, 32)]);
    assert_eq!(files.iter().map(|file| file.used).sum::<u32>(), 20);
    assert_eq!(files.iter().map(|file| file.bad).sum::<u32>(), 0);
    assert_eq!(world.manager.snapshot().store(), memtide_core::snapshot::StoreView::default());

    let mut world = World::new(config.with_store(16));
    let space = world.space();
    filled(&mut world, space, 6);
    world.page_out();
    let store = world.manager.snapshot().store();
    assert_eq!((store.pages, store.stored, store.frames_max), (6, 6, 16));
    assert!(store.frames > 0 && store.frames <= 6 && store.bytes >= 6 * 200);
    let holds = |pfn: &Pfn| world.frame_view(*pfn).is_store;
    assert_eq!((0..128).map(Pfn).filter(holds).count(), store.frames as usize);

    let pool = PoolKind::Paged;
    let allocation = PoolAllocation { pool, bytes: 100, tag: *b"Mine" };
    let before = world.manager.snapshot().pool(pool);
    let id = world.call(|manager| manager.allocate_pool(allocation)).expect("room");
    let after = world.manager.snapshot().pool(pool);
    assert_eq!((after.used, after.free()), (before.used + 100, before.free() - 100));
    let held: Vec<_> = world.manager.snapshot().pool_allocations().collect();
    assert_eq!(held, [(id, allocation)]);
}

#[test]
fn a_look_changes_nothing_and_tells_what_an_access_would_raise() {
    let mut world = world();
    let space = world.space();
    let base = world.committed(space, 3);
    world.call(|m| m.protect(space, base + PAGE, PAGE, 0x104)).expect("committed");
    world.call(|m| m.protect(space, base + 2 * PAGE, PAGE, 0x02)).expect("committed");
    let (access, address) = (Access::Write, base + PAGE);
    for _ in 0..2 {
        let snapshot = world.manager.snapshot();
        let raised = snapshot.would_raise(space, address, access);
        assert_eq!(raised, Some(Exception::GuardPage { address, access }));
        assert_eq!(snapshot.would_raise(space, base, access), None);
        let address = base + 2 * PAGE;
        let violation = Some(Exception::AccessViolation { address, access });
        assert_eq!(snapshot.would_raise(space, address, access), violation);
        assert_eq!(snapshot.would_raise(space, address, Access::Read), None);
        assert_eq!(snapshot.frames(), 128);
        assert!(snapshot.colours() > 0 && snapshot.waiting() == 0);
    }
    assert!(matches!(world.write(space, address, 1), Err(Exception::GuardPage { .. })));
}
