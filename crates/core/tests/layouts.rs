//! Address-space layouts: which addresses are really given out, and what Windows 9x shares.

mod support;

use memtide_core::page::{Access, PAGE_SIZE, SectionId, SpaceId};
use memtide_core::{
    Allocation, AreaKind, Backing, Config, Layout, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE,
    MEM_TOP_DOWN, Privileges, RegionState, SectionConfig, SpaceConfig, View,
};
use support::{Answer, World};

const KIB_64: u64 = 0x1_0000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

type Status = (u32, u32);
const NO_MEMORY: Status = (0xC000_0017, 8);
const ACCESS_VIOLATION: u32 = 0xC000_0005;

/// The addresses that Microsoft documents for private memory of programs, written out.
const PRIVATE: [(Layout, u64, u64); 5] = [
    (Layout::User2System2, 0x0001_0000, 0x7fff_0000),
    (Layout::User3System1, 0x0001_0000, 0xbfff_0000),
    (Layout::Windows9x, 0x0040_0000, 0x8000_0000),
    (Layout::User8T, 0x0001_0000, 0x07ff_ffff_0000),
    (Layout::User128T, 0x0001_0000, 0x7fff_ffff_0000),
];

fn space_with(world: &mut World, layout: Layout) -> SpaceId {
    let privileges = Privileges { lock_memory: true };
    let config = SpaceConfig { layout, privileges, ..SpaceConfig::default() };
    world.call(|manager| manager.create_space(config)).expect("a space")
}

fn machine(layout: Layout) -> (World, SpaceId) {
    let mut world = World::new(Config::new(256));
    let space = space_with(&mut world, layout);
    (world, space)
}

fn allocate(world: &mut World, space: SpaceId, wanted: Allocation) -> Result<u64, Status> {
    let result = world.call(|manager| manager.allocate(space, &wanted));
    result.map_err(|refusal| (refusal.ntstatus(), refusal.win32()))
}

fn reserve_at(world: &mut World, space: SpaceId, address: u64) -> Result<u64, Status> {
    allocate(world, space, Allocation { address, ..Allocation::reserved(1) })
}

fn release(world: &mut World, space: SpaceId, base: u64) {
    world.call(|manager| manager.free(space, base, 0, MEM_RELEASE)).expect("a region");
}

fn section(world: &mut World, bytes: u64, is_reserved: bool) -> SectionId {
    let (protection, backing) = (0x04, Backing::PageFile);
    let config = SectionConfig { bytes, protection, backing, is_reserved };
    world.call(|manager| manager.create_section(&config)).expect("a section")
}

fn map(world: &mut World, space: SpaceId, section: SectionId, address: u64) -> Result<u64, Status> {
    let view = View { section, address, offset: 0, bytes: 0, protection: 0x04 };
    let result = world.call(|manager| manager.map_view(space, &view));
    result.map_err(|refusal| (refusal.ntstatus(), refusal.win32()))
}

#[test]
fn the_lowest_and_the_highest_address_of_each_layout_are_given_out() {
    for (layout, start, end) in PRIVATE {
        let (mut world, space) = machine(layout);
        let up = Allocation::committed(PAGE_SIZE);
        assert_eq!(allocate(&mut world, space, up), Ok(start), "{layout:?}");
        let down = Allocation { kind: up.kind | MEM_TOP_DOWN, bytes: KIB_64, ..up };
        assert_eq!(allocate(&mut world, space, down), Ok(end - KIB_64), "{layout:?}");
        for address in [start, end - 1] {
            world.write(space, address, address).expect("it is committed");
            assert_eq!(world.read(space, address), Ok(address));
        }
    }
}

