//! Physical pages that a program allocates and maps itself, and large pages.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use memtide_core::page::{Access, Pfn, SpaceId};
use memtide_core::snapshot::{FrameShape, PteView};
use memtide_core::{
    Allocation, Config, Exception, LARGE_PAGE_SIZE, ListCommand, MEM_COMMIT, MEM_DECOMMIT,
    MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, Refusal, SpaceConfig,
};
use support::World;

const PAGE: u64 = 4096;

fn world() -> World {
    World::new(Config::new(128).with_page_file(512, 512))
}

/// Addresses for so many physical pages.
fn window(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    let kind = MEM_RESERVE | MEM_PHYSICAL;
    let wanted = Allocation { address: 0, bytes: pages * PAGE, kind, protection: 0x04 };
    world.call(|manager| manager.allocate(space, &wanted)).expect("addresses")
}

fn allocate(world: &mut World, space: SpaceId, pages: u64) -> Vec<Pfn> {
    world.call(|manager| manager.allocate_physical(space, pages)).expect("frames")
}

fn map(world: &mut World, space: SpaceId, address: u64, frames: &[Pfn]) -> Result<(), Refusal> {
    world.call(|manager| manager.map_physical(space, address, 0, frames))
}

fn unmap(world: &mut World, space: SpaceId, address: u64, pages: u64) {
    world.call(|m| m.map_physical(space, address, pages, &[])).expect("addresses");
}

fn resident_available(world: &World) -> u64 {
    let variables = world.manager.system_variables();
    let found = variables.iter().find(|found| found.name == "MmResidentAvailablePages");
    found.expect("it is one of the table").value
}

fn available(world: &World) -> u32 {
    let lists = world.manager.list_counts();
    lists.zeroed + lists.free + lists.standby.iter().sum::<u32>()
}

/// Privileged, and not.
fn without_privilege(world: &mut World) -> SpaceId {
    world.call(|manager| manager.create_space(SpaceConfig::default())).expect("a space")
}

#[test]
fn physical_pages_are_zeroed_and_keep_their_contents_while_they_are_not_mapped() {
    let mut world = world();
    world.memory.fill(0xdead);
    let space = world.space();
    let one = window(&mut world, space, 4);
    let other = window(&mut world, space, 4);
    let frames = allocate(&mut world, space, 3);
    assert_eq!(frames.len(), 3);
    map(&mut world, space, one, &frames).expect("mapped");
    for page in 0..3 {
        assert_eq!(world.read(space, one + page * PAGE), Ok(0));
        world.write(space, one + page * PAGE, 10 + page).expect("a write");
    }
    let access = Access::Read;
    for address in [one + 3 * PAGE, other] {
        let violation = Exception::AccessViolation { address, access };
        assert_eq!(world.read(space, address), Err(violation), "nothing is mapped there");
    }
    unmap(&mut world, space, one, 4);
    assert!(world.read(space, one).is_err());
    world.page_out();
    // In another order, elsewhere.
    let order = [frames[2], frames[0], frames[1]];
    map(&mut world, space, other + PAGE, &order).expect("mapped");
    for ((page, value), frame) in [(1, 12), (2, 10), (3, 11)].into_iter().zip(order) {
        assert_eq!(world.read(space, other + page * PAGE), Ok(value));
        assert_eq!(world.frame(space, other + page * PAGE), frame);
    }
}

#[test]
fn a_mapping_takes_the_place_of_what_was_mapped_there() {
    let mut world = world();
    let space = world.space();
    let base = window(&mut world, space, 4);
    let frames = allocate(&mut world, space, 4);
    map(&mut world, space, base, &frames[..2]).expect("mapped");
    world.write(space, base, 1).expect("a write");
    world.write(space, base + PAGE, 2).expect("a write");
    map(&mut world, space, base, &frames[2..]).expect("in their place");
    assert_eq!(world.read(space, base), Ok(0));
    // Within the range, even the same frames may move.
    map(&mut world, space, base, &frames[..2]).expect("in their place");
    map(&mut world, space, base, &[frames[1], frames[0]]).expect("turned round");
    assert_eq!((world.read(space, base), world.read(space, base + PAGE)), (Ok(2), Ok(1)));
    assert_eq!(world.mapped.len(), 2);
}

