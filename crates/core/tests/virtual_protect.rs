//! VirtualProtect and VirtualQuery: what each protection lets pass, what may be asked for where,
//! and what a program sees of it.

mod support;

use memtide_core::page::{Access, PAGE_SIZE, SectionId, SpaceId};
use memtide_core::{
    Allocation, Backing, Base, Config, DirtyTracking, Exception, ListCommand, MEM_COMMIT,
    MEM_DECOMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, Modifier, PageUse,
    Protection, RegionInfo, RegionKind, RegionState, SectionConfig, View,
};
use support::World;

type Status = (u32, u32);
const INVALID_PARAMETER: Status = (0xC000_000D, 87);
const INVALID_PAGE_PROTECTION: Status = (0xC000_0045, 87);
const SECTION_PROTECTION: Status = (0xC000_004E, 87);
const CONFLICTING_ADDRESSES: Status = (0xC000_0018, 487);
const NOT_COMMITTED: Status = (0xC000_002D, 487);
const COMMITMENT_LIMIT: Status = (0xC000_012D, 1455);
const ACCESS_VIOLATION: u32 = 0xC000_0005;
const GUARD_PAGE_VIOLATION: u32 = 0x8000_0001;

const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

/// The documentation of the memory protection constants: each with the accesses that pass. Ours,
/// as x86-64 has it: what can be executed can be read.
const ALLOWED: [(u32, &[Access]); 8] = [
    (0x01, &[]),
    (0x02, &[Access::Read]),
    (0x04, &[Access::Read, Access::Write]),
    (0x08, &[Access::Read, Access::Write]),
    (0x10, &[Access::Read, Access::Execute]),
    (0x20, &[Access::Read, Access::Execute]),
    (0x40, &[Access::Read, Access::Write, Access::Execute]),
    (0x80, &[Access::Read, Access::Write, Access::Execute]),
];

fn copies(constant: u32) -> bool {
    [0x08, 0x80].contains(&(constant & 0xff))
}

fn protect(
    world: &mut World,
    space: SpaceId,
    address: u64,
    bytes: u64,
    constant: u32,
) -> Result<u32, Status> {
    let result = world.call(|manager| manager.protect(space, address, bytes, constant));
    result.map_err(|refusal| (refusal.ntstatus(), refusal.win32()))
}

fn query(world: &World, space: SpaceId, address: u64) -> RegionInfo {
    world.manager.query(space, address).expect("an address of the program")
}

/// Where a page is when its protection changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Untouched,
    Resident,
    Modified,
    Standby,
    PageFile,
}

const PLACES: [Place; 5] =
    [Place::Untouched, Place::Resident, Place::Modified, Place::Standby, Place::PageFile];

fn put(world: &mut World, space: SpaceId, base: u64, place: Place) {
    if place == Place::Untouched {
        return;
    }
    world.write(space, base, 4711).expect("a write");
    if place == Place::Resident {
        return;
    }
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    if place == Place::Modified {
        return;
    }
    world.manager.command(ListCommand::FlushModifiedList);
    world.drain();
    world.complete_all();
    if place == Place::PageFile {
        world.manager.command(ListCommand::PurgeStandbyList);
        world.drain();
    }
}

fn machine(dirty_tracking: DirtyTracking) -> (World, SpaceId) {
    let config = Config::new(64).with_page_file(256, 256);
    let mut world = World::new(Config { dirty_tracking, ..config });
    let space = world.space();
    (world, space)
}

fn section(world: &mut World, pages: u64, protection: u32, backing: Backing) -> SectionId {
    let bytes = pages * PAGE_SIZE;
    let config = SectionConfig { bytes, protection, backing, is_reserved: false };
    world.call(|manager| manager.create_section(&config)).expect("a section")
}

fn view(
    world: &mut World,
    space: SpaceId,
    section: SectionId,
    protection: u32,
) -> Result<u64, Status> {
    let view = View { section, address: 0, offset: 0, bytes: 0, protection };
    let result = world.call(|manager| manager.map_view(space, &view));
    result.map_err(|refusal| (refusal.ntstatus(), refusal.win32()))
}