#[test]
fn a_program_may_name_every_address_of_its_own_and_none_beside() {
    for (layout, start, end) in PRIVATE {
        let (mut world, space) = machine(layout);
        for address in [start, start + KIB_64, end - 2 * KIB_64, end - 1] {
            let base = address - address % KIB_64;
            assert_eq!(reserve_at(&mut world, space, address), Ok(base), "{layout:?}");
        }
        for address in [1, KIB_64 - 1, start - 1, end, end + KIB_64 - 1, end + KIB_64, u64::MAX] {
            let refused = reserve_at(&mut world, space, address);
            let (_, win32) = refused.expect_err("not the program's own");
            assert!([87, 487].contains(&win32), "{layout:?}: {address:#x}: {win32}");
        }
        let across = Allocation { address: end - 1, ..Allocation::reserved(2) };
        assert!(allocate(&mut world, space, across).is_err(), "{layout:?}");
    }
}

#[test]
fn areas_cover_the_layout_and_only_the_programs_own_can_be_used() {
    for layout in Layout::ALL {
        let (mut world, space) = machine(layout);
        let mut at = 0;
        for area in layout.areas() {
            assert_eq!(area.addresses.start, at, "{layout:?}");
            at = area.addresses.end;
            // No address names address 0: it leaves the choice to the manager.
            for address in [area.addresses.start.max(1), area.addresses.end - 1] {
                let exception = world.access(space, address, Access::Read);
                let exception = exception.expect_err("nothing is allocated");
                assert_eq!(exception.ntstatus(), ACCESS_VIOLATION);
                let may =
                    allocate(&mut world, space, Allocation { address, ..Allocation::committed(1) });
                let is_private = area.kind == AreaKind::Private;
                assert_eq!(may.is_ok(), is_private, "{layout:?} {:?} {address:#x}", area.kind);
            }
        }
        let is_32_bit = ![Layout::User8T, Layout::User128T].contains(&layout);
        assert!(!is_32_bit || at == 4 * GIB, "{layout:?}");
    }
}

#[test]
fn windows_9x_has_its_five_areas() {
    let areas: Vec<_> = Layout::Windows9x
        .areas()
        .into_iter()
        .map(|area| (area.addresses.start, area.addresses.end, area.kind))
        .collect();
    assert_eq!(
        areas,
        [
            (0, 0x1_0000, AreaKind::NoAccess),
            (0x1_0000, 0x40_0000, AreaKind::Compatibility),
            (0x40_0000, 0x8000_0000, AreaKind::Private),
            (0x8000_0000, 0xc000_0000, AreaKind::Shared),
            (0xc000_0000, 0x1_0000_0000, AreaKind::System),
        ]
    );
}

#[test]
fn all_of_the_programs_addresses_fit_in_one_reservation_and_no_byte_more() {
    for (layout, start, end) in PRIVATE {
        let (mut world, space) = machine(layout);
        let all = Allocation::reserved(end - start);
        assert_eq!(allocate(&mut world, space, all), Ok(start), "{layout:?}");
        let more = allocate(&mut world, space, Allocation::reserved(1));
        assert_eq!(more, Err(NO_MEMORY), "{layout:?}");
        release(&mut world, space, start);
        let more = Allocation::reserved(end - start + 1);
        assert_eq!(allocate(&mut world, space, more), Err(NO_MEMORY), "{layout:?}");
    }
}

/// Reserves until there is no address left; how many bytes came.
fn use_up(world: &mut World, space: SpaceId, first_piece: u64) -> (u64, Vec<u64>) {
    let (mut got, mut bases, mut piece) = (0, Vec::new(), first_piece);
    while piece >= KIB_64 {
        match allocate(world, space, Allocation::reserved(piece)) {
            Ok(base) => {
                got += piece;
                bases.push(base);
            }
            Err(status) => {
                assert_eq!(status, NO_MEMORY);
                piece /= 2;
            }
        }
    }
    (got, bases)
}

#[test]
fn three_plus_one_gives_a_program_one_gigabyte_more_than_two_plus_two() {
    let [two, three] = [Layout::User2System2, Layout::User3System1].map(|layout| {
        let (mut world, space) = machine(layout);
        use_up(&mut world, space, 64 * MIB).0
    });
    assert_eq!(two, 2 * GIB - 2 * KIB_64);
    assert_eq!(three, two + GIB);
}

