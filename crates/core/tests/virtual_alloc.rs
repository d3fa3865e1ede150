//! VirtualAlloc against an oracle written from Microsoft's documentation of it: every combination
//! of allocation type, address, size and protection, and then each documented detail by itself.

mod support;

use memtide_core::page::{PAGE_SIZE, SpaceId};
use memtide_core::{
    Allocation, Backing, Config, LARGE_PAGE_SIZE, MEM_COMMIT, MEM_DECOMMIT, MEM_LARGE_PAGES,
    MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, MEM_RESET, MEM_RESET_UNDO, MEM_TOP_DOWN,
    MEM_WRITE_WATCH, Manager, PageUse, Privileges, Protection, RegionState, SectionConfig,
    SpaceConfig, View,
};
use support::World;

const KIB_64: u64 = 0x1_0000;
const MIB_2: u64 = 2 << 20;
const TIB: u64 = 1 << 40;
/// One past the last byte that a program with 128 TB may use.
const USER_END: u64 = 128 * TIB - KIB_64;

/// Reserved by the table's program, 4 MiB.
const RESERVED: u64 = 0x4000_0000;
/// Reserved and committed by it, 4 MiB.
const COMMITTED: u64 = 0x5000_0000;
/// Nobody's, up to the end of user space.
const FREE: u64 = 0x6000_0000;

type Status = (u32, u32);
const INVALID_PARAMETER: Status = (0xC000_000D, 87);
const INVALID_PAGE_PROTECTION: Status = (0xC000_0045, 87);
const CONFLICTING_ADDRESSES: Status = (0xC000_0018, 487);
const NOT_COMMITTED: Status = (0xC000_002D, 487);
const COMMITMENT_LIMIT: Status = (0xC000_012D, 1455);
const PRIVILEGE_NOT_HELD: Status = (0xC000_0061, 1314);
const INSUFFICIENT_RESOURCES: Status = (0xC000_009A, 1450);

const BITS: [u32; 8] = [
    MEM_COMMIT,
    MEM_RESERVE,
    MEM_RESET,
    MEM_TOP_DOWN,
    MEM_WRITE_WATCH,
    MEM_PHYSICAL,
    MEM_RESET_UNDO,
    MEM_LARGE_PAGES,
];

/// Null, inside own regions, free, unaligned, the first and the last 64 KiB, past user space.
const ADDRESSES: [u64; 12] = [
    0,
    RESERVED + MIB_2,
    RESERVED + MIB_2 - 0x1234,
    COMMITTED,
    COMMITTED + 0x1234,
    FREE,
    FREE + 0x1_2345,
    0x1000,
    KIB_64 - 1,
    USER_END - 1,
    USER_END + 0x1000,
    u64::MAX - 5,
];

/// Nothing, a byte, a page, the granularity, a large page, more than can be committed, more than
/// there are addresses.
const SIZES: [u64; 7] = [0, 1, PAGE_SIZE, KIB_64, MIB_2, 100 * TIB, 1 << 62];

/// What the documentation of the memory protection constants says, for private memory.
fn is_protection_valid(constant: u32) -> bool {
    let modifiers = constant & 0x700;
    let base = constant - modifiers;
    let is_base = [0x01, 0x02, 0x04, 0x10, 0x20, 0x40].contains(&base);
    // PAGE_WRITECOPY and PAGE_EXECUTE_WRITECOPY (0x08, 0x80) are not supported by VirtualAlloc.
    // Guard, no-cache and write-combine exclude one another, and PAGE_NOACCESS takes none.
    is_base && (modifiers == 0 || modifiers.is_power_of_two() && base != 0x01)
}

/// One call.
#[derive(Clone, Copy, Debug)]
struct Case {
    kind: u32,
    address: u64,
    bytes: u64,
    protection: u32,
    is_privileged: bool,
}

impl Case {
    fn has(&self, bits: u32) -> bool {
        self.kind & bits == bits
    }

    fn allocation(&self) -> Allocation {
        let Self { kind, address, bytes, protection, .. } = *self;
        Allocation { address, bytes, kind, protection }
    }
}

/// What comes back: the pages, where the documentation says which, or the status.
type Outcome = Result<(Option<u64>, u64), Status>;