fn check_access(
    world: &mut World,
    space: SpaceId,
    base: u64,
    access: Access,
    allowed: &[Access],
    what: &str,
) {
    for _ in 0..2 {
        let result = world.access(space, base + 5, access);
        let expected = match allowed.contains(&access) {
            true => Ok(()),
            false => Err(Exception::AccessViolation { address: base + 5, access }),
        };
        assert_eq!(result, expected, "{what}: {access:?}");
    }
}

#[test]
fn each_protection_lets_pass_what_it_should_wherever_the_page_is() {
    for dirty_tracking in [DirtyTracking::Hardware, DirtyTracking::Fault] {
        for (constant, allowed) in ALLOWED.into_iter().filter(|(constant, _)| !copies(*constant)) {
            for access in ACCESSES {
                for place in PLACES {
                    let (mut world, space) = machine(dirty_tracking);
                    let base = world.committed(space, 1);
                    put(&mut world, space, base, place);
                    assert_eq!(protect(&mut world, space, base, 1, constant), Ok(0x04));
                    let what = format!("{constant:#x} on a page {place:?}, {dirty_tracking:?}");
                    check_access(&mut world, space, base, access, allowed, &what);
                    assert_eq!(protect(&mut world, space, base, 1, 0x04), Ok(constant));
                    let kept = if place == Place::Untouched { 0 } else { 4711 };
                    assert_eq!(world.read(space, base), Ok(kept), "{what}");
                    world.write(space, base, 1).expect("a write");
                }
            }
        }
    }
}

#[test]
fn each_protection_lets_pass_what_it_should_in_a_view() {
    for backing in [Backing::PageFile, Backing::File] {
        for (constant, allowed) in ALLOWED {
            for access in ACCESSES {
                for place in PLACES {
                    let (mut world, space) = machine(DirtyTracking::Hardware);
                    let section = section(&mut world, 1, 0x40, backing);
                    let base = view(&mut world, space, section, 0x40).expect("a view");
                    put(&mut world, space, base, place);
                    assert_eq!(protect(&mut world, space, base, 1, constant), Ok(0x40));
                    let what = format!("{constant:#x} on a {backing:?} page {place:?}");
                    check_access(&mut world, space, base, access, allowed, &what);
                }
            }
        }
    }
}

#[test]
fn a_write_to_a_copy_on_write_page_stays_private_and_makes_the_page_writable() {
    for (constant, after) in [(0x08, 0x04), (0x80, 0x40)] {
        for place in PLACES {
            let (mut world, space) = machine(DirtyTracking::Hardware);
            let section = section(&mut world, 2, 0x40, Backing::PageFile);
            let shared = view(&mut world, space, section, 0x40).expect("a view");
            let base = view(&mut world, space, section, 0x40).expect("a view");
            put(&mut world, space, shared, place);
            let was = world.read(space, shared).expect("a read");
            assert_eq!(protect(&mut world, space, base, 2 * PAGE_SIZE, constant), Ok(0x40));
            assert_eq!(world.read(space, base), Ok(was));
            world.write(space, base, 99).expect("a copy");
            assert_eq!(world.read(space, base), Ok(99));
            assert_eq!(world.read(space, shared), Ok(was), "the section keeps its page");
            world.write(space, shared, 5).expect("a write");
            assert_eq!(world.read(space, base), Ok(99), "and the copy its own");
            // Only the page that was written is writable now.
            assert_eq!(protect(&mut world, space, base, 1, 0x02), Ok(after));
            assert_eq!(protect(&mut world, space, base + PAGE_SIZE, 1, 0x02), Ok(constant));
        }
    }
}