#[test]
fn what_is_used_up_can_be_allocated_again_after_a_release() {
    for layout in [Layout::User2System2, Layout::User3System1, Layout::Windows9x] {
        let (mut world, space) = machine(layout);
        let (_, bases) = use_up(&mut world, space, 64 * MIB);
        assert_eq!(allocate(&mut world, space, Allocation::reserved(1)), Err(NO_MEMORY));
        // A commitment reserves, too.
        assert_eq!(allocate(&mut world, space, Allocation::committed(1)), Err(NO_MEMORY));
        let middle = bases[bases.len() / 2];
        release(&mut world, space, middle);
        assert_eq!(allocate(&mut world, space, Allocation::reserved(1)), Ok(middle));
        release(&mut world, space, middle);
        // Decommitting gives no addresses back.
        let kept = bases[0];
        world.call(|manager| manager.free(space, kept, 0, MEM_DECOMMIT)).expect("a region");
        assert_eq!(allocate(&mut world, space, Allocation::committed(1)), Ok(middle));
    }
}

#[test]
fn another_space_has_all_of_its_addresses_when_one_has_none_left() {
    let (mut world, first) = machine(Layout::User2System2);
    use_up(&mut world, first, 64 * MIB);
    let second = space_with(&mut world, Layout::User2System2);
    assert_eq!(use_up(&mut world, second, 64 * MIB).0, 2 * GIB - 2 * KIB_64);
}

#[test]
fn addresses_in_pieces_hold_only_what_fits_in_one_piece() {
    let (mut world, space) = machine(Layout::User2System2);
    world.is_checked = false;
    let mut bases = Vec::new();
    while let Ok(base) = allocate(&mut world, space, Allocation::reserved(MIB)) {
        bases.push(base);
    }
    assert_eq!(bases.len(), 2047);
    for base in bases.iter().skip(1).step_by(2) {
        release(&mut world, space, *base);
    }
    // Nearly a gigabyte is free, and no two megabytes of it.
    let wanted = Allocation::reserved(MIB + 1);
    assert_eq!(allocate(&mut world, space, wanted), Err(NO_MEMORY));
    let down = Allocation { kind: MEM_RESERVE | MEM_TOP_DOWN, ..wanted };
    assert_eq!(allocate(&mut world, space, down), Err(NO_MEMORY));
    assert_eq!(allocate(&mut world, space, Allocation::reserved(MIB)), Ok(bases[1]));
    release(&mut world, space, bases[2]);
    assert_eq!(allocate(&mut world, space, wanted), Ok(bases[2]));
    world.is_checked = true;
    world.check();
}

#[test]
fn sixty_four_bit_layouts_end_at_8_and_at_128_terabytes() {
    let (mut world, small) = machine(Layout::User8T);
    let large = space_with(&mut world, Layout::User128T);
    let below = 8 * TIB - 2 * KIB_64;
    for space in [small, large] {
        assert_eq!(reserve_at(&mut world, space, below), Ok(below));
    }
    for address in [8 * TIB - KIB_64, 8 * TIB, 100 * TIB] {
        assert!(reserve_at(&mut world, small, address).is_err(), "{address:#x}");
        assert_eq!(reserve_at(&mut world, large, address), Ok(address));
    }
    assert!(reserve_at(&mut world, large, 128 * TIB - KIB_64).is_err());
}

#[test]
fn the_layout_of_a_space_is_the_one_it_was_made_with() {
    for layout in Layout::ALL {
        let (world, space) = machine(layout);
        assert_eq!(world.manager.layout(space), Ok(layout));
    }
}

#[test]
fn on_windows_9x_private_memory_stays_private_and_below_2_gigabytes() {
    let (mut world, first) = machine(Layout::Windows9x);
    let second = space_with(&mut world, Layout::Windows9x);
    let wanted = Allocation::committed(PAGE_SIZE);
    let base = allocate(&mut world, first, wanted).expect("room");
    assert_eq!(allocate(&mut world, second, wanted), Ok(base));
    world.write(first, base, 1).expect("a write");
    world.write(second, base, 2).expect("a write");
    assert_eq!(world.read(first, base), Ok(1));
    assert_eq!(world.read(second, base), Ok(2));
    let down = Allocation { kind: wanted.kind | MEM_TOP_DOWN, ..wanted };
    assert_eq!(allocate(&mut world, first, down), Ok(2 * GIB - KIB_64));
    for address in [2 * GIB, 3 * GIB - KIB_64, 3 * GIB] {
        let wanted = Allocation { address, ..wanted };
        assert!(allocate(&mut world, first, wanted).is_err(), "{address:#x}");
    }
}

