//! Every refusal and every exception, reached through what a program does, with the numbers that
//! Microsoft documents for it: the NTSTATUS of [MS-ERREF] and what `RtlNtStatusToDosError` makes of
//! it. The messages carry the values.
//!
//! [MS-ERREF]: https://learn.microsoft.com/openspecs/windows_protocols/ms-erref

mod support;

use memtide_core::page::{Access, PAGE_SIZE, SectionId, SpaceId, ThreadId};
use memtide_core::{
    Allocation, Backing, Config, Exception, IoError, ListCommand, MEM_DECOMMIT, MEM_LARGE_PAGES,
    MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, OfferPriority, PoolAllocation, PoolKind, Refusal,
    SectionConfig, SpaceConfig, View,
};
use support::{Answer, Io, World};

const BASE: u64 = 0x1234_0000;

fn machine() -> (World, SpaceId) {
    let mut world = World::new(Config::new(64).with_page_file(256, 256));
    let space = world.space();
    (world, space)
}

fn refused<T: std::fmt::Debug>(
    world: &mut World,
    call: impl FnMut(&mut memtide_core::Manager) -> Result<T, Refusal>,
) -> Refusal {
    world.call(call).expect_err("this must be refused")
}

fn check(refusal: Refusal, ntstatus: u32, win32: u32, values: &[&str]) {
    assert_eq!(refusal.ntstatus(), ntstatus, "{refusal:?}");
    assert_eq!(refusal.win32(), win32, "{refusal:?}");
    let shown = refusal.to_string();
    for value in values {
        assert!(shown.contains(value), "'{shown}' does not tell {value}");
    }
}

fn own_region(world: &mut World, space: SpaceId) {
    let wanted = Allocation { address: BASE, ..Allocation::committed(4 * PAGE_SIZE) };
    assert_eq!(world.call(|manager| manager.allocate(space, &wanted)), Ok(BASE));
}

fn section(world: &mut World, pages: u64, protection: u32, backing: Backing) -> SectionId {
    let bytes = pages * PAGE_SIZE;
    let config = SectionConfig { bytes, protection, backing, is_reserved: false };
    world.call(|manager| manager.create_section(&config)).expect("a section")
}

const fn view(section: SectionId) -> View {
    View { section, address: 0, offset: 0, bytes: 0, protection: 0x04 }
}

#[test]
fn an_argument_that_makes_no_sense_is_status_invalid_parameter_and_87() {
    let (mut world, space) = machine();
    let wanted = Allocation { kind: 0x4321_0000, ..Allocation::committed(1) };
    let refusal = refused(&mut world, |manager| manager.allocate(space, &wanted));
    assert!(matches!(refusal, Refusal::InvalidParameter { .. }));
    check(refusal, 0xC000_000D, 87, &["allocation type", "0x43210000", "expected"]);
}

#[test]
fn no_protection_of_windows_is_status_invalid_page_protection_and_87() {
    let (mut world, space) = machine();
    let wanted = Allocation { protection: 0x304, ..Allocation::committed(1) };
    let refusal = refused(&mut world, |manager| manager.allocate(space, &wanted));
    assert_eq!(refusal, Refusal::InvalidPageProtection { constant: 0x304 });
    check(refusal, 0xC000_0045, 87, &["0x304", "expected"]);
}

#[test]
fn addresses_that_are_taken_are_status_conflicting_addresses_and_487() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    let wanted = Allocation { address: BASE, ..Allocation::reserved(2 * PAGE_SIZE) };
    let refusal = refused(&mut world, |manager| manager.allocate(space, &wanted));
    assert!(matches!(refusal, Refusal::ConflictingAddresses { address: BASE, .. }));
    check(refusal, 0xC000_0018, 487, &["0x12340000", "8 KiB", "taken"]);
}

#[test]
fn no_addresses_left_is_status_no_memory_and_8() {
    let (mut world, space) = machine();
    let all = Allocation::reserved((128 << 40) - 0x2_0000);
    world.call(|manager| manager.allocate(space, &all)).expect("an empty space");
    let more = Allocation::reserved(3 * PAGE_SIZE);
    let refusal = refused(&mut world, |manager| manager.allocate(space, &more));
    assert!(matches!(refusal, Refusal::NoMemory { .. }));
    check(refusal, 0xC000_0017, 8, &["12 KiB"]);
}

