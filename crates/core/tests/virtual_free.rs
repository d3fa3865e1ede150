//! VirtualFree against an oracle written from Microsoft's documentation of it, and then each
//! documented detail by itself.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId};
use memtide_core::{
    Allocation, Backing, Config, ListCommand, MEM_COMMIT, MEM_DECOMMIT, MEM_LARGE_PAGES,
    MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, PageUse, PoolKind, RegionState, SectionConfig, View,
};
use support::{Answer, World};

type Status = (u32, u32);
const INVALID_PARAMETER: Status = (0xC000_000D, 87);
const UNABLE_TO_FREE: Status = (0xC000_001A, 87);
const FREE_NOT_AT_BASE: Status = (0xC000_009F, 487);
const MEMORY_NOT_ALLOCATED: Status = (0xC000_00A0, 487);
const ACCESS_VIOLATION: u32 = 0xC000_0005;

/// Where each test puts its region.
const BASE: u64 = 0x4000_0000;
/// Its size: one large page, so that every kind of region can have it.
const SIZE: u64 = 2 << 20;
/// The pages that are committed at first in private memory: the second eight.
const COMMITTED: std::ops::Range<u64> = 8..16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Private,
    Large,
    Physical,
    View,
}

fn free(
    world: &mut World,
    space: SpaceId,
    address: u64,
    bytes: u64,
    kind: u32,
) -> Result<(), Status> {
    let result = world.call(|manager| manager.free(space, address, bytes, kind));
    result.map_err(|refusal| (refusal.ntstatus(), refusal.win32()))
}

fn charged(world: &World) -> u64 {
    world.manager.snapshot().commit().charged()
}

fn page_use(world: &World, space: SpaceId, address: u64) -> Option<PageUse> {
    match world.manager.query(space, address).expect("an address of the program").state {
        RegionState::Free => None,
        RegionState::Allocated { page_use, .. } => Some(page_use),
    }
}

fn make_region(world: &mut World, space: SpaceId, kind: Kind) {
    let reserved = Allocation { address: BASE, ..Allocation::reserved(SIZE) };
    let base = match kind {
        Kind::Private => world.call(|manager| {
            let part = Allocation::commit_at(BASE + COMMITTED.start * PAGE_SIZE, 8 * PAGE_SIZE);
            let base = manager.allocate(space, &reserved);
            manager.allocate(space, &part)?;
            base
        }),
        Kind::Large => {
            let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
            world.call(|manager| manager.allocate(space, &Allocation { kind, ..reserved }))
        }
        Kind::Physical => {
            let kind = MEM_RESERVE | MEM_PHYSICAL;
            world.call(|manager| manager.allocate(space, &Allocation { kind, ..reserved }))
        }
        Kind::View => world.call(|manager| {
            let (protection, backing) = (0x04, Backing::PageFile);
            let config = SectionConfig { bytes: SIZE, protection, backing, is_reserved: false };
            let section = manager.create_section(&config)?;
            let view = View { section, address: BASE, offset: 0, bytes: 0, protection };
            manager.map_view(space, &view)
        }),
    };
    assert_eq!(base, Ok(BASE));
}

/// The documentation of VirtualFree. Which of two reasons is named where a call is wrong in two
/// ways is ours.
fn documented(kind: Kind, address: u64, bytes: u64, free_type: u32) -> Result<(), Status> {
    let is_inside = (BASE..BASE + SIZE).contains(&address);
    match free_type {
        // "If MEM_RELEASE, this parameter must be 0", and the address "must be the base".
        MEM_RELEASE if bytes != 0 => Err(INVALID_PARAMETER),
        MEM_RELEASE | MEM_DECOMMIT if !is_inside => Err(MEMORY_NOT_ALLOCATED),
        MEM_RELEASE | MEM_DECOMMIT if bytes == 0 && address != BASE => Err(FREE_NOT_AT_BASE),
        // A view is unmapped, not freed.
        MEM_RELEASE if kind == Kind::View => Err(INVALID_PARAMETER),
        MEM_RELEASE => Ok(()),
        MEM_DECOMMIT if address.checked_add(bytes).is_none_or(|end| end > BASE + SIZE) => {
            Err(UNABLE_TO_FREE)
        }
        // Ours: large pages, AWE addresses and views have no pages to decommit one by one.
        MEM_DECOMMIT if kind != Kind::Private => Err(INVALID_PARAMETER),
        MEM_DECOMMIT => Ok(()),
        // Never both, never neither, and nothing else.
        _ => Err(INVALID_PARAMETER),
    }
}