#[test]
fn a_guard_raises_once_a_page_whatever_the_access_and_then_the_protection_holds() {
    for (constant, allowed) in ALLOWED.into_iter().skip(1).filter(|(c, _)| !copies(*c)) {
        for access in ACCESSES {
            for place in PLACES {
                let (mut world, space) = machine(DirtyTracking::Hardware);
                let base = world.committed(space, 2);
                put(&mut world, space, base, place);
                let guarded = constant | 0x100;
                assert_eq!(protect(&mut world, space, base, 2 * PAGE_SIZE, guarded), Ok(0x04));
                for page in [base, base + PAGE_SIZE] {
                    // "Any attempt to access a guard page": a forbidden one as well.
                    let exception = world.access(space, page, access).expect_err("a guard");
                    assert_eq!(exception.ntstatus(), GUARD_PAGE_VIOLATION, "{constant:#x}");
                    let what = format!("{constant:#x} after its guard");
                    check_access(&mut world, space, page, access, allowed, &what);
                }
                assert_eq!(protect(&mut world, space, base, 1, 0x04), Ok(constant));
            }
        }
    }
}

#[test]
fn a_guard_on_a_page_of_a_view_raises_once() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let section = section(&mut world, 1, 0x04, Backing::PageFile);
    let base = view(&mut world, space, section, 0x04).expect("a view");
    world.write(space, base, 8).expect("a write");
    assert_eq!(protect(&mut world, space, base, 1, 0x104), Ok(0x04));
    let exception = world.read(space, base).expect_err("a guard");
    assert_eq!(exception.ntstatus(), GUARD_PAGE_VIOLATION);
    assert_eq!(world.read(space, base), Ok(8));
}

#[test]
fn a_guard_can_be_set_again() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 1);
    for _ in 0..3 {
        protect(&mut world, space, base, 1, 0x104).expect("a committed page");
        assert!(world.read(space, base).is_err());
        assert_eq!(world.read(space, base), Ok(0));
    }
}

#[test]
fn the_old_protection_is_that_of_the_first_page() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 4);
    protect(&mut world, space, base + PAGE_SIZE, PAGE_SIZE, 0x02).expect("a committed page");
    protect(&mut world, space, base + 2 * PAGE_SIZE, PAGE_SIZE, 0x120).expect("a committed page");
    assert_eq!(protect(&mut world, space, base + PAGE_SIZE, 3 * PAGE_SIZE, 0x04), Ok(0x02));
    protect(&mut world, space, base + 2 * PAGE_SIZE, PAGE_SIZE, 0x120).expect("a committed page");
    assert_eq!(protect(&mut world, space, base + 2 * PAGE_SIZE, 1, 0x204), Ok(0x120));
    assert_eq!(protect(&mut world, space, base + 2 * PAGE_SIZE, 1, 0x404), Ok(0x204));
    assert_eq!(protect(&mut world, space, base + 2 * PAGE_SIZE, 1, 0x01), Ok(0x404));
}

#[test]
fn two_bytes_across_a_page_boundary_protect_both_pages() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 4);
    protect(&mut world, space, base + 2 * PAGE_SIZE - 1, 2, 0x02).expect("committed pages");
    for (page, passes) in [(0, true), (1, false), (2, false), (3, true)] {
        assert_eq!(world.write(space, base + page * PAGE_SIZE, 1).is_ok(), passes, "page {page}");
    }
}

#[test]
fn one_page_that_is_not_committed_leaves_all_as_they_were() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 4);
    world
        .call(|manager| manager.free(space, base + 3 * PAGE_SIZE, PAGE_SIZE, MEM_DECOMMIT))
        .expect("a committed page");
    assert_eq!(protect(&mut world, space, base, 4 * PAGE_SIZE, 0x02), Err(NOT_COMMITTED));
    for page in 0..3 {
        world.write(space, base + page * PAGE_SIZE, 1).expect("it is still writable");
    }
    assert_eq!(protect(&mut world, space, base + 3 * PAGE_SIZE, 1, 0x02), Err(NOT_COMMITTED));
}

