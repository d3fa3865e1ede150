//! Stacks that grow by their guard page, and guard pages elsewhere.

mod support;

use memtide_core::page::{Access, SpaceId};
use memtide_core::{Backing, Config, Exception, PageUse, Refusal};
use support::World;

const PAGE: u64 = 4096;
const READ_WRITE: u32 = 0x04;
const GUARD: u32 = 0x104;

fn world() -> World {
    World::new(Config::new(128).with_page_file(512, 512))
}

fn stack(world: &mut World, space: SpaceId, all: u64, top: u64, guarantee: u64) -> u64 {
    let sizes = (all * PAGE, top * PAGE, guarantee * PAGE);
    let made = world.call(|m| m.allocate_stack(space, sizes.0, sizes.1, sizes.2));
    made.expect("a stack")
}

/// What each page of a stack is, from the lowest on: reserved, guard, or committed.
fn picture(world: &World, space: SpaceId, base: u64, pages: u64) -> String {
    let letter = |page: u64| match world.page_use(space, base + page * PAGE) {
        Some(PageUse::Reserved) => '.',
        Some(PageUse::Committed(protection)) if protection.is_guard() => 'g',
        Some(PageUse::Committed(_)) => 'c',
        other => panic!("{other:?} in a stack"),
    };
    (0..pages).map(letter).collect()
}

#[test]
fn a_stack_grows_page_by_page_until_it_overflows() {
    let mut world = world();
    let space = world.space();
    let base = stack(&mut world, space, 8, 2, 0);
    assert_eq!((picture(&world, space, base, 8), world.charged()), (".....gcc".into(), 3));
    for (page, after) in [
        (7, ".....gcc"),
        (6, ".....gcc"),
        (5, "....gccc"),
        (4, "...gcccc"),
        (3, "..gccccc"),
        (2, ".gcccccc"),
    ] {
        assert_eq!(world.write(space, base + page * PAGE, page), Ok(()), "no exception");
        assert_eq!(picture(&world, space, base, 8), after);
        let committed = after.chars().filter(|letter| *letter != '.').count() as u64;
        assert_eq!(world.charged(), committed);
    }
    let address = base + PAGE;
    assert_eq!(world.write(space, address, 1), Err(Exception::StackOverflow { address }));
    assert_eq!(picture(&world, space, base, 8), ".ccccccc", "there is no guard any more");
    assert_eq!(world.write(space, address, 1), Ok(()), "it is raised once");
    let violation = Exception::AccessViolation { address: base, access: Access::Write };
    assert_eq!(world.write(space, base, 0), Err(violation), "the lowest page is never committed");
    for page in 1..8 {
        assert_eq!(world.read(space, base + page * PAGE), Ok(page));
    }
    assert_eq!(world.manager.counters().guard, 5);
}

#[test]
fn an_overflow_leaves_its_handler_what_was_guaranteed() {
    let mut world = world();
    let space = world.space();
    let base = stack(&mut world, space, 10, 1, 3);
    for page in (5..10).rev() {
        assert_eq!(world.write(space, base + page * PAGE, page), Ok(()));
    }
    assert_eq!(picture(&world, space, base, 10), "....gccccc");
    let address = base + 4 * PAGE;
    assert_eq!(world.write(space, address, 4), Err(Exception::StackOverflow { address }));
    assert_eq!(picture(&world, space, base, 10), ".ccccccccc");
    assert_eq!(world.charged(), 9);
    for page in (1..5).rev() {
        assert_eq!(world.write(space, base + page * PAGE, page), Ok(()), "the handler runs");
    }
    assert!(world.write(space, base, 0).is_err());
}

#[test]
fn a_stack_that_cannot_be_committed_overflows() {
    let mut world = World::new(Config::new(64));
    let space = world.space();
    let base = stack(&mut world, space, 16, 1, 2);
    let limit = world.manager.snapshot().commit().limit();
    let left = limit - world.charged();
    let hog = world.committed(space, left - 1);
    assert_eq!(world.write(space, base + 14 * PAGE, 1), Ok(()), "one more is left");
    let address = base + 13 * PAGE;
    assert_eq!(world.write(space, address, 2), Err(Exception::StackOverflow { address }));
    assert_eq!(world.write(space, address, 2), Ok(()), "the page itself was committed");
    assert_eq!(world.charged(), limit);
    let below = base + 12 * PAGE;
    let violation = Exception::AccessViolation { address: below, access: Access::Write };
    assert_eq!(world.write(space, below, 3), Err(violation));
    world.call(|m| m.free(space, hog, 0, memtide_core::MEM_RELEASE)).expect("a region");
    assert_eq!(world.write(space, below, 3), Err(violation), "it has no guard to grow by");
}

#[test]
fn below_the_guard_every_access_is_a_violation() {
    let mut world = world();
    let space = world.space();
    let base = stack(&mut world, space, 16, 2, 0);
    for page in [12, 8, 0] {
        let address = base + page * PAGE;
        let violation = Exception::AccessViolation { address, access: Access::Write };
        assert_eq!(world.write(space, address, 1), Err(violation));
    }
    assert_eq!(picture(&world, space, base, 16), ".............gcc");
}