#[test]
fn only_frames_of_the_space_are_mapped_each_once() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let base = window(&mut world, here, 8);
    let (own, others) = (allocate(&mut world, here, 3), allocate(&mut world, there, 1));
    let private = world.committed(here, 1);
    world.write(here, private, 1).expect("a write");
    let paged = world.frame(here, private);
    map(&mut world, here, base, &own[..1]).expect("mapped");
    world.write(here, base, 5).expect("a write");
    let before = world.mapped.clone();
    for stranger in [others[0], paged, Pfn(127), Pfn(128), Pfn(u32::MAX)] {
        let refused = map(&mut world, here, base + PAGE, &[own[1], stranger]);
        assert!(matches!(refused, Err(Refusal::NoSuch { .. })), "{stranger:?}: {refused:?}");
        let refused = world.call(|m| m.free_physical(here, &[own[1], stranger]));
        assert!(matches!(refused, Err(Refusal::NoSuch { .. })), "{stranger:?}: {refused:?}");
    }
    for frames in [[own[1], own[1]], [own[1], own[0]]] {
        let refused = map(&mut world, here, base + PAGE, &frames);
        assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    }
    let refused = map(&mut world, here, private, &own[1..2]);
    assert!(matches!(refused, Err(Refusal::WrongKind { .. })), "{refused:?}");
    let refused = map(&mut world, here, base + 6 * PAGE, &own);
    assert!(refused.is_err(), "past the end of the addresses");
    let refused = world.call(|m| m.map_physical(here, base, 0, &[]));
    assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    assert_eq!(world.mapped, before, "a refused call changes nothing");
    assert_eq!(world.read(here, base), Ok(5));
}

#[test]
fn physical_pages_are_never_trimmed() {
    let mut world = World::new(Config::new(64).with_page_file(512, 512));
    let space = world.space();
    let base = window(&mut world, space, 16);
    let frames = allocate(&mut world, space, 16);
    map(&mut world, space, base, &frames[..8]).expect("mapped");
    for page in 0..8 {
        world.write(space, base + page * PAGE, page).expect("a write");
    }
    let other = world.committed(space, 200);
    for page in 0..200 {
        world.write(space, other + page * PAGE, page).expect("a write");
    }
    world.page_out();
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    for (page, frame) in (0..8).zip(&frames) {
        let address = base + page * PAGE;
        assert!(world.manager.touch(space, address, Access::Write));
        assert_eq!(world.frame(space, address), *frame);
        let view = world.frame_view(*frame);
        assert!(view.is_physical && view.original.is_none());
        assert!(matches!(view.shape, FrameShape::Active { share_count: 1, .. }));
        assert!(matches!(world.pte(space, address), PteView::Valid { is_pinned: true, .. }));
    }
    let unmapped = world.frame_view(frames[12]);
    assert!(matches!(unmapped.shape, FrameShape::Active { share_count: 0, .. }));
    assert_eq!((unmapped.owner, unmapped.pte_address), (None, None));
    map(&mut world, space, base, &frames[8..]).expect("mapped");
    for page in 0..8 {
        assert_eq!(world.read(space, base + page * PAGE), Ok(0));
    }
}