#[test]
fn a_view_of_windows_9x_is_at_the_same_address_in_every_space() {
    let (mut world, first) = machine(Layout::Windows9x);
    let second = space_with(&mut world, Layout::Windows9x);
    let section = section(&mut world, 4 * PAGE_SIZE, false);
    let base = map(&mut world, first, section, 0).expect("room");
    assert_eq!(base, 2 * GIB);
    let third = space_with(&mut world, Layout::Windows9x);
    world.write(first, base, 10).expect("a write");
    for space in [second, third] {
        assert_eq!(world.read(space, base), Ok(10));
        world.write(space, base + PAGE_SIZE, u64::from(space.0)).expect("a write");
        assert_eq!(world.read(first, base + PAGE_SIZE), Ok(u64::from(space.0)));
        let info = world.manager.query(space, base + PAGE_SIZE).expect("a shared address");
        assert_eq!(info.bytes, 3 * PAGE_SIZE);
        assert!(matches!(info.state, RegionState::Allocated { .. }), "{info:?}");
    }
    // Whoever unmaps it, unmaps it for all.
    world.call(|manager| manager.unmap_view(second, base)).expect("a view");
    for space in [first, second, third] {
        assert!(world.read(space, base).is_err());
    }
    assert_eq!(map(&mut world, third, section, 0), Ok(base));
    assert_eq!(world.read(first, base), Ok(10), "the section kept its page");
}

#[test]
fn views_of_windows_9x_take_the_shared_area_and_nothing_else() {
    let (mut world, space) = machine(Layout::Windows9x);
    let small = section(&mut world, PAGE_SIZE, false);
    for address in [4 * MIB, 2 * GIB - KIB_64, 3 * GIB] {
        let (_, win32) = map(&mut world, space, small, address).expect_err("not shared");
        assert_eq!(win32, 487, "{address:#x}");
    }
    let last = 3 * GIB - KIB_64;
    assert_eq!(map(&mut world, space, small, last), Ok(last));
    // A gigabyte of reserved pages, less what is taken.
    let large = section(&mut world, GIB, true);
    assert_eq!(map(&mut world, space, large, 0), Err(NO_MEMORY));
    world.call(|manager| manager.unmap_view(space, last)).expect("a view");
    assert_eq!(map(&mut world, space, large, 0), Ok(2 * GIB));
    let other = space_with(&mut world, Layout::Windows9x);
    assert_eq!(map(&mut world, other, small, 0), Err(NO_MEMORY));
    // The private addresses are all there still.
    assert_eq!(use_up(&mut world, other, 64 * MIB).0, 2 * GIB - 4 * MIB);
}

#[test]
fn reserved_pages_of_a_shared_view_are_committed_by_any_space() {
    let (mut world, first) = machine(Layout::Windows9x);
    let second = space_with(&mut world, Layout::Windows9x);
    let section = section(&mut world, 4 * PAGE_SIZE, true);
    let base = map(&mut world, first, section, 0).expect("room");
    assert!(world.read(first, base).is_err());
    let part = Allocation::commit_at(base + PAGE_SIZE, PAGE_SIZE);
    assert_eq!(allocate(&mut world, second, part), Ok(base + PAGE_SIZE));
    assert_eq!(world.manager.snapshot().commit().charged(), 1);
    world.write(second, base + PAGE_SIZE, 3).expect("a write");
    assert_eq!(world.read(first, base + PAGE_SIZE), Ok(3));
    assert!(world.read(first, base).is_err());
    let past = Allocation::commit_at(base + 3 * PAGE_SIZE, 2 * PAGE_SIZE);
    assert_eq!(allocate(&mut world, second, past).map_err(|(_, win32)| win32), Err(487));
    // It is a view all the same: it is not freed, but unmapped.
    let freed = world.call(|manager| manager.free(second, base, 0, MEM_RELEASE));
    assert_eq!(freed.expect_err("a view").win32(), 87);
}