#[test]
fn a_promise_that_cannot_be_kept_is_status_commitment_limit_and_1455() {
    let (mut world, space) = machine();
    let charged = Allocation::committed(256 * PAGE_SIZE);
    world.call(|manager| manager.allocate(space, &charged)).expect("within the limit");
    let more = Allocation::committed(128 * PAGE_SIZE);
    let refusal = refused(&mut world, |manager| manager.allocate(space, &more));
    assert!(matches!(refusal, Refusal::CommitmentLimit { .. }));
    // Wanted and charged; the limit is 63 frames and 256 slots.
    check(refusal, 0xC000_012D, 1455, &["512 KiB", "1 MiB", "1.2 MiB"]);
}

#[test]
fn a_page_that_is_not_committed_is_status_not_committed_and_487() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    let page = BASE + 2 * PAGE_SIZE;
    world.call(|m| m.free(space, page, PAGE_SIZE, MEM_DECOMMIT)).expect("a region");
    let refusal = refused(&mut world, |m| m.protect(space, BASE, 4 * PAGE_SIZE, 0x02));
    assert_eq!(refusal, Refusal::NotCommitted { address: page });
    check(refusal, 0xC000_002D, 487, &["0x12342000"]);
}

#[test]
fn nothing_to_free_is_status_memory_not_allocated_and_487() {
    let (mut world, space) = machine();
    for kind in [MEM_RELEASE, MEM_DECOMMIT] {
        let refusal = refused(&mut world, |manager| manager.free(space, BASE, 0, kind));
        assert_eq!(refusal, Refusal::MemoryNotAllocated { address: BASE });
        check(refusal, 0xC000_00A0, 487, &["0x12340000"]);
    }
}

#[test]
fn a_release_beside_the_base_is_status_free_vm_not_at_base_and_487() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    let address = BASE + PAGE_SIZE;
    let refusal = refused(&mut world, |manager| manager.free(space, address, 0, MEM_RELEASE));
    assert_eq!(refusal, Refusal::FreeNotAtBase { address, base: BASE });
    check(refusal, 0xC000_009F, 487, &["0x12341000", "0x12340000"]);
}

#[test]
fn a_decommitment_past_its_region_is_status_unable_to_free_vm_and_87() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    let refusal = refused(&mut world, |m| m.free(space, BASE, 5 * PAGE_SIZE, MEM_DECOMMIT));
    assert_eq!(refusal, Refusal::UnableToFree { address: BASE });
    check(refusal, 0xC000_001A, 87, &["0x12340000"]);
}

#[test]
fn no_view_to_unmap_is_status_not_mapped_view_and_487() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    let refusal = refused(&mut world, |manager| manager.unmap_view(space, BASE));
    assert_eq!(refusal, Refusal::NotMappedView { address: BASE });
    check(refusal, 0xC000_0019, 487, &["0x12340000"]);
}

#[test]
fn memory_of_another_kind_is_status_invalid_parameter_and_87() {
    let (mut world, space) = machine();
    let section = section(&mut world, 4, 0x04, Backing::PageFile);
    let base = world.call(|manager| manager.map_view(space, &view(section))).expect("room");
    let refusal = refused(&mut world, |manager| manager.discard(space, base, PAGE_SIZE));
    assert!(matches!(refusal, Refusal::WrongKind { .. }));
    check(refusal, 0xC000_000D, 87, &[&format!("{base:#x}"), "mapped", "private"]);
    let kind = MEM_RESERVE | MEM_PHYSICAL;
    let windows = Allocation { kind, ..Allocation::reserved(PAGE_SIZE) };
    let base = world.call(|manager| manager.allocate(space, &windows)).expect("room");
    let refusal = refused(&mut world, |manager| manager.free(space, base, 1, MEM_DECOMMIT));
    check(refusal, 0xC000_000D, 87, &[&format!("{base:#x}"), "physical"]);
}

#[test]
fn more_than_the_section_allows_is_status_section_protection_and_87() {
    let (mut world, space) = machine();
    let section = section(&mut world, 1, 0x02, Backing::PageFile);
    let refusal = refused(&mut world, |manager| manager.map_view(space, &view(section)));
    assert_eq!(refusal, Refusal::SectionProtection { allowed: 0x02, wanted: 0x04 });
    check(refusal, 0xC000_004E, 87, &["0x2", "0x4"]);
}