/// The documentation of VirtualAlloc. Which of two reasons is named where a call is wrong in two
/// ways is ours, here and below.
fn documented(case: &Case) -> Outcome {
    check_type(case)?;
    if !is_protection_valid(case.protection) {
        return Err(INVALID_PAGE_PROTECTION);
    }
    // Ours: the documentation does not say how a range that cannot be is refused.
    let end = case.address.checked_add(case.bytes);
    if case.bytes == 0 || end.is_none_or(|end| end > USER_END) {
        return Err(INVALID_PARAMETER);
    }
    if case.has(MEM_RESERVE) || case.has(MEM_COMMIT) && case.address == 0 {
        reservation(case)
    } else {
        inside_reservation(case)
    }
}

fn check_type(case: &Case) -> Result<(), Status> {
    let known = BITS.iter().sum::<u32>();
    let main = MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_RESET_UNDO;
    let alone = MEM_RESET | MEM_RESET_UNDO;
    let is_wrong = case.kind & !known != 0
        // One of the four is needed.
        || case.kind & main == 0
        // "This value cannot be used with any other value."
        || case.kind & alone != 0 && case.kind != MEM_RESET && case.kind != MEM_RESET_UNDO
        // "Must be used with MEM_RESERVE and no other values."
        || case.has(MEM_PHYSICAL) && case.kind != MEM_PHYSICAL | MEM_RESERVE
        || case.has(MEM_WRITE_WATCH) && !case.has(MEM_RESERVE)
        || case.has(MEM_LARGE_PAGES) && !case.has(MEM_RESERVE | MEM_COMMIT)
        // Ours: nothing is said of watching large pages, and nothing could.
        || case.has(MEM_LARGE_PAGES | MEM_WRITE_WATCH);
    if is_wrong { Err(INVALID_PARAMETER) } else { Ok(()) }
}

fn reservation(case: &Case) -> Outcome {
    let is_large = case.has(MEM_LARGE_PAGES);
    // Ours: AWE's privilege is needed for its addresses already.
    if (is_large || case.has(MEM_PHYSICAL)) && !case.is_privileged {
        return Err(PRIVILEGE_NOT_HELD);
    }
    // AWE memory is read and written; it takes no other protection.
    if case.has(MEM_PHYSICAL) && case.protection != 0x04 {
        return Err(INVALID_PAGE_PROTECTION);
    }
    if is_large && (!case.bytes.is_multiple_of(MIB_2) || !case.address.is_multiple_of(MIB_2)) {
        return Err(INVALID_PARAMETER);
    }
    // The address goes down to 64 KiB, the end up to a page; with none only the size is rounded.
    let base = case.address - case.address % KIB_64;
    let end = (case.address + case.bytes).next_multiple_of(PAGE_SIZE);
    let is_named = case.address != 0;
    if is_named && (base < FREE || end > USER_END) {
        return Err(CONFLICTING_ADDRESSES);
    }
    // A write watch of 100 TiB needs more of the pool than there is.
    if case.has(MEM_WRITE_WATCH) && case.bytes >= TIB {
        return Err(INSUFFICIENT_RESOURCES);
    }
    if case.has(MEM_COMMIT) && case.bytes >= TIB {
        return Err(COMMITMENT_LIMIT);
    }
    Ok((is_named.then_some(base), end - base))
}

fn inside_reservation(case: &Case) -> Outcome {
    let first = case.address - case.address % PAGE_SIZE;
    let end = (case.address + case.bytes).next_multiple_of(PAGE_SIZE);
    let is_in = |base: u64| first >= base && end <= base + 2 * MIB_2;
    let (is_reserved, is_committed) = (is_in(RESERVED), is_in(COMMITTED));
    let pages = (Some(first), end - first);
    match case.kind {
        _ if !is_reserved && !is_committed => Err(CONFLICTING_ADDRESSES),
        // Ours: a reset of what is not committed is refused.
        MEM_RESET | MEM_RESET_UNDO if is_reserved => Err(NOT_COMMITTED),
        _ => Ok(pages),
    }
}

fn program(is_privileged: bool) -> (Manager, SpaceId) {
    let mut config = Config::new(2048);
    config.nonpaged_pool = memtide_core::units::Bytes(1 << 30);
    let mut manager = Manager::new(config).expect("a machine");
    let privileges = Privileges { lock_memory: is_privileged };
    let space = manager.create_space(SpaceConfig { privileges, ..SpaceConfig::default() });
    let space = space.expect("a space");
    for (address, kind) in [(RESERVED, MEM_RESERVE), (COMMITTED, MEM_RESERVE | MEM_COMMIT)] {
        let own = Allocation { address, bytes: 2 * MIB_2, kind, protection: 0x04 };
        assert_eq!(manager.allocate(space, &own), Ok(address));
    }
    (manager, space)
}