fn check(kind: Kind, address: u64, bytes: u64, free_type: u32) {
    let frames = if kind == Kind::Private { 64 } else { 1024 };
    let mut world = World::new(Config::new(frames));
    let space = world.space();
    let empty = charged(&world);
    make_region(&mut world, space, kind);
    if kind == Kind::Private {
        world.write(space, BASE + COMMITTED.start * PAGE_SIZE, 1).expect("a write");
    }
    let before = charged(&world);
    let result = free(&mut world, space, address, bytes, free_type);
    let what = format!("{kind:?} at {address:#x}, {bytes:#x} bytes, type {free_type:#x}");
    assert_eq!(result, documented(kind, address, bytes, free_type), "{what}");
    if result.is_err() {
        assert_eq!(charged(&world), before, "{what}");
        assert!(page_use(&world, space, BASE).is_some(), "{what}");
    } else if free_type == MEM_RELEASE {
        assert_eq!(charged(&world), empty, "{what}");
        assert_eq!(page_use(&world, space, BASE), None, "{what}");
    } else {
        let end = if bytes == 0 { BASE + SIZE } else { address + bytes };
        let gone = address / PAGE_SIZE..end.div_ceil(PAGE_SIZE);
        let committed = COMMITTED.map(|page| BASE / PAGE_SIZE + page);
        let left = committed.clone().filter(|page| !gone.contains(page)).count() as u64;
        assert_eq!(charged(&world), empty + left, "{what}");
        for page in committed {
            let is_committed = page_use(&world, space, page * PAGE_SIZE) != Some(PageUse::Reserved);
            assert_eq!(is_committed, !gone.contains(&page), "{what}: page {page:#x}");
        }
    }
}

#[test]
fn every_type_address_and_size_ends_as_documented_on_every_kind_of_region() {
    let types = [
        0,
        MEM_DECOMMIT,
        MEM_RELEASE,
        MEM_DECOMMIT | MEM_RELEASE,
        MEM_COMMIT,
        MEM_RESERVE,
        MEM_RELEASE | 1,
        MEM_RELEASE | 2,
        MEM_DECOMMIT | 0x1_0000,
        u32::MAX,
    ];
    let inside = BASE + COMMITTED.start * PAGE_SIZE;
    let addresses = [
        BASE,
        BASE + 1,
        BASE + PAGE_SIZE,
        inside,
        inside + 0x123,
        BASE + SIZE - 1,
        BASE + SIZE,
        BASE - 1,
        0,
        0x1000,
        0x7fff_ffff_0000,
        u64::MAX,
    ];
    let sizes = [0, 1, PAGE_SIZE, 3 * PAGE_SIZE + 1, SIZE - 1, SIZE, SIZE + 1, 1 << 40, u64::MAX];
    for kind in [Kind::Private, Kind::Large, Kind::Physical, Kind::View] {
        for free_type in types {
            for address in addresses {
                for bytes in sizes {
                    check(kind, address, bytes, free_type);
                }
            }
        }
    }
}

#[test]
fn decommitting_pages_that_are_not_committed_is_no_error() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    make_region(&mut world, space, Kind::Private);
    for _ in 0..2 {
        // Uncommitted, mixed, and, the second time, all of it once more.
        assert_eq!(free(&mut world, space, BASE, PAGE_SIZE, MEM_DECOMMIT), Ok(()));
        assert_eq!(free(&mut world, space, BASE, 12 * PAGE_SIZE, MEM_DECOMMIT), Ok(()));
    }
    assert_eq!(charged(&world), 4);
}

#[test]
fn size_zero_with_the_base_decommits_all_and_keeps_the_reservation() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    make_region(&mut world, space, Kind::Private);
    assert_eq!(free(&mut world, space, BASE, 0, MEM_DECOMMIT), Ok(()));
    let info = world.manager.query(space, BASE).expect("an address of the program");
    assert_eq!(info.bytes, SIZE);
    assert_eq!(page_use(&world, space, BASE), Some(PageUse::Reserved));
    assert_eq!(charged(&world), 0);
    let taken = Allocation { address: BASE, ..Allocation::reserved(SIZE) };
    let refused = world.call(|manager| manager.allocate(space, &taken)).expect_err("it is taken");
    assert_eq!(refused.win32(), 487);
}