#[test]
fn a_shared_view_can_be_locked_and_protected() {
    let mut world = World::new(Config::new(4096));
    let space = space_with(&mut world, Layout::Windows9x);
    let section = section(&mut world, 4 * PAGE_SIZE, false);
    let base = map(&mut world, space, section, 0).expect("room");
    assert_eq!(world.lock(space, base, 4 * PAGE_SIZE), Answer::Resumed);
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    assert!(world.manager.touch(space, base, Access::Write));
    world.call(|manager| manager.unlock(space, base, 4 * PAGE_SIZE)).expect("it is locked");
    // Ours: Windows 95 refused most protections there.
    let old = world.call(|manager| manager.protect(space, base, 1, 0x02));
    assert_eq!(old, Ok(0x04));
    assert!(world.write(space, base, 1).is_err());
}

#[test]
fn what_is_free_in_windows_9x_ends_at_the_next_private_region_or_view() {
    let (mut world, space) = machine(Layout::Windows9x);
    let free_bytes = |world: &World, address: u64| {
        let info = world.manager.query(space, address).expect("an address of programs");
        assert_eq!(info.state, RegionState::Free, "{address:#x}");
        info.bytes
    };
    assert_eq!(free_bytes(&world, 0), 3 * GIB);
    let section = section(&mut world, PAGE_SIZE, false);
    map(&mut world, space, section, 2 * GIB + MIB).expect("room");
    assert_eq!(free_bytes(&world, GIB), GIB + MIB);
    assert_eq!(free_bytes(&world, 2 * GIB), MIB);
    assert_eq!(free_bytes(&world, 2 * GIB + 2 * MIB), GIB - 2 * MIB);
    reserve_at(&mut world, space, GIB).expect("room");
    assert_eq!(free_bytes(&world, 0), GIB);
    assert_eq!(free_bytes(&world, GIB + PAGE_SIZE), GIB + MIB - PAGE_SIZE);
    assert!(world.manager.query(space, 3 * GIB).is_err());
}

#[test]
fn other_layouts_share_nothing_of_windows_9x() {
    let (mut world, old) = machine(Layout::Windows9x);
    let new = space_with(&mut world, Layout::User3System1);
    let section = section(&mut world, PAGE_SIZE, false);
    let base = map(&mut world, old, section, 0).expect("room");
    world.write(old, base, 7).expect("a write");
    assert!(world.read(new, base).is_err());
    // The address is its own there.
    let own = Allocation { address: base, ..Allocation::committed(PAGE_SIZE) };
    assert_eq!(allocate(&mut world, new, own), Ok(base));
    // And its views go among its private memory, as anywhere but on Windows 9x.
    let view = map(&mut world, new, section, 0).expect("room");
    assert_eq!(view, KIB_64);
    assert_eq!(world.read(new, view), Ok(7));
}

#[test]
fn a_view_of_windows_9x_goes_with_the_process_that_mapped_it() {
    let (mut world, first) = machine(Layout::Windows9x);
    let second = space_with(&mut world, Layout::Windows9x);
    let shared = section(&mut world, 0x1_0000, false);
    let (kept, gone) = (map(&mut world, second, shared, 0), map(&mut world, first, shared, 0));
    let (kept, gone) = (kept.expect("a view"), gone.expect("a view"));
    assert_eq!(world.write(second, gone, 7), Ok(()));
    world.call(|manager| manager.destroy_space(first)).expect("the space is there");
    assert!(world.read(second, gone).is_err(), "the process that mapped it is gone");
    assert_eq!(world.read(second, kept), Ok(7), "the section is the same");
    world.call(|manager| manager.destroy_space(second)).expect("the space is there");
    world.call(|manager| manager.close_section(shared)).expect("it is held");
    assert_eq!(world.manager.next_deadline(), None, "nothing is left to be done");
}