#[test]
fn a_view_past_its_section_is_status_invalid_view_size_and_5() {
    let (mut world, space) = machine();
    let section = section(&mut world, 20, 0x04, Backing::PageFile);
    let past = View { offset: 0x1_0000, bytes: 5 * PAGE_SIZE, ..view(section) };
    let refusal = refused(&mut world, |manager| manager.map_view(space, &past));
    assert!(matches!(refusal, Refusal::InvalidViewSize { offset: 0x1_0000, .. }));
    check(refusal, 0xC000_001F, 5, &["20 KiB", "0x10000", "80 KiB"]);
}

#[test]
fn a_view_beside_the_granularity_is_status_mapped_alignment_and_1132() {
    let (mut world, space) = machine();
    let section = section(&mut world, 20, 0x04, Backing::PageFile);
    for wrong in
        [View { offset: 0x1000, ..view(section) }, View { address: BASE + 0x1000, ..view(section) }]
    {
        let refusal = refused(&mut world, |manager| manager.map_view(space, &wrong));
        let value = wrong.offset + wrong.address;
        assert_eq!(refusal, Refusal::MappedAlignment { value });
        check(refusal, 0xC000_0220, 1132, &[&format!("{value:#x}"), "64 KiB"]);
    }
}

#[test]
fn a_full_pool_is_status_insufficient_resources_and_1450() {
    let (mut world, _) = machine();
    let pool = world.manager.snapshot().pool(PoolKind::Paged);
    let wanted = PoolAllocation { pool: PoolKind::Paged, bytes: pool.free(), tag: *b"Test" };
    world.call(|manager| manager.allocate_pool(wanted)).expect("it fits exactly");
    let more = PoolAllocation { bytes: 300, ..wanted };
    let refusal = refused(&mut world, |manager| manager.allocate_pool(more));
    assert!(matches!(refusal, Refusal::InsufficientResources { .. }));
    check(refusal, 0xC000_009A, 1450, &["the paged pool", "300 B", "0 B"]);
}

#[test]
fn locking_more_than_the_minimum_allows_is_status_working_set_quota_and_1453() {
    let mut world = World::new(Config::new(4096));
    let space = world.space();
    let base = world.committed(space, 43);
    let answer = world.lock(space, base, 43 * PAGE_SIZE);
    let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert!(matches!(refusal, Refusal::WorkingSetQuota { .. }));
    // "The number of pages in its minimum working set minus a small overhead": 50, and ours is 8.
    check(refusal, 0xC000_00A1, 1453, &["172 KiB", "168 KiB"]);
    assert_eq!(world.lock(space, base, 42 * PAGE_SIZE), Answer::Resumed);
}

#[test]
fn unlocking_what_is_not_locked_is_status_not_locked_and_158() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    world.write(space, BASE, 1).expect("a write");
    let refusal = refused(&mut world, |manager| manager.unlock(space, BASE, PAGE_SIZE));
    assert_eq!(refusal, Refusal::NotLocked { address: BASE });
    check(refusal, 0xC000_002A, 158, &["0x12340000"]);
}

#[test]
fn a_missing_privilege_is_status_privilege_not_held_and_1314() {
    let (mut world, _) = machine();
    let plain = world.call(|manager| manager.create_space(SpaceConfig::default()));
    let plain = plain.expect("a space");
    let large = Allocation {
        kind: MEM_LARGE_PAGES | Allocation::committed(1).kind,
        ..Allocation::committed(2 << 20)
    };
    let by_large_pages = refused(&mut world, |manager| manager.allocate(plain, &large));
    let by_awe = refused(&mut world, |manager| manager.allocate_physical(plain, 1));
    for refusal in [by_large_pages, by_awe] {
        assert!(matches!(refusal, Refusal::PrivilegeNotHeld { .. }));
        check(refusal, 0xC000_0061, 1314, &["SeLockMemoryPrivilege"]);
    }
}