#[test]
fn a_range_that_does_not_lie_in_one_region_is_refused() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let wanted = |address| Allocation { address, ..Allocation::committed(0x1_0000) };
    for address in [0x10_0000, 0x11_0000] {
        world.call(|manager| manager.allocate(space, &wanted(address))).expect("room");
    }
    let across = protect(&mut world, space, 0x10_f000, 0x2000, 0x02);
    assert_eq!(across, Err(CONFLICTING_ADDRESSES));
    world.write(space, 0x10_f000, 1).expect("it is still writable");
    assert_eq!(protect(&mut world, space, 0x20_0000, 1, 0x02), Err(CONFLICTING_ADDRESSES));
    assert_eq!(protect(&mut world, space, 0x11_f000, 0x1001, 0x02), Err(CONFLICTING_ADDRESSES));
    assert_eq!(protect(&mut world, space, 0x10_0000, 0, 0x02), Err(INVALID_PARAMETER));
    assert_eq!(protect(&mut world, space, 0x10_0000, u64::MAX, 0x02), Err(INVALID_PARAMETER));
}

/// The documentation of the constants: guard, no-cache and write-combine exclude one another,
/// no-access takes none of them, and copy-on-write is for views.
#[test]
fn every_constant_is_taken_or_refused_as_documented_on_private_memory() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 1);
    for constant in (0..=0xfff).chain([0x1004, 0x4000_0004, 0x8000_0004, u32::MAX]) {
        let bare = constant & !0x700;
        let modifiers = constant & 0x700;
        let is_base = [0x01, 0x02, 0x04, 0x10, 0x20, 0x40].contains(&bare);
        let is_valid = is_base && (modifiers == 0 || bare != 0x01 && modifiers.is_power_of_two());
        let result = protect(&mut world, space, base, 1, constant);
        match is_valid {
            true => assert!(result.is_ok(), "{constant:#x}: {result:?}"),
            false => assert_eq!(result, Err(INVALID_PAGE_PROTECTION), "{constant:#x}"),
        }
    }
}

/// Which of reading, writing to the page itself, and executing a protection is.
fn rights(constant: u32) -> [bool; 3] {
    let reads = constant != 0x01;
    [reads, [0x04, 0x40].contains(&constant), constant >= 0x10]
}

fn is_within(wanted: u32, allowed: u32) -> bool {
    rights(wanted).into_iter().zip(rights(allowed)).all(|(wanted, allowed)| !wanted || allowed)
}

/// "For mapped views, this value must be compatible with the access protection specified when the
/// view was mapped", and that with the section's.
#[test]
fn a_view_gets_no_more_than_its_section_and_its_pages_no_more_than_the_view() {
    for section_protection in ALLOWED.map(|(constant, _)| constant).into_iter().skip(1) {
        for mapped in ALLOWED.map(|(constant, _)| constant) {
            for wanted in ALLOWED.map(|(constant, _)| constant) {
                let (mut world, space) = machine(DirtyTracking::Hardware);
                let section = section(&mut world, 1, section_protection, Backing::PageFile);
                let base = view(&mut world, space, section, mapped);
                let what = format!("{section_protection:#x} {mapped:#x} {wanted:#x}");
                let Ok(base) = base else {
                    assert_eq!(base, Err(SECTION_PROTECTION), "{what}");
                    assert!(!is_within(mapped, section_protection), "{what}");
                    continue;
                };
                assert!(is_within(mapped, section_protection), "{what}");
                let result = protect(&mut world, space, base, 1, wanted);
                let expected = match is_within(wanted, mapped) {
                    true => Ok(mapped),
                    false => Err(SECTION_PROTECTION),
                };
                assert_eq!(result, expected, "{what}");
            }
        }
    }
}

#[test]
fn no_cache_and_write_combine_are_for_private_memory_only() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let section = section(&mut world, 1, 0x04, Backing::PageFile);
    let base = view(&mut world, space, section, 0x04).expect("a view");
    for modifier in [0x200, 0x400] {
        let refused = Err(INVALID_PAGE_PROTECTION);
        assert_eq!(protect(&mut world, space, base, 1, 0x04 | modifier), refused);
        let mapped = view(&mut world, space, section, 0x04 | modifier);
        assert_eq!(mapped, Err(INVALID_PAGE_PROTECTION));
        let (bytes, backing) = (PAGE_SIZE, Backing::PageFile);
        let config =
            SectionConfig { bytes, protection: 0x04 | modifier, backing, is_reserved: false };
        let created = world.call(|manager| manager.create_section(&config));
        assert_eq!(created.expect_err("not for sections").win32(), 87);
    }
}