/// What a refused call must not change.
fn state(manager: &Manager, space: SpaceId) -> impl PartialEq + std::fmt::Debug + use<> {
    let snapshot = manager.snapshot();
    let pools = memtide_core::PoolKind::ALL.map(|kind| snapshot.pool(kind).used);
    let space = snapshot.space(space).expect("it is there");
    (snapshot.commit().charged(), pools, space.regions, space.commit, manager.list_counts())
}

/// Makes the call, compares, and undoes what it did.
fn check(manager: &mut Manager, space: SpaceId, case: &Case, round: u64) -> bool {
    let before = round.is_multiple_of(5).then(|| state(manager, space));
    let result = manager.allocate(space, &case.allocation());
    let expected = documented(case);
    let status = result.map(|_| ()).map_err(|refusal| (refusal.ntstatus(), refusal.win32()));
    assert_eq!(status, expected.map(|_| ()), "{case:x?}: {result:x?}");
    let (Ok(base), Ok((at, bytes))) = (result, expected) else {
        if let Some(before) = before {
            assert_eq!(
                state(manager, space),
                before,
                "{case:x?} was refused and changed something"
            );
        }
        return false;
    };
    let (at, is_reset) = (at.unwrap_or(base), case.has(MEM_RESET) || case.has(MEM_RESET_UNDO));
    assert_eq!(base, at, "{case:x?}");
    let is_new = case.has(MEM_RESERVE) || case.address == 0;
    let info = manager.query(space, base).expect("an address of the program");
    assert!(if is_new { info.bytes == bytes } else { info.bytes >= bytes }, "{case:x?}: {info:x?}");
    let RegionState::Allocated { page_use, allocation_protection, .. } = info.state else {
        panic!("{case:x?} left nothing behind")
    };
    let protection = Protection::from_windows(case.protection).expect("it is valid");
    let committed = case.has(MEM_COMMIT).then_some(PageUse::Committed(protection));
    assert!(is_reset || page_use == committed.unwrap_or(PageUse::Reserved), "{case:x?}");
    assert!(!is_new || allocation_protection == protection, "{case:x?}");
    while manager.poll_output().is_some() {}
    if round.is_multiple_of(5) {
        manager.verify().expect("a sound state");
    }
    if is_new {
        assert_eq!(base % if case.has(MEM_LARGE_PAGES) { MIB_2 } else { KIB_64 }, 0, "{case:x?}");
        manager.free(space, base, 0, MEM_RELEASE).expect("it can be released");
    } else if base < COMMITTED {
        manager.free(space, base, bytes, MEM_DECOMMIT).expect("it can be decommitted");
    } else if !is_reset {
        let again = Allocation::commit_at(COMMITTED, 2 * MIB_2);
        assert_eq!(manager.allocate(space, &again), Ok(COMMITTED));
    }
    true
}

/// Every protection: none, the eight with every set of modifiers, two at once, unknown bits.
fn protections() -> Vec<u32> {
    let mut all = vec![0, 0x03, 0x06, 0x44, 0xff, 0x100, 0x800, 0x1004, 0x4000_0004, 0x8000_0000];
    for base in 0..8 {
        all.extend((0..8).map(|modifiers| 1 << base | modifiers << 8));
    }
    all
}

fn every_type(is_privileged: bool, protections: &[u32]) -> u64 {
    let (mut manager, space) = program(is_privileged);
    let mut accepted = 0;
    let mut round = 0;
    for set in 0..1u32 << BITS.len() {
        let chosen = (0..).zip(BITS).filter(|(bit, _)| set >> bit & 1 != 0);
        let kind = chosen.map(|(_, bit)| bit).sum();
        for address in ADDRESSES {
            for bytes in SIZES {
                for protection in protections {
                    let protection = *protection;
                    let case = Case { kind, address, bytes, protection, is_privileged };
                    accepted += u64::from(check(&mut manager, space, &case, round));
                    round += 1;
                }
            }
        }
    }
    manager.verify().expect("a sound state");
    accepted
}

#[test]
fn every_type_address_size_and_protection_ends_as_documented() {
    let accepted = every_type(true, &protections());
    assert!(accepted > 3000, "the table reaches too few calls that succeed: {accepted}");
}