#[test]
fn offered_contents_that_are_gone_are_error_busy_170() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    for page in 0..4 {
        world.write(space, BASE + page * PAGE_SIZE, 1).expect("a write");
    }
    let all = 4 * PAGE_SIZE;
    world.call(|m| m.offer(space, BASE, all, OfferPriority::VeryLow)).expect("its own pages");
    world.manager.command(ListCommand::PurgeStandbyList);
    world.drain();
    let refusal = refused(&mut world, |manager| manager.reclaim_offered(space, BASE, all));
    assert_eq!(refusal, Refusal::ContentsLost { address: BASE });
    // ReclaimVirtualMemory documents ERROR_BUSY; the NTSTATUS behind it is ours.
    check(refusal, 0xC000_0001, 170, &["0x12340000"]);
    assert_eq!(world.read(space, BASE), Ok(0));
}

#[test]
fn what_is_not_there_is_status_invalid_handle_and_6() {
    let (mut world, space) = machine();
    let no_section = refused(&mut world, |manager| manager.close_section(SectionId(77)));
    let no_view = refused(&mut world, |manager| manager.map_view(space, &view(SectionId(77))));
    let no_space = refused(&mut world, |manager| manager.destroy_space(SpaceId(77)));
    let no_frame = refused(&mut world, |manager| manager.mark_bad(memtide_core::page::Pfn(77)));
    for (refusal, what) in
        [(no_section, "section"), (no_view, "section"), (no_space, "space"), (no_frame, "frame")]
    {
        assert_eq!(refusal, Refusal::NoSuch { what, number: 77 });
        check(refusal, 0xC000_0008, 6, &[what, "77"]);
    }
}

#[test]
fn a_space_that_is_gone_refuses_every_call_with_6() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    world.call(|manager| manager.destroy_space(space)).expect("a space");
    let wanted = Allocation::reserved(1);
    for refusal in [
        refused(&mut world, |manager| manager.allocate(space, &wanted)),
        refused(&mut world, |manager| manager.free(space, BASE, 0, MEM_RELEASE)),
        refused(&mut world, |manager| manager.protect(space, BASE, 1, 0x04)),
        refused(&mut world, |manager| manager.query(space, BASE)),
        refused(&mut world, |manager| manager.unlock(space, BASE, 1)),
        refused(&mut world, |manager| manager.discard(space, BASE, PAGE_SIZE)),
        refused(&mut world, |manager| manager.unmap_view(space, BASE)),
        refused(&mut world, |manager| manager.write_watch(space, BASE, 1, false, 1)),
        refused(&mut world, |manager| manager.empty_working_set(space)),
    ] {
        check(refusal, 0xC000_0008, 6, &["space"]);
    }
    let Answer::Refused(refusal) = world.lock(space, BASE, 1) else { panic!("not refused") };
    check(refusal, 0xC000_0008, 6, &["space"]);
}

#[test]
fn a_refused_view_leaves_nothing_behind() {
    let (mut world, space) = machine();
    let section = section(&mut world, 4, 0x04, Backing::File);
    let used = |world: &World| PoolKind::ALL.map(|kind| world.manager.snapshot().pool(kind).used);
    let before = used(&world);
    for wrong in [
        View { protection: 0x104, ..view(section) },
        View { protection: 0x40, ..view(section) },
        View { bytes: 5 * PAGE_SIZE, ..view(section) },
        View { offset: 1, ..view(section) },
        View { address: 0x7fff_ffff_0000, ..view(section) },
    ] {
        refused(&mut world, |manager| manager.map_view(space, &wrong));
        assert_eq!(used(&world), before, "{wrong:?}");
    }
}

fn check_exception(exception: Exception, ntstatus: u32, values: &[&str]) {
    assert_eq!(exception.ntstatus(), ntstatus, "{exception:?}");
    let shown = exception.to_string();
    for value in values {
        assert!(shown.contains(value), "'{shown}' does not tell {value}");
    }
}

#[test]
fn nothing_at_an_address_is_status_access_violation() {
    let (mut world, space) = machine();
    for access in [Access::Read, Access::Write, Access::Execute] {
        let address = BASE + 0x18;
        let exception = world.access(space, address, access).expect_err("nothing is there");
        assert_eq!(exception, Exception::AccessViolation { address, access });
        check_exception(exception, 0xC000_0005, &["0x12340018", &format!("{access:?}")]);
    }
}

#[test]
fn a_guard_is_status_guard_page_violation() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    world.call(|manager| manager.protect(space, BASE, 1, 0x104)).expect("a committed page");
    let (address, access) = (BASE + 0x20, Access::Write);
    let exception = world.access(space, address, access).expect_err("a guard");
    assert_eq!(exception, Exception::GuardPage { address, access });
    check_exception(exception, 0x8000_0001, &["0x12340020", "Write"]);
}