#[test]
fn copy_on_write_that_cannot_be_promised_is_refused_and_changes_nothing() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let section = section(&mut world, 40, 0x04, Backing::PageFile);
    let base = view(&mut world, space, section, 0x04).expect("a view");
    let refused = protect(&mut world, space, base, 40 * PAGE_SIZE, 0x08);
    assert_eq!(refused, Err(COMMITMENT_LIMIT));
    assert_eq!(world.manager.snapshot().commit().charged(), 40);
    assert_eq!(protect(&mut world, space, base, 1, 0x02), Ok(0x04));
}

#[test]
fn pages_of_awe_keep_their_protection() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let wanted =
        Allocation { kind: MEM_RESERVE | MEM_PHYSICAL, ..Allocation::reserved(16 * PAGE_SIZE) };
    let base = world.call(|manager| manager.allocate(space, &wanted)).expect("room");
    // Ours: they are never committed.
    assert_eq!(protect(&mut world, space, base, 1, 0x02), Err(NOT_COMMITTED));
}

#[test]
fn large_pages_are_protected_whole() {
    let mut world = World::new(Config::new(1024));
    let space = world.space();
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    let wanted = Allocation { kind, ..Allocation::committed(2 << 20) };
    let base = world.call(|manager| manager.allocate(space, &wanted)).expect("room");
    // Ours: a part of a large page has no protection of its own.
    let refused = Err(INVALID_PAGE_PROTECTION);
    assert_eq!(protect(&mut world, space, base, PAGE_SIZE, 0x02), refused);
    assert_eq!(protect(&mut world, space, base, 2 << 20, 0x02), Ok(0x04));
    assert!(world.write(space, base, 1).is_err());
    assert_eq!(world.read(space, base), Ok(0));
    assert_eq!(protect(&mut world, space, base, 2 << 20, 0x104), Ok(0x02));
    let exception = world.read(space, base).expect_err("a guard");
    assert_eq!(exception.ntstatus(), GUARD_PAGE_VIOLATION);
    world.write(space, base, 1).expect("a write");
}

fn committed_as(info: &RegionInfo) -> Option<u32> {
    match info.state {
        RegionState::Allocated { page_use: PageUse::Committed(protection), .. } => {
            Some(protection.windows())
        }
        _ => None,
    }
}

#[test]
fn a_query_tells_state_base_allocation_and_the_length_of_what_is_alike() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let reserved =
        Allocation { address: 0x10_0000, protection: 0x02, ..Allocation::reserved(16 * PAGE_SIZE) };
    world.call(|manager| manager.allocate(space, &reserved)).expect("room");
    let part = Allocation::commit_at(0x10_4000, 4 * PAGE_SIZE);
    world.call(|manager| manager.allocate(space, &part)).expect("room");
    for (address, base, bytes, page_use) in [
        (0x10_0000, 0x10_0000, 0x4000, PageUse::Reserved),
        (0x10_1fff, 0x10_1000, 0x3000, PageUse::Reserved),
        (0x10_4000, 0x10_4000, 0x4000, PageUse::Committed(Protection::READ_WRITE)),
        (0x10_7001, 0x10_7000, 0x1000, PageUse::Committed(Protection::READ_WRITE)),
        (0x10_8000, 0x10_8000, 0x8000, PageUse::Reserved),
    ] {
        let state = RegionState::Allocated {
            allocation_base: 0x10_0000,
            allocation_protection: Protection::READ_ONLY,
            kind: RegionKind::Private,
            page_use,
        };
        assert_eq!(query(&world, space, address), RegionInfo { base, bytes, state });
    }
}