#[test]
fn every_type_without_the_privilege_ends_as_documented() {
    let accepted = every_type(false, &[0x04, 0x01, 0x08, 0x104, 0]);
    assert!(accepted > 400, "the table reaches too few calls that succeed: {accepted}");
}

#[test]
fn an_unknown_bit_is_refused_whatever_else_is_asked() {
    let (mut manager, space) = program(true);
    let known = BITS.iter().sum::<u32>();
    for unknown in (0..32).map(|bit| 1u32 << bit).filter(|bit| known & bit == 0) {
        for set in 0..1u32 << BITS.len() {
            let chosen = (0..).zip(BITS).filter(|(bit, _)| set >> bit & 1 != 0);
            let kind = chosen.map(|(_, bit)| bit).sum::<u32>() | unknown;
            let (bytes, is_privileged) = (MIB_2, true);
            for address in [0, RESERVED, FREE] {
                let case = Case { kind, address, bytes, protection: 0x04, is_privileged };
                assert_eq!(documented(&case), Err(INVALID_PARAMETER));
                assert!(!check(&mut manager, space, &case, u64::from(set)));
            }
        }
    }
}

fn machine() -> (World, SpaceId) {
    let mut world = World::new(Config::new(1024));
    let space = world.space();
    (world, space)
}

fn allocate(world: &mut World, space: SpaceId, wanted: Allocation) -> Result<u64, Status> {
    let result = world.call(|manager| manager.allocate(space, &wanted));
    result.map_err(|refusal| (refusal.ntstatus(), refusal.win32()))
}

fn charged(world: &World) -> u64 {
    world.manager.snapshot().commit().charged()
}

fn region_bytes(world: &World, space: SpaceId) -> Vec<(u64, u64)> {
    let regions = world.manager.snapshot().regions(space).expect("a space");
    regions.iter().map(|region| (region.base, region.bytes)).collect()
}

#[test]
fn a_reservation_goes_down_to_64_kib_and_up_to_a_page() {
    for (address, bytes, base, size) in [
        (0x10_0000, 1, 0x10_0000, 0x1000),
        (0x10_0001, 0x1000, 0x10_0000, 0x2000),
        (0x10_ffff, 1, 0x10_0000, 0x1_0000),
        (0x10_ffff, 2, 0x10_0000, 0x1_1000),
        (0x10_f000, 0x1001, 0x10_0000, 0x1_1000),
        (0x11_0000, 0x1_0000, 0x11_0000, 0x1_0000),
    ] {
        let (mut world, space) = machine();
        let wanted = Allocation { address, ..Allocation::reserved(bytes) };
        assert_eq!(allocate(&mut world, space, wanted), Ok(base));
        assert_eq!(region_bytes(&world, space), [(base, size)], "{address:#x} + {bytes:#x}");
    }
}

#[test]
fn without_an_address_only_the_size_is_rounded() {
    for (bytes, size) in [(1, 0x1000), (0x1000, 0x1000), (0x1001, 0x2000), (0xf001, 0x1_0000)] {
        let (mut world, space) = machine();
        let base = allocate(&mut world, space, Allocation::reserved(bytes)).expect("room");
        assert_eq!(region_bytes(&world, space), [(base, size)]);
    }
}

#[test]
fn the_rest_of_the_64_kib_after_a_reservation_is_free_but_cannot_be_reserved() {
    let (mut world, space) = machine();
    let first = Allocation { address: 0x10_0000, ..Allocation::reserved(1) };
    allocate(&mut world, space, first).expect("room");
    let rest = world.manager.query(space, 0x10_1000).expect("an address of the program");
    assert_eq!(rest.state, RegionState::Free);
    let second = Allocation { address: 0x10_1000, ..Allocation::reserved(1) };
    assert_eq!(allocate(&mut world, space, second), Err(CONFLICTING_ADDRESSES));
    let commit = Allocation::commit_at(0x10_1000, 1);
    assert_eq!(allocate(&mut world, space, commit), Err(CONFLICTING_ADDRESSES));
}