#[test]
fn physical_pages_are_charged_and_given_back_one_by_one() {
    let mut world = world();
    let space = world.space();
    let base = window(&mut world, space, 8);
    assert_eq!(world.charged(), 0, "addresses cost nothing");
    let (resident, free) = (resident_available(&world), available(&world));
    let frames = allocate(&mut world, space, 8);
    assert_eq!((world.charged(), resident_available(&world)), (8, resident - 8));
    assert_eq!(available(&world), free - 8);
    let view = world.manager.snapshot().space(space).expect("a space");
    assert_eq!((view.physical, view.commit, view.working_set), (8, 8, 0));
    map(&mut world, space, base, &frames).expect("mapped");
    // Mapped or not, and a frame that is named twice is freed once.
    unmap(&mut world, space, base + 6 * PAGE, 2);
    let some = [frames[0], frames[7], frames[3], frames[0]];
    world.call(|manager| manager.free_physical(space, &some)).expect("its own");
    assert_eq!((world.charged(), resident_available(&world)), (5, resident - 5));
    for page in [0, 3] {
        assert!(world.read(space, base + page * PAGE).is_err(), "its page is gone");
    }
    assert_eq!(world.read(space, base + PAGE), Ok(0));
    // Releasing the addresses keeps the frames.
    world.call(|m| m.free(space, base, 0, MEM_RELEASE)).expect("a region");
    assert_eq!(world.charged(), 5);
    let again = window(&mut world, space, 8);
    map(&mut world, space, again, &[frames[1], frames[6]]).expect("mapped");
    world.call(|manager| manager.destroy_space(space)).expect("a space");
    assert_eq!((world.charged(), available(&world)), (0, 128));
    assert!(world.mapped.is_empty());
}

#[test]
fn a_program_may_get_fewer_physical_pages_than_it_asks_for() {
    let mut world = World::new(Config::new(64).with_page_file(512, 512));
    let space = world.space();
    let promised = resident_available(&world);
    let frames = allocate(&mut world, space, 1 << 40);
    assert_eq!(frames.len() as u64, promised);
    assert_eq!(world.charged(), promised);
    let refused = world.call(|manager| manager.allocate_physical(space, 1));
    assert!(matches!(refused, Err(Refusal::InsufficientResources { .. })), "{refused:?}");
    let refused = world.call(|manager| manager.allocate_physical(space, 0));
    assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    world.call(|manager| manager.free_physical(space, &frames[5..9])).expect("its own");
    assert_eq!(allocate(&mut world, space, 10).len(), 4);
    assert_eq!(world.charged(), promised);
}

#[test]
fn physical_pages_are_taken_from_working_sets_where_they_must_be() {
    let mut world = World::new(Config::new(64).with_page_file(512, 512));
    let space = world.space();
    let base = world.committed(space, 60);
    for page in 0..60 {
        world.write(space, base + page * PAGE, page).expect("a write");
    }
    world.write_out();
    for page in 0..60 {
        world.read(space, base + page * PAGE).expect("a read");
    }
    let got = allocate(&mut world, space, 30);
    assert!(!got.is_empty());
    assert_eq!(world.charged(), 60 + got.len() as u64);
    for page in 0..60 {
        assert_eq!(world.read(space, base + page * PAGE), Ok(page));
    }
}

#[test]
fn physical_and_large_pages_need_the_privilege_to_lock_memory() {
    let mut world = World::new(Config::new(1024));
    let space = without_privilege(&mut world);
    let privilege = "SeLockMemoryPrivilege";
    let missing = Refusal::PrivilegeNotHeld { privilege };
    assert_eq!(world.call(|m| m.allocate_physical(space, 1)), Err(missing));
    for kind in [MEM_RESERVE | MEM_PHYSICAL, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES] {
        let wanted = Allocation { address: 0, bytes: LARGE_PAGE_SIZE, kind, protection: 0x04 };
        assert_eq!(world.call(|m| m.allocate(space, &wanted)), Err(missing));
    }
    assert_eq!((missing.ntstatus(), missing.win32()), (0xC000_0061, 1314));
}