#[test]
fn pages_alike_are_one_run_however_they_came_to_be_so() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.call(|m| m.allocate(space, &Allocation::reserved(8 * PAGE_SIZE)));
    let base = base.expect("room");
    for page in [0, 2, 4, 1, 3] {
        let part = Allocation::commit_at(base + page * PAGE_SIZE, PAGE_SIZE);
        world.call(|manager| manager.allocate(space, &part)).expect("room");
    }
    assert_eq!(query(&world, space, base).bytes, 5 * PAGE_SIZE);
    // Resident or not makes no difference.
    world.write(space, base + 2 * PAGE_SIZE, 1).expect("a write");
    assert_eq!(query(&world, space, base).bytes, 5 * PAGE_SIZE);
    protect(&mut world, space, base + 2 * PAGE_SIZE, PAGE_SIZE, 0x02).expect("a committed page");
    let runs: Vec<_> = [0, 2, 3]
        .map(|page| query(&world, space, base + page * PAGE_SIZE))
        .map(|info| (info.bytes / PAGE_SIZE, committed_as(&info)))
        .into();
    assert_eq!(runs, [(2, Some(0x04)), (1, Some(0x02)), (2, Some(0x04))]);
    protect(&mut world, space, base + 2 * PAGE_SIZE, PAGE_SIZE, 0x04).expect("a committed page");
    assert_eq!(query(&world, space, base).bytes, 5 * PAGE_SIZE);
    let free = |m: &mut memtide_core::Manager| m.free(space, base, 5 * PAGE_SIZE, MEM_DECOMMIT);
    world.call(free).expect("a region");
    assert_eq!(query(&world, space, base).bytes, 8 * PAGE_SIZE);
}

#[test]
fn regions_that_touch_are_not_one_run() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let wanted = |address| Allocation { address, ..Allocation::reserved(0x1_0000) };
    for address in [0x10_0000, 0x11_0000] {
        world.call(|manager| manager.allocate(space, &wanted(address))).expect("room");
    }
    assert_eq!(query(&world, space, 0x10_0000).bytes, 0x1_0000);
}

#[test]
fn a_consumed_guard_shows_in_the_query() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 3);
    protect(&mut world, space, base, 3 * PAGE_SIZE, 0x104).expect("committed pages");
    assert!(world.read(space, base + PAGE_SIZE).is_err());
    let seen = [0, 1, 2].map(|page| query(&world, space, base + page * PAGE_SIZE));
    assert_eq!(seen.map(|info| committed_as(&info)), [Some(0x104), Some(0x04), Some(0x104)]);
    assert_eq!(seen.map(|info| info.bytes), [PAGE_SIZE; 3]);
}

#[test]
fn free_addresses_are_one_run_up_to_the_next_region_or_the_end() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let end = 0x7fff_ffff_0000;
    let free = |base, bytes| RegionInfo { base, bytes, state: RegionState::Free };
    assert_eq!(query(&world, space, 0), free(0, end));
    for (address, bytes) in [(0x10_0000, 0x1000), (0x20_0000, 0x1_0000)] {
        let wanted = Allocation { address, ..Allocation::reserved(bytes) };
        world.call(|manager| manager.allocate(space, &wanted)).expect("room");
    }
    assert_eq!(query(&world, space, 0), free(0, 0x10_0000));
    assert_eq!(query(&world, space, 0xf_ffff), free(0xf_f000, 0x1000));
    assert_eq!(query(&world, space, 0x10_1234), free(0x10_1000, 0xf_f000));
    assert_eq!(query(&world, space, 0x1f_0000), free(0x1f_0000, 0x1_0000));
    assert_eq!(query(&world, space, 0x21_0000), free(0x21_0000, end - 0x21_0000));
    assert_eq!(query(&world, space, end - 1), free(end - 0x1000, 0x1000));
    world.call(|manager| manager.free(space, 0x10_0000, 0, MEM_RELEASE)).expect("a region");
    assert_eq!(query(&world, space, 0x10_0000), free(0x10_0000, 0x10_0000));
}