#[test]
fn two_bytes_across_a_page_boundary_commit_both_pages() {
    let (mut world, space) = machine();
    let base = allocate(&mut world, space, Allocation::reserved(KIB_64)).expect("room");
    let commit = Allocation::commit_at(base + 0x2fff, 2);
    assert_eq!(allocate(&mut world, space, commit), Ok(base + 0x2000));
    assert_eq!(charged(&world), 2);
    for (page, passes) in [(1, false), (2, true), (3, true), (4, false)] {
        let written = world.write(space, base + page * PAGE_SIZE, 7);
        assert_eq!(written.is_ok(), passes, "page {page}");
    }
}

#[test]
fn a_reservation_charges_nothing_and_cannot_be_accessed() {
    let (mut world, space) = machine();
    let base = allocate(&mut world, space, Allocation::reserved(64 * TIB)).expect("room");
    assert_eq!(charged(&world), 0);
    let exception = world.read(space, base).expect_err("it is only reserved");
    assert_eq!(exception.ntstatus(), 0xC000_0005);
}

#[test]
fn committing_committed_pages_keeps_their_contents_and_takes_the_new_protection() {
    let (mut world, space) = machine();
    let base = world.committed(space, 4);
    world.write(space, base + 0x1000, 77).expect("a write");
    let before = charged(&world);
    let again = Allocation { protection: 0x02, ..Allocation::commit_at(base + 0x1000, 0x2000) };
    assert_eq!(allocate(&mut world, space, again), Ok(base + 0x1000));
    assert_eq!(charged(&world), before);
    assert_eq!(world.read(space, base + 0x1000), Ok(77));
    for (page, passes) in [(0, true), (1, false), (2, false), (3, true)] {
        let written = world.write(space, base + page * PAGE_SIZE, 1);
        assert_eq!(written.is_ok(), passes, "page {page}");
    }
}

#[test]
fn committing_over_a_mixture_charges_the_new_pages_only() {
    let (mut world, space) = machine();
    let base = allocate(&mut world, space, Allocation::reserved(16 * PAGE_SIZE)).expect("room");
    for page in [1, 2, 5, 9] {
        let commit = Allocation::commit_at(base + page * PAGE_SIZE, PAGE_SIZE);
        allocate(&mut world, space, commit).expect("room");
    }
    assert_eq!(charged(&world), 4);
    let commit = Allocation::commit_at(base, 8 * PAGE_SIZE);
    allocate(&mut world, space, commit).expect("room");
    assert_eq!(charged(&world), 9);
}

#[test]
fn committing_where_not_everything_is_reserved_fails_and_commits_nothing() {
    let (mut world, space) = machine();
    let base = 0x10_0000;
    let own = Allocation { address: base, ..Allocation::reserved(0x1_0000) };
    allocate(&mut world, space, own).expect("room");
    let next = Allocation { address: base + 0x1_0000, ..Allocation::reserved(0x1_0000) };
    for (address, bytes) in [(base - 1, 2), (base + 0xffff, 2), (0x20_0000, 1), (1, 1)] {
        let commit = Allocation::commit_at(address, bytes);
        assert_eq!(allocate(&mut world, space, commit), Err(CONFLICTING_ADDRESSES));
    }
    // Ours: two reservations that touch are still two.
    allocate(&mut world, space, next).expect("room");
    let across = Allocation::commit_at(base + 0xffff, 2);
    assert_eq!(allocate(&mut world, space, across), Err(CONFLICTING_ADDRESSES));
    assert_eq!(charged(&world), 0);
}

#[test]
fn commit_with_no_address_reserves_as_well() {
    let (mut world, space) = machine();
    let wanted = Allocation { kind: MEM_COMMIT, ..Allocation::committed(3 * PAGE_SIZE) };
    let base = allocate(&mut world, space, wanted).expect("room");
    assert_eq!(region_bytes(&world, space), [(base, 3 * PAGE_SIZE)]);
    assert_eq!(charged(&world), 3);
    world.write(space, base + 2 * PAGE_SIZE, 5).expect("a write");
    world.call(|manager| manager.free(space, base, 0, MEM_RELEASE)).expect("a region");
}

#[test]
fn reserving_what_is_reserved_is_refused_and_leaves_it_alone() {
    let (mut world, space) = machine();
    let base = world.committed(space, 16);
    world.write(space, base, 9).expect("a write");
    for (address, bytes) in [(base, 1), (base + 0x8000, 1), (base - 1, 2), (base, 1 << 30)] {
        let wanted = Allocation { address, ..Allocation::reserved(bytes) };
        let expected = Err(CONFLICTING_ADDRESSES);
        assert_eq!(allocate(&mut world, space, wanted), expected, "{address:#x} + {bytes:#x}");
    }
    assert_eq!(world.read(space, base), Ok(9));
}