#[test]
fn addresses_for_physical_pages_are_reserved_for_reading_and_writing_only() {
    let mut world = world();
    let space = world.space();
    let mut refused = |kind, protection| {
        let wanted = Allocation { address: 0, bytes: PAGE, kind, protection };
        world.call(|manager| manager.allocate(space, &wanted)).expect_err("refused")
    };
    for more in [MEM_COMMIT, MEM_LARGE_PAGES, 0x20_0000] {
        let refusal = refused(MEM_RESERVE | MEM_PHYSICAL | more, 0x04);
        assert!(matches!(refusal, Refusal::InvalidParameter { .. }), "{refusal:?}");
    }
    for constant in [0x02, 0x40, 0x104] {
        let refusal = refused(MEM_RESERVE | MEM_PHYSICAL, constant);
        assert_eq!(refusal, Refusal::InvalidPageProtection { constant });
    }
    let base = window(&mut world, space, 2);
    let commit = Allocation::commit_at(base, PAGE);
    let refusal = world.call(|manager| manager.allocate(space, &commit));
    assert!(matches!(refusal, Err(Refusal::WrongKind { .. })), "{refusal:?}");
    let refusal = world.call(|m| m.free(space, base, PAGE, MEM_DECOMMIT));
    assert!(matches!(refusal, Err(Refusal::WrongKind { .. })), "{refusal:?}");
}

/// Memory in large pages.
fn large(world: &mut World, space: SpaceId, pages: u64) -> Result<u64, Refusal> {
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    let bytes = pages * LARGE_PAGE_SIZE;
    let wanted = Allocation { address: 0, bytes, kind, protection: 0x04 };
    world.call(|manager| manager.allocate(space, &wanted))
}

#[test]
fn large_pages_are_aligned_runs_of_frames_that_are_always_resident() {
    let mut world = World::new(Config::new(2048).with_page_file(4096, 4096));
    world.memory.fill(0xdead);
    let space = world.space();
    let base = large(&mut world, space, 2).expect("large pages");
    assert_eq!(base % LARGE_PAGE_SIZE, 0);
    assert_eq!(world.charged(), 1024);
    for page in 0..2 {
        let first = world.frame(space, base + page * LARGE_PAGE_SIZE).0;
        assert_eq!(first % 512, 0);
        for step in 0..512 {
            let address = base + page * LARGE_PAGE_SIZE + u64::from(step) * PAGE;
            assert_eq!(world.frame(space, address), Pfn(first + step));
            assert!(world.manager.touch(space, address, Access::Write), "without a fault");
        }
        assert!(world.frame_view(Pfn(first + 7)).is_large);
    }
    assert_eq!(world.manager.counters().faults(), 0);
    assert_eq!(world.read(space, base + 5 * PAGE), Ok(0));
    world.write(space, base + 5 * PAGE, 9).expect("a write");
    world.is_checked = false;
    let other = world.committed(space, 2000);
    for page in 0..2000 {
        world.write(space, other + page * PAGE, page).expect("a write");
    }
    world.page_out();
    world.is_checked = true;
    world.check();
    assert!(world.manager.touch(space, base + 5 * PAGE, Access::Read));
    assert_eq!(world.read(space, base + 5 * PAGE), Ok(9));
}

#[test]
fn large_pages_are_released_whole() {
    let mut world = World::new(Config::new(2048));
    let space = world.space();
    let (resident, free) = (resident_available(&world), available(&world));
    let base = large(&mut world, space, 1).expect("a large page");
    assert_eq!(resident_available(&world), resident - 512);
    for bytes in [PAGE, LARGE_PAGE_SIZE, 0] {
        let refused = world.call(|m| m.free(space, base, bytes, MEM_DECOMMIT));
        assert!(matches!(refused, Err(Refusal::WrongKind { .. })), "{refused:?}");
    }
    let refused = world.call(|m| m.protect(space, base, PAGE, 0x02));
    assert!(matches!(refused, Err(Refusal::InvalidPageProtection { .. })), "{refused:?}");
    assert_eq!(world.call(|m| m.protect(space, base, LARGE_PAGE_SIZE, 0x02)), Ok(0x04));
    assert!(world.write(space, base + PAGE, 1).is_err());
    assert_eq!(world.read(space, base + PAGE), Ok(0));
    world.call(|m| m.free(space, base, 0, MEM_RELEASE)).expect("a region");
    assert_eq!((resident_available(&world), available(&world)), (resident, free));
    assert_eq!(world.charged(), 0);
    assert!(world.mapped.is_empty());
}