#[test]
fn a_byte_on_each_side_of_a_page_boundary_decommits_both_pages() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let base = world.committed(space, 4);
    assert_eq!(free(&mut world, space, base + 2 * PAGE_SIZE - 1, 2, MEM_DECOMMIT), Ok(()));
    for (page, passes) in [(0, true), (1, false), (2, false), (3, true)] {
        assert_eq!(world.write(space, base + page * PAGE_SIZE, 1).is_ok(), passes, "page {page}");
    }
}

#[test]
fn a_decommitted_page_raises_an_access_violation() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let base = world.committed(space, 1);
    world.write(space, base, 1).expect("a write");
    assert_eq!(free(&mut world, space, base, PAGE_SIZE, MEM_DECOMMIT), Ok(()));
    for access in [Access::Read, Access::Write, Access::Execute] {
        let exception = world.access(space, base, access).expect_err("it is gone");
        assert_eq!(exception.ntstatus(), ACCESS_VIOLATION);
    }
}

/// Brings written pages to a place, by the number of the step.
fn send_away(world: &mut World, space: SpaceId, how: u32) {
    if how >= 1 {
        world.call(|manager| manager.empty_working_set(space)).expect("a space");
    }
    if how >= 2 {
        world.manager.command(ListCommand::FlushModifiedList);
        world.drain();
    }
    if how >= 3 {
        world.complete_all();
    }
    if how >= 4 {
        world.manager.command(ListCommand::PurgeStandbyList);
        world.drain();
    }
}

#[test]
fn recommitted_pages_are_zeros_wherever_the_old_ones_were() {
    // In the working set, on the modified list, being written, on standby, in the page file; with
    // and without a compression store.
    for (how, store) in [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (2, 16), (3, 16), (4, 16)] {
        let mut config = Config::new(128).with_page_file(256, 256);
        if store > 0 {
            config = config.with_store(store);
        }
        let mut world = World::new(config);
        let space = world.space();
        let base = world.committed(space, 16);
        for page in 0..16 {
            world.write(space, base + page * PAGE_SIZE, 100 + page).expect("a write");
        }
        send_away(&mut world, space, how);
        assert_eq!(free(&mut world, space, base, 8 * PAGE_SIZE, MEM_DECOMMIT), Ok(()));
        world.complete_all();
        let again = Allocation::commit_at(base, 8 * PAGE_SIZE);
        world.call(|manager| manager.allocate(space, &again)).expect("room");
        for page in 0..16 {
            let expected = if page < 8 { 0 } else { 100 + page };
            assert_eq!(world.read(space, base + page * PAGE_SIZE), Ok(expected), "{how} {page}");
        }
        assert_eq!(free(&mut world, space, base, 0, MEM_RELEASE), Ok(()));
        world.complete_all();
        assert_eq!(charged(&world), 0);
        let used: u32 = world.manager.snapshot().page_files().map(|file| file.used).sum();
        assert_eq!(used, 0, "slots of freed pages are given back");
    }
}

#[test]
fn release_while_a_read_is_in_flight_leaves_the_reader_with_an_access_violation() {
    for kind in [MEM_DECOMMIT, MEM_RELEASE] {
        let mut world = World::new(Config::new(128).with_page_file(256, 256));
        let space = world.space();
        let base = world.committed(space, 4);
        for page in 0..4 {
            world.write(space, base + page * PAGE_SIZE, 1 + page).expect("a write");
        }
        send_away(&mut world, space, 4);
        let begun = world.begin(ThreadId(1), space, base, Access::Read);
        assert_eq!(begun, None, "it waits for the page file");
        assert_eq!(free(&mut world, space, base, 0, kind), Ok(()));
        world.complete_all();
        let Some(Answer::Raised(exception)) = world.answers.remove(&ThreadId(1)) else {
            panic!("the thread was not told")
        };
        assert_eq!(exception.ntstatus(), ACCESS_VIOLATION);
        assert_eq!(charged(&world), 0);
    }
}