#[test]
fn reset_and_reset_undo_combine_with_nothing() {
    let (mut world, space) = machine();
    let address = world.committed(space, 4);
    for reset in [MEM_RESET, MEM_RESET_UNDO] {
        for other in BITS.into_iter().filter(|bit| *bit != reset) {
            let kind = reset | other;
            let wanted = Allocation { address, bytes: PAGE_SIZE, kind, protection: 0x04 };
            assert_eq!(allocate(&mut world, space, wanted), Err(INVALID_PARAMETER));
        }
    }
}

#[test]
fn reset_keeps_charge_and_protection_and_undo_brings_the_contents_back() {
    let (mut world, space) = machine();
    let base = world.committed(space, 4);
    for page in 0..4 {
        world.write(space, base + page * PAGE_SIZE, 40 + page).expect("a write");
    }
    let before = charged(&world);
    // The protection is ignored, but must be one.
    let kind = MEM_RESET;
    let reset = Allocation { address: base, bytes: 4 * PAGE_SIZE, kind, protection: 0x01 };
    assert_eq!(allocate(&mut world, space, reset), Ok(base));
    assert_eq!(charged(&world), before);
    let info = world.manager.query(space, base).expect("an address of the program");
    let RegionState::Allocated { page_use, .. } = info.state else { panic!("{info:?}") };
    assert_eq!(page_use, PageUse::Committed(Protection::READ_WRITE));
    let undo = Allocation { kind: MEM_RESET_UNDO, ..reset };
    assert_eq!(allocate(&mut world, space, undo), Ok(base));
    for page in 0..4 {
        assert_eq!(world.read(space, base + page * PAGE_SIZE), Ok(40 + page));
    }
    let invalid = Allocation { protection: 0, ..reset };
    assert_eq!(allocate(&mut world, space, invalid), Err(INVALID_PAGE_PROTECTION));
}

#[test]
fn reset_pages_are_not_written_to_the_page_file() {
    let mut world = World::new(Config::new(64).with_page_file(256, 256));
    let space = world.space();
    let base = world.committed(space, 8);
    for page in 0..8 {
        world.write(space, base + page * PAGE_SIZE, 1 + page).expect("a write");
    }
    let reset = Allocation { kind: MEM_RESET, ..Allocation::commit_at(base, 8 * PAGE_SIZE) };
    allocate(&mut world, space, reset).expect("committed pages");
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    world.manager.command(memtide_core::ListCommand::FlushModifiedList);
    world.drain();
    world.complete_all();
    assert!(world.slots.is_empty(), "reset pages were written: {:?}", world.slots);
}

#[test]
fn reset_leaves_the_bytes_outside_its_range_alone() {
    let mut world = World::new(Config::new(64).with_page_file(256, 256));
    let space = world.space();
    let base = world.committed(space, 4);
    for page in 0..4 {
        world.write(space, base + page * PAGE_SIZE, 1 + page).expect("a write");
    }
    // Of the first and the last page only a part is of no more interest.
    let reset = Allocation { kind: MEM_RESET, ..Allocation::commit_at(base + 16, 3 * PAGE_SIZE) };
    assert_eq!(allocate(&mut world, space, reset), Ok(base));
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    world.manager.command(memtide_core::ListCommand::FlushModifiedList);
    world.drain();
    world.complete_all();
    world.manager.command(memtide_core::ListCommand::PurgeStandbyList);
    world.drain();
    assert_eq!(world.read(space, base), Ok(1));
    assert_eq!(world.read(space, base + PAGE_SIZE), Ok(0));
    assert_eq!(world.read(space, base + 2 * PAGE_SIZE), Ok(0));
    assert_eq!(world.read(space, base + 3 * PAGE_SIZE), Ok(4));
}