#[test]
fn large_pages_are_refused_where_memory_is_in_pieces() {
    let mut world = World::new(Config::new(2048).with_page_file(64, 64));
    let space = world.space();
    // One frame of every run but the second is somebody's for good.
    let frames = allocate(&mut world, space, 2000);
    let keeps = |frame: &Pfn| frame.0 % 512 == 100 && frame.0 / 512 != 1;
    let freed: Vec<Pfn> = frames.iter().copied().filter(|frame| !keeps(frame)).collect();
    assert_eq!(freed.len(), frames.len() - 3);
    world.call(|manager| manager.free_physical(space, &freed)).expect("its own");
    let before = (world.charged(), resident_available(&world), available(&world));
    let regions = world.manager.snapshot().regions(space).expect("a space").len();
    let refused = large(&mut world, space, 2);
    assert!(matches!(refused, Err(Refusal::InsufficientResources { .. })), "{refused:?}");
    let after = (world.charged(), resident_available(&world), available(&world));
    assert_eq!(after, before, "what it had got is given back");
    assert_eq!(world.manager.snapshot().regions(space).expect("a space").len(), regions);
    let base = large(&mut world, space, 1).expect("the whole run");
    assert_eq!(world.frame(space, base), Pfn(512));
    assert!(large(&mut world, space, 1).is_err());
    // A freed frame mends its run.
    let kept: Vec<Pfn> = frames.iter().copied().filter(|frame| frame.0 == 100).collect();
    world.call(|manager| manager.free_physical(space, &kept)).expect("its own");
    let base = large(&mut world, space, 1).expect("a run again");
    assert_eq!(world.frame(space, base), Pfn(0));
}

#[test]
fn large_pages_take_the_frames_of_standby_pages() {
    let mut world = World::new(Config::new(512 + 64).with_page_file(512, 512));
    let space = world.space();
    let pages = 40;
    let base = world.committed(space, pages);
    for page in 0..pages {
        world.write(space, base + page * PAGE, page + 1).expect("a write");
    }
    world.write_out();
    let standby = world.manager.list_counts().standby.iter().sum::<u32>();
    assert_eq!(u64::from(standby), pages);
    let huge = large(&mut world, space, 1).expect("a large page");
    let repurposed: u64 = world.manager.list_counts().repurposed.iter().sum();
    assert!(repurposed > 0);
    for page in 0..pages {
        assert_eq!(world.read(space, base + page * PAGE), Ok(page + 1));
    }
    assert_eq!(world.read(space, huge), Ok(0));
}

#[test]
fn large_pages_come_whole_and_committed() {
    let mut world = World::new(Config::new(1024));
    let space = world.space();
    let mut refused = |kind, address, bytes| {
        let wanted = Allocation { address, bytes, kind, protection: 0x04 };
        world.call(|manager| manager.allocate(space, &wanted)).expect_err("refused")
    };
    let whole = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    for (kind, address, bytes) in [
        (MEM_RESERVE | MEM_LARGE_PAGES, 0, LARGE_PAGE_SIZE),
        (MEM_COMMIT | MEM_LARGE_PAGES, 0, LARGE_PAGE_SIZE),
        (whole | 0x20_0000, 0, LARGE_PAGE_SIZE),
        (whole, 0, LARGE_PAGE_SIZE + PAGE),
        (whole, 0x1_0000, LARGE_PAGE_SIZE),
    ] {
        let refusal = refused(kind, address, bytes);
        assert!(matches!(refusal, Refusal::InvalidParameter { .. }), "{refusal:?}");
    }
    let refusal = large(&mut world, space, 3).expect_err("more than there is");
    assert!(matches!(refusal, Refusal::CommitmentLimit { .. }), "{refusal:?}");
    assert_eq!(world.manager.command(ListCommand::EmptyWorkingSets), 0);
}