#[test]
fn a_query_walks_all_of_user_space_without_a_gap() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    for address in [0x1_0000, 0x5_0000, 0x7fff_0000_0000, 0x7fff_fffe_0000] {
        let wanted = Allocation { address, ..Allocation::reserved(0x1_0000) };
        world.call(|manager| manager.allocate(space, &wanted)).expect("room");
    }
    let (mut at, mut regions) = (0, 0);
    while at < 0x7fff_ffff_0000 {
        let info = query(&world, space, at);
        assert_eq!(info.base, at);
        regions += u32::from(info.state != RegionState::Free);
        at += info.bytes;
    }
    assert_eq!((at, regions), (0x7fff_ffff_0000, 4));
}

#[test]
fn a_query_past_the_highest_address_of_the_program_fails_with_87() {
    let (world, space) = machine(DirtyTracking::Hardware);
    for address in [0x7fff_ffff_0000, 0x8000_0000_0000, u64::MAX] {
        let refusal = world.manager.query(space, address).expect_err("not the program's");
        assert_eq!((refusal.ntstatus(), refusal.win32()), INVALID_PARAMETER);
    }
}

#[test]
fn an_address_past_what_page_tables_reach_is_not_taken_for_one_below() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let base = world.committed(space, 1);
    world.write(space, base, 1).expect("a write");
    for bit in 47..64 {
        let address = base | 1 << bit;
        assert!(!world.manager.touch(space, address, Access::Read), "bit {bit}");
        let exception = world.access(space, address, Access::Read).expect_err("nothing is there");
        assert_eq!(exception.ntstatus(), ACCESS_VIOLATION);
    }
}

#[test]
fn a_query_of_a_view_tells_its_own_protection_and_what_its_section_has_committed() {
    let (mut world, space) = machine(DirtyTracking::Hardware);
    let (bytes, backing) = (16 * PAGE_SIZE, Backing::PageFile);
    let config = SectionConfig { bytes, protection: 0x04, backing, is_reserved: true };
    let section = world.call(|manager| manager.create_section(&config)).expect("a section");
    let first = view(&mut world, space, section, 0x04).expect("a view");
    let second = view(&mut world, space, section, 0x02).expect("a view");
    assert_eq!(query(&world, space, first).bytes, bytes);
    assert_eq!(committed_as(&query(&world, space, first)), None);
    assert_eq!(protect(&mut world, space, first, 1, 0x02), Err(NOT_COMMITTED));
    let part = Allocation::commit_at(first + 2 * PAGE_SIZE, 3 * PAGE_SIZE);
    world.call(|manager| manager.allocate(space, &part)).expect("room");
    for (base, protection) in [(first, 0x04), (second, 0x02)] {
        let info = query(&world, space, base + 2 * PAGE_SIZE);
        assert_eq!((info.bytes, committed_as(&info)), (3 * PAGE_SIZE, Some(protection)));
        assert_eq!(query(&world, space, base).bytes, 2 * PAGE_SIZE);
        let RegionState::Allocated { allocation_base, allocation_protection, kind, .. } =
            info.state
        else {
            panic!("{info:?}")
        };
        assert_eq!((allocation_base, allocation_protection.windows()), (base, protection));
        assert_eq!(kind, RegionKind::View { section, first: 0 });
    }
    world.write(space, first + 2 * PAGE_SIZE, 6).expect("a write");
    assert_eq!(world.read(space, second + 2 * PAGE_SIZE), Ok(6));
    // Committing through a view gives no more than the view was mapped for.
    let more = Allocation::commit_at(second, PAGE_SIZE);
    let refusal = world.call(|manager| manager.allocate(space, &more)).expect_err("read only");
    assert_eq!((refusal.ntstatus(), refusal.win32()), SECTION_PROTECTION);
}

#[test]
fn a_constant_survives_as_protection_and_back() {
    for (constant, _) in ALLOWED {
        let protection = Protection::from_windows(constant).expect("one of the eight");
        assert_eq!(protection.windows(), constant);
        assert_eq!(protection.modifier, Modifier::None);
        assert_eq!(protection.base == Base::NoAccess, constant == 0x01);
    }
}