#[test]
fn a_stack_needs_room_for_its_guard_its_guarantee_and_its_lowest_page() {
    let mut world = world();
    let space = world.space();
    let mut allocate = |all: u64, top: u64, guarantee: u64| {
        let sizes = (all * PAGE, top * PAGE, guarantee * PAGE);
        world.call(|m| m.allocate_stack(space, sizes.0, sizes.1, sizes.2))
    };
    for (all, top, guarantee) in [(2, 1, 0), (8, 7, 0), (8, 4, 3), (0, 0, 0), (8, 1, 1 << 40)] {
        let refused = allocate(all, top, guarantee);
        assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    }
    for (all, top, guarantee) in [(3, 0, 0), (3, 1, 0), (8, 6, 0), (8, 4, 2)] {
        assert!(allocate(all, top, guarantee).is_ok(), "{all} {top} {guarantee}");
    }
    let before = world.charged();
    let regions = world.manager.snapshot().regions(space).expect("a space").len();
    let refused = world.call(|m| m.allocate_stack(space, 800 * PAGE, 700 * PAGE, 0));
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    assert_eq!(world.charged(), before);
    assert_eq!(world.manager.snapshot().regions(space).expect("a space").len(), regions);
}

#[test]
fn a_stack_survives_being_paged_out_while_it_grows() {
    let mut world = World::new(Config::new(32).with_page_file(256, 256));
    let space = world.space();
    let base = stack(&mut world, space, 64, 1, 0);
    for page in (2..64).rev() {
        world.write(space, base + page * PAGE, page).expect("it grows");
        if page % 16 == 0 {
            world.page_out();
        }
    }
    for page in 2..64 {
        assert_eq!(world.read(space, base + page * PAGE), Ok(page));
    }
}

#[test]
fn a_guard_page_raises_once_for_each_kind_of_access_and_then_lets_pass() {
    for access in [Access::Read, Access::Write, Access::Execute] {
        for is_resident in [false, true] {
            let mut world = world();
            let space = world.space();
            let base = world.committed(space, 3);
            world.call(|m| m.protect(space, base, 3 * PAGE, 0x40)).expect("committed");
            if is_resident {
                world.write(space, base + PAGE, 5).expect("a write");
            }
            world.call(|m| m.protect(space, base + PAGE, PAGE, 0x140)).expect("committed");
            let address = base + PAGE + 12;
            assert!(!world.manager.touch(space, address, access));
            let raised = Exception::GuardPage { address, access };
            assert_eq!(raised.ntstatus(), 0x8000_0001);
            assert_eq!(world.access(space, address, access), Err(raised));
            assert_eq!(world.protection(space, address), Some(0x40), "the guard is gone");
            assert_eq!(world.access(space, address, access), Ok(()));
            assert_eq!(world.read(space, address), Ok(if is_resident { 5 } else { 0 }));
            assert_eq!(world.manager.counters().guard, 1);
        }
    }
}

#[test]
fn each_guard_page_of_a_range_has_its_own_guard() {
    let mut world = world();
    let space = world.space();
    let base = world.committed(space, 4);
    world.call(|m| m.protect(space, base, 4 * PAGE, GUARD)).expect("committed");
    for page in [2, 0, 3, 1] {
        let address = base + page * PAGE;
        let raised = Exception::GuardPage { address, access: Access::Read };
        assert_eq!(world.read(space, address), Err(raised));
        assert_eq!(world.read(space, address), Ok(0));
    }
    // A guard that is set again raises again.
    assert_eq!(world.call(|m| m.protect(space, base, PAGE, GUARD)), Ok(READ_WRITE));
    assert!(matches!(world.read(space, base), Err(Exception::GuardPage { .. })));
}

#[test]
fn any_attempt_finds_the_guard_before_the_protection() {
    let mut world = world();
    let space = world.space();
    let base = world.committed(space, 1);
    world.call(|m| m.protect(space, base, PAGE, 0x102)).expect("committed");
    let guard = Exception::GuardPage { address: base, access: Access::Write };
    assert_eq!(world.write(space, base, 1), Err(guard));
    assert_eq!(world.protection(space, base), Some(0x02));
    let violation = Exception::AccessViolation { address: base, access: Access::Write };
    assert_eq!(world.write(space, base, 1), Err(violation));
    assert_eq!(world.read(space, base), Ok(0));
}

#[test]
fn a_guard_in_a_view_is_this_view_s_alone() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let section = world.section(2, Backing::PageFile);
    let (one, other) = (world.view(here, section, 0x04), world.view(there, section, 0x04));
    world.write(here, one, 4).expect("a write");
    world.call(|m| m.protect(here, one, PAGE, GUARD)).expect("a view");
    assert_eq!(world.read(there, other), Ok(4));
    assert!(matches!(world.read(here, one), Err(Exception::GuardPage { .. })));
    assert_eq!(world.read(here, one), Ok(4));
}

#[test]
fn a_guard_that_a_program_sets_in_its_stack_raises_like_any_other() {
    let mut world = world();
    let space = world.space();
    let base = stack(&mut world, space, 8, 4, 0);
    let address = base + 6 * PAGE;
    world.call(|m| m.protect(space, address, PAGE, GUARD)).expect("committed");
    let raised = Exception::GuardPage { address, access: Access::Read };
    assert_eq!(world.read(space, address), Err(raised));
    assert_eq!(world.read(space, address), Ok(0));
    assert_eq!(world.write(space, base + 3 * PAGE, 1), Ok(()), "the stack's own guard still grows");
}