#[test]
fn a_stack_without_room_is_status_stack_overflow() {
    let (mut world, space) = machine();
    let (pages, guarantee) = (16, 2 * PAGE_SIZE);
    let base = world
        .call(|m| m.allocate_stack(space, pages * PAGE_SIZE, PAGE_SIZE, guarantee))
        .expect("room");
    let mut overflow = None;
    for page in (0..pages).rev() {
        let address = base + page * PAGE_SIZE + 8;
        if let Err(exception) = world.access(space, address, Access::Write) {
            overflow = Some((page, address, exception));
            break;
        }
    }
    let (page, address, exception) = overflow.expect("it is not endless");
    assert_eq!(exception, Exception::StackOverflow { address });
    check_exception(exception, 0xC000_00FD, &[&format!("{address:#x}")]);
    // The lowest page is never used, and what was guaranteed lies below the page of the overflow.
    assert_eq!(page, 3);
}

#[test]
fn a_page_that_cannot_be_read_back_is_status_in_page_error() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    world.write(space, BASE, 1).expect("a write");
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    world.manager.command(ListCommand::FlushModifiedList);
    world.drain();
    world.complete_all();
    world.manager.command(ListCommand::PurgeStandbyList);
    world.drain();
    world.faults = Box::new(|io| if matches!(io, Io::Read(_)) { Err(IoError(23)) } else { Ok(()) });
    let exception = world.access(space, BASE, Access::Read).expect_err("the read fails");
    assert_eq!(exception, Exception::InPage { address: BASE, error: IoError(23) });
    check_exception(exception, 0xC000_0006, &["0x12340000", "23"]);
}

#[test]
fn a_page_that_memory_has_no_room_for_is_status_no_memory() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    // No page table can be made for it.
    let free = world.manager.snapshot().pool(PoolKind::NonPaged).free();
    let wanted = PoolAllocation { pool: PoolKind::NonPaged, bytes: free, tag: *b"Test" };
    let all = world.call(|manager| manager.allocate_pool(wanted)).expect("it fits exactly");
    let exception = world.access(space, BASE, Access::Read).expect_err("no room");
    assert_eq!(exception, Exception::NoMemory { address: BASE });
    check_exception(exception, 0xC000_0017, &["0x12340000"]);
    world.call(|manager| manager.free_pool(all)).expect("it is there");
    assert_eq!(world.read(space, BASE), Ok(0));
}

#[test]
fn no_frame_for_a_page_is_status_no_memory_once_nothing_can_bring_one() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let base = world.committed(space, 60);
    let frames = world.call(|manager| manager.allocate_physical(space, 4)).expect("memory");
    assert_eq!(frames.len(), 4);
    // All that was promised can be had.
    for page in 0..60 {
        world.write(space, base + page * PAGE_SIZE, page).expect("a promised page");
    }
    // A frame that fails takes one away from them.
    let before = world.manager.snapshot().commit().limit();
    let failing = world.frame(space, base);
    world.call(|manager| manager.mark_bad(failing)).expect("a frame");
    world.call(|manager| manager.discard(space, base, PAGE_SIZE)).expect("a committed page");
    assert_eq!(world.manager.snapshot().commit().limit(), before - 1);
    let begun = world.begin(ThreadId(3), space, base, Access::Write);
    assert_eq!(begun, Some(Answer::Raised(Exception::NoMemory { address: base })));
}

#[test]
fn a_lock_of_a_guard_page_is_status_access_denied_and_5_and_of_no_access_998() {
    let (mut world, space) = machine();
    own_region(&mut world, space);
    for (protection, ntstatus, win32) in [(0x104, 0xC000_0022, 5), (0x01, 0xC000_0005, 998)] {
        let call = |manager: &mut memtide_core::Manager| {
            manager.protect(space, BASE, PAGE_SIZE, protection)
        };
        world.call(call).expect("committed");
        let Answer::Refused(refusal) = world.lock(space, BASE, PAGE_SIZE) else {
            panic!("a page of protection {protection:#x} was locked")
        };
        check(refusal, ntstatus, win32, &["0x12340000"]);
    }
}