#[test]
fn reset_takes_a_shared_view_of_the_page_files_and_no_view_of_a_file() {
    for (backing, is_reserved, expected) in [
        (Backing::PageFile, false, Ok(())),
        (Backing::PageFile, true, Err(NOT_COMMITTED)),
        (Backing::File, false, Err(INVALID_PARAMETER)),
    ] {
        let (mut world, space) = machine();
        let bytes = 4 * PAGE_SIZE;
        let config = SectionConfig { bytes, protection: 0x04, backing, is_reserved };
        let section = world.call(|manager| manager.create_section(&config)).expect("a section");
        let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x04 };
        let base = world.call(|manager| manager.map_view(space, &view)).expect("room");
        if !is_reserved {
            world.write(space, base, 12).expect("a write");
        }
        for kind in [MEM_RESET, MEM_RESET_UNDO] {
            let wanted = Allocation { kind, ..Allocation::commit_at(base, bytes) };
            let result = allocate(&mut world, space, wanted).map(|_| ());
            assert_eq!(result, expected, "{backing:?} {kind:#x}");
        }
        if !is_reserved {
            assert_eq!(world.read(space, base), Ok(12), "undone");
        }
    }
}

#[test]
fn physical_goes_with_reserve_and_nothing_else() {
    for other in BITS.into_iter().filter(|bit| ![MEM_RESERVE, MEM_PHYSICAL].contains(bit)) {
        let (mut world, space) = machine();
        let kind = MEM_PHYSICAL | MEM_RESERVE | other;
        let wanted = Allocation { kind, ..Allocation::reserved(MIB_2) };
        assert_eq!(allocate(&mut world, space, wanted), Err(INVALID_PARAMETER), "{other:#x}");
        let wanted = Allocation { kind: MEM_PHYSICAL | MEM_RESERVE, ..wanted };
        assert!(allocate(&mut world, space, wanted).is_ok());
        assert_eq!(charged(&world), 0);
    }
}

#[test]
fn large_pages_need_reserve_and_commit_at_once() {
    let (mut world, space) = machine();
    for kind in [MEM_COMMIT, MEM_RESERVE, 0] {
        let wanted =
            Allocation { kind: kind | MEM_LARGE_PAGES, ..Allocation::committed(LARGE_PAGE_SIZE) };
        assert_eq!(allocate(&mut world, space, wanted), Err(INVALID_PARAMETER), "{kind:#x}");
    }
}

#[test]
fn large_pages_come_whole_resident_and_zeroed_and_go_back_whole() {
    let (mut world, space) = machine();
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    for bytes in [1, PAGE_SIZE, LARGE_PAGE_SIZE - 1, LARGE_PAGE_SIZE + PAGE_SIZE] {
        let wanted = Allocation { kind, ..Allocation::committed(bytes) };
        assert_eq!(allocate(&mut world, space, wanted), Err(INVALID_PARAMETER), "{bytes:#x}");
    }
    let wanted = Allocation { kind, ..Allocation::committed(LARGE_PAGE_SIZE) };
    let unaligned = Allocation { address: FREE + KIB_64, ..wanted };
    assert_eq!(allocate(&mut world, space, unaligned), Err(INVALID_PARAMETER));
    let base = allocate(&mut world, space, wanted).expect("two megabytes in one piece");
    assert_eq!(base % LARGE_PAGE_SIZE, 0);
    assert_eq!(charged(&world), 512);
    for page in [0, 1, 511] {
        assert!(world.manager.touch(
            space,
            base + page * PAGE_SIZE,
            memtide_core::page::Access::Write
        ));
        assert_eq!(world.read(space, base + page * PAGE_SIZE), Ok(0));
    }
    world.call(|manager| manager.free(space, base, 0, MEM_RELEASE)).expect("a region");
    assert_eq!(charged(&world), 0);
}

#[test]
fn large_pages_that_memory_cannot_give_are_refused_and_change_nothing() {
    let (mut world, space) = machine();
    let before = (charged(&world), world.manager.list_counts());
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    let wanted = Allocation { kind, ..Allocation::committed(2 * LARGE_PAGE_SIZE) };
    assert_eq!(allocate(&mut world, space, wanted), Err(INSUFFICIENT_RESOURCES));
    assert_eq!((charged(&world), world.manager.list_counts()), before);
    assert!(region_bytes(&world, space).is_empty());
}

#[test]
fn large_pages_need_the_privilege_to_lock_memory() {
    let mut world = World::new(Config::new(1024));
    let space = world.call(|manager| manager.create_space(SpaceConfig::default()));
    let space = space.expect("a space");
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    let wanted = Allocation { kind, ..Allocation::committed(LARGE_PAGE_SIZE) };
    assert_eq!(allocate(&mut world, space, wanted), Err(PRIVILEGE_NOT_HELD));
}