#[test]
fn a_released_region_can_be_reserved_again_at_once() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    make_region(&mut world, space, Kind::Private);
    assert_eq!(free(&mut world, space, BASE, 0, MEM_RELEASE), Ok(()));
    make_region(&mut world, space, Kind::Private);
    assert_eq!(world.read(space, BASE + COMMITTED.start * PAGE_SIZE), Ok(0));
}

#[test]
fn releasing_addresses_of_awe_keeps_their_physical_pages() {
    let mut world = World::new(Config::new(600));
    let space = world.space();
    make_region(&mut world, space, Kind::Physical);
    let frames = world.call(|manager| manager.allocate_physical(space, 3)).expect("memory");
    world.call(|manager| manager.map_physical(space, BASE, 0, &frames)).expect("a mapping");
    world.write(space, BASE, 4711).expect("a write");
    assert_eq!(free(&mut world, space, BASE, 0, MEM_RELEASE), Ok(()));
    assert!(world.access(space, BASE, Access::Read).is_err());
    assert_eq!(world.manager.snapshot().space(space).expect("a space").physical, 3);
    assert_eq!(charged(&world), 3);
    make_region(&mut world, space, Kind::Physical);
    world.call(|manager| manager.map_physical(space, BASE, 0, &frames)).expect("a mapping");
    assert_eq!(world.read(space, BASE), Ok(4711));
    world.call(|manager| manager.free_physical(space, &frames)).expect("its pages");
    assert_eq!(charged(&world), 0);
}

#[test]
fn the_commit_charge_goes_back_exactly_in_any_order() {
    let mut world = World::new(Config::new(256).with_page_file(512, 512));
    let space = world.space();
    let mut random = 12345u64;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    let reserved = Allocation { address: BASE, ..Allocation::reserved(64 * PAGE_SIZE) };
    world.call(|manager| manager.allocate(space, &reserved)).expect("room");
    let mut model = [false; 64];
    for _ in 0..400 {
        let first = draw(64);
        let count = 1 + draw(64 - first);
        let (address, bytes) = (BASE + first * PAGE_SIZE, count * PAGE_SIZE);
        let commits = draw(2) == 0;
        if commits {
            let part = Allocation::commit_at(address, bytes);
            world.call(|manager| manager.allocate(space, &part)).expect("room");
        } else {
            assert_eq!(free(&mut world, space, address, bytes, MEM_DECOMMIT), Ok(()));
        }
        let changed =
            model.iter_mut().zip(0..).filter(|(_, page)| (first..first + count).contains(page));
        changed.for_each(|(is_committed, _)| *is_committed = commits);
        let expected = model.iter().filter(|is_committed| **is_committed).count() as u64;
        assert_eq!(charged(&world), expected);
        if commits {
            world.write(space, address, 1).expect("a write");
        }
    }
    assert_eq!(free(&mut world, space, BASE, 0, MEM_RELEASE), Ok(()));
    assert_eq!(charged(&world), 0);
}

#[test]
fn release_gives_descriptors_tables_and_write_watch_back_to_the_pools() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let used = |world: &World| PoolKind::ALL.map(|kind| world.manager.snapshot().pool(kind).used);
    let before = used(&world);
    let kind = MEM_RESERVE | MEM_COMMIT | memtide_core::MEM_WRITE_WATCH;
    let wanted = Allocation { kind, ..Allocation::committed(4 * PAGE_SIZE) };
    let base = world.call(|manager| manager.allocate(space, &wanted)).expect("room");
    world.write(space, base, 1).expect("a write");
    assert!(used(&world)[0] > before[0] && used(&world)[1] > before[1]);
    assert_eq!(free(&mut world, space, base, 0, MEM_RELEASE), Ok(()));
    assert_eq!(used(&world), before);
}

#[test]
fn locked_pages_can_be_decommitted_and_are_locked_no_more() {
    let mut world = World::new(Config::new(4096));
    let space = world.space();
    let base = world.committed(space, 4);
    assert_eq!(world.lock(space, base, 4 * PAGE_SIZE), Answer::Resumed);
    assert_eq!(world.manager.snapshot().space(space).expect("a space").locked, 4);
    assert_eq!(free(&mut world, space, base, 2 * PAGE_SIZE, MEM_DECOMMIT), Ok(()));
    assert_eq!(world.manager.snapshot().space(space).expect("a space").locked, 2);
}