#[test]
fn bottom_up_gives_the_lowest_address_that_fits_and_top_down_the_highest() {
    let (mut world, space) = machine();
    let up = Allocation::reserved(3 * KIB_64);
    let down = Allocation { kind: MEM_RESERVE | MEM_TOP_DOWN, ..up };
    assert_eq!(allocate(&mut world, space, up), Ok(KIB_64));
    assert_eq!(allocate(&mut world, space, down), Ok(USER_END - 3 * KIB_64));
    assert_eq!(allocate(&mut world, space, up), Ok(4 * KIB_64));
    assert_eq!(allocate(&mut world, space, down), Ok(USER_END - 6 * KIB_64));
    world.call(|manager| manager.free(space, KIB_64, 0, MEM_RELEASE)).expect("a region");
    // The gap of three at the bottom is too small for four, and the first that fits two.
    assert_eq!(allocate(&mut world, space, Allocation::reserved(4 * KIB_64)), Ok(7 * KIB_64));
    assert_eq!(allocate(&mut world, space, Allocation::reserved(2 * KIB_64)), Ok(KIB_64));
    let two = Allocation { bytes: 2 * KIB_64, ..down };
    world.call(|m| m.free(space, USER_END - 3 * KIB_64, 0, MEM_RELEASE)).expect("a region");
    assert_eq!(allocate(&mut world, space, two), Ok(USER_END - 2 * KIB_64));
}

#[test]
fn top_down_with_an_address_takes_that_address() {
    let (mut world, space) = machine();
    let kind = MEM_RESERVE | MEM_TOP_DOWN;
    let wanted = Allocation { address: FREE, kind, ..Allocation::reserved(1) };
    assert_eq!(allocate(&mut world, space, wanted), Ok(FREE));
}

#[test]
fn a_commitment_past_the_limit_is_refused_with_1455_and_changes_nothing() {
    let (mut world, space) = machine();
    let limit = world.manager.snapshot().commit().limit();
    let base = allocate(&mut world, space, Allocation::reserved(1 << 30)).expect("room");
    let most = Allocation::commit_at(base, (limit - 2) * PAGE_SIZE);
    allocate(&mut world, space, most).expect("within the limit");
    let before = region_bytes(&world, space);
    // In a reservation, with a reservation, and by NULL alone.
    let at = Allocation::commit_at(base, (limit + 1) * PAGE_SIZE);
    let both = Allocation::committed(3 * PAGE_SIZE);
    for wanted in [at, both, Allocation { kind: MEM_COMMIT, ..both }] {
        assert_eq!(allocate(&mut world, space, wanted), Err(COMMITMENT_LIMIT));
        assert_eq!(charged(&world), limit - 2);
        assert_eq!(region_bytes(&world, space), before);
    }
    let info = world.manager.query(space, base).expect("an address of the program");
    assert_eq!(info.bytes, (limit - 2) * PAGE_SIZE);
    allocate(&mut world, space, Allocation::committed(2 * PAGE_SIZE)).expect("exactly the limit");
    assert_eq!(charged(&world), limit);
}

#[test]
fn a_commitment_that_a_larger_page_file_can_keep_succeeds_once_it_has_grown() {
    let mut world = World::new(Config::new(64).with_page_file(64, 8192));
    let space = world.space();
    let base = world.committed(space, 1000);
    world.write(space, base + 999 * PAGE_SIZE, 3).expect("a write");
    assert!(world.manager.snapshot().commit().limit() >= 1000);
}

#[test]
fn write_watch_is_taken_with_reserve_and_tells_what_was_written() {
    let (mut world, space) = machine();
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;
    let wanted = Allocation { kind, ..Allocation::committed(8 * PAGE_SIZE) };
    let base = allocate(&mut world, space, wanted).expect("room");
    for page in [6, 1] {
        world.write(space, base + page * PAGE_SIZE, 1).expect("a write");
    }
    world.read(space, base + 3 * PAGE_SIZE).expect("a read");
    let written = world.call(|m| m.write_watch(space, base, 8 * PAGE_SIZE, false, 8));
    assert_eq!(written, Ok(vec![base + PAGE_SIZE, base + 6 * PAGE_SIZE]));
}

#[test]
fn committed_memory_reads_as_zeros() {
    let (mut world, space) = machine();
    let base = world.committed(space, 3);
    for page in 0..3 {
        assert_eq!(world.read(space, base + page * PAGE_SIZE), Ok(0));
    }
}
