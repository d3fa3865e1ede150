//! Locked pages, and first writes that fault.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use memtide_core::page::{Access, SpaceId, ThreadId};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Backing, Config, DirtyTracking, Exception, Input, IoError, ListCommand,
    MEM_DECOMMIT, MEM_RELEASE, Output, PageUse, Refusal, SectionConfig, SpaceConfig, View,
};
use support::{Answer, Io, World};

const PAGE: u64 = 4096;

/// The quota of a space in these worlds: its minimum of 28 pages, less 8.
const QUOTA: u64 = 20;

fn config(frames: u32) -> Config {
    let mut config = Config::new(frames).with_page_file(512, 512);
    config.policy.working_set_minimum = 28;
    config
}

fn world() -> World {
    World::new(config(128))
}

fn filled(world: &mut World, space: SpaceId, pages: u64) -> u64 {
    let base = world.committed(space, pages);
    for page in 0..pages {
        world.write(space, base + page * PAGE, page + 1).expect("a write");
    }
    base
}

fn locked(world: &World, space: SpaceId) -> u64 {
    let counted = world.manager.snapshot().space(space).expect("a space").locked;
    let entries = world.manager.snapshot().working_set(space).expect("a space");
    assert_eq!(entries.iter().filter(|entry| entry.is_locked).count(), counted as usize);
    u64::from(counted)
}

fn is_resident(world: &World, space: SpaceId, base: u64, pages: u64) -> bool {
    (0..pages).all(|page| {
        world.mapped.contains_key(&(space, memtide_core::page::Vpn::of(base + page * PAGE)))
    })
}

#[test]
fn a_lock_brings_every_page_in_and_answers_when_all_are_there() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 12);
    world.page_out();
    // Four are back, two of those on standby; the rest is in the page file or was never touched.
    for page in [1, 2, 5, 6] {
        world.read(space, base + page * PAGE).expect("a read");
    }
    world.trim();
    world.read(space, base + PAGE).expect("a read");
    world.call(|m| m.discard(space, base + 9 * PAGE, PAGE)).expect("committed");
    let thread = ThreadId(4);
    world.input(Input::Lock { thread, space, address: base, bytes: 12 * PAGE });
    assert_eq!(world.answers.get(&thread), None, "it waits for the first read");
    world.complete_all();
    assert_eq!(world.answers.remove(&thread), Some(Answer::Resumed));
    assert_eq!(locked(&world, space), 12);
    assert!(is_resident(&world, space, base, 12));
    for page in 0..12 {
        let expected = if page == 9 { 0 } else { page + 1 };
        assert!(world.manager.touch(space, base + page * PAGE, Access::Read));
        assert_eq!(world.read(space, base + page * PAGE), Ok(expected));
    }
}

#[test]
fn locked_pages_are_never_trimmed_until_they_are_unlocked() {
    let mut world = World::new(config(64));
    let space = world.space();
    let base = filled(&mut world, space, 10);
    assert_eq!(world.lock(space, base, 10 * PAGE), Answer::Resumed);
    world.page_out();
    world.call(|manager| manager.empty_working_set(space)).expect("a space");
    assert!(is_resident(&world, space, base, 10), "not by a command");
    let other = world.committed(space, 200);
    for page in 0..200 {
        world.write(space, other + page * PAGE, page).expect("a write");
    }
    world.complete_all();
    assert!(is_resident(&world, space, base, 10), "nor under pressure");
    world
        .call(|m| m.set_working_set_limits(space, 28 * PAGE, 28 * PAGE, (false, true)))
        .expect("ok");
    assert!(is_resident(&world, space, base, 10), "nor by a limit");
    for page in 0..10 {
        assert_eq!(world.read(space, base + page * PAGE), Ok(page + 1));
    }
    world.call(|manager| manager.unlock(space, base, 4 * PAGE)).expect("locked");
    assert_eq!(locked(&world, space), 6);
    world.trim();
    assert!(!is_resident(&world, space, base, 1));
    assert!(is_resident(&world, space, base + 4 * PAGE, 6));
    assert_eq!(world.read(space, base), Ok(1));
}

#[test]
fn no_more_is_locked_than_the_minimum_allows() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 40);
    let refused = |pages: u64| {
        let (wanted, allowed) = (Bytes(pages * PAGE), Bytes(QUOTA * PAGE));
        Answer::Refused(Refusal::WorkingSetQuota { wanted, allowed })
    };
    assert_eq!(world.lock(space, base, (QUOTA + 1) * PAGE), refused(QUOTA + 1));
    assert_eq!(locked(&world, space), 0, "a refused lock locks nothing");
    assert_eq!(world.lock(space, base, QUOTA * PAGE), Answer::Resumed);
    assert_eq!(world.lock(space, base + QUOTA * PAGE, 1), refused(QUOTA + 1));
    assert_eq!(world.lock(space, base + PAGE, 5 * PAGE), Answer::Resumed, "once is enough");
    assert_eq!(world.lock(space, base + PAGE, QUOTA * PAGE), refused(QUOTA + 1));
    assert_eq!(locked(&world, space), QUOTA);
    // Pages have no count of locks.
    world.call(|manager| manager.unlock(space, base + PAGE, PAGE)).expect("locked");
    assert_eq!(locked(&world, space), QUOTA - 1);
    // A larger minimum allows more.
    let pages = 38 * PAGE;
    world.call(|m| m.set_working_set_limits(space, pages, 2 * pages, (false, false))).expect("ok");
    assert_eq!(world.lock(space, base, 30 * PAGE), Answer::Resumed);
    assert_eq!(locked(&world, space), 30);
}

#[test]
fn unlocking_what_is_not_all_locked_unlocks_nothing() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 8);
    assert_eq!(world.lock(space, base + PAGE, 3 * PAGE), Answer::Resumed);
    for (address, bytes, first) in
        [(base, 4 * PAGE, base), (base + PAGE, 4 * PAGE, base + 4 * PAGE), (base, 1, base)]
    {
        let refused = world.call(|manager| manager.unlock(space, address, bytes));
        assert_eq!(refused, Err(Refusal::NotLocked { address: first }));
    }
    assert_eq!(locked(&world, space), 3);
    world.call(|manager| manager.unlock(space, base + PAGE + 5, 3 * PAGE - 5)).expect("locked");
    assert_eq!(locked(&world, space), 0);
    let refused = world.call(|manager| manager.unlock(space, base + PAGE, 3 * PAGE));
    assert_eq!(refused, Err(Refusal::NotLocked { address: base + PAGE }));
}

#[test]
fn guard_no_access_and_uncommitted_pages_are_refused_and_stay_as_they_are() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 8);
    let all = 8 * PAGE;
    let address = base + 3 * PAGE;
    let refusals = [Refusal::GuardPage { address }, Refusal::NoAccess { address }];
    for (constant, refusal) in [0x104, 0x01].into_iter().zip(refusals) {
        world.call(|m| m.protect(space, base + 3 * PAGE, PAGE, constant)).expect("committed");
        assert_eq!(world.lock(space, base, all), Answer::Refused(refusal));
        assert_eq!(world.protection(space, base + 3 * PAGE), Some(constant), "a guard is kept");
    }
    world.call(|m| m.free(space, base + 3 * PAGE, PAGE, MEM_DECOMMIT)).expect("committed");
    assert_eq!(world.lock(space, base, all), Answer::Refused(Refusal::NotCommitted { address }));
    assert_eq!(locked(&world, space), 0);
    for (address, bytes) in [(base, 0), (base, 9 * PAGE), (base - PAGE, PAGE)] {
        assert!(matches!(world.lock(space, address, bytes), Answer::Refused(_)));
    }
    let gone = SpaceId(77);
    let refused = Answer::Refused(Refusal::NoSuch { what: "space", number: 77 });
    assert_eq!(world.lock(gone, base, PAGE), refused);
}

#[test]
fn a_page_that_its_section_has_only_reserved_cannot_be_locked() {
    let mut world = world();
    let space = world.space();
    let (bytes, backing) = (32 * PAGE, Backing::PageFile);
    let config = SectionConfig { bytes, protection: 0x04, backing, is_reserved: true };
    let section = world.call(|manager| manager.create_section(&config)).expect("a section");
    let view = View { section, address: 0, offset: 16 * PAGE, bytes: 0, protection: 0x04 };
    let base = world.call(|manager| manager.map_view(space, &view)).expect("a view");
    let commit = Allocation::commit_at(base, 2 * PAGE);
    world.call(|manager| manager.allocate(space, &commit)).expect("committed");
    let address = base + 2 * PAGE;
    let refused = Answer::Refused(Refusal::NotCommitted { address });
    assert_eq!(world.lock(space, base, 3 * PAGE), refused);
    assert_eq!(world.lock(space, base, 2 * PAGE), Answer::Resumed);
    assert_eq!(locked(&world, space), 2);
}

#[test]
fn a_lock_stays_on_a_page_that_is_copied_on_write() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let section = world.section(2, Backing::File);
    let copies = world.view(here, section, 0x08);
    let others = world.view(there, section, 0x04);
    assert_eq!(world.lock(here, copies, 2 * PAGE), Answer::Resumed);
    world.write(here, copies, 5).expect("a copy");
    world.write(there, others, 6).expect("a write");
    assert_eq!(locked(&world, here), 2);
    world.page_out();
    assert!(is_resident(&world, here, copies, 2));
    assert!(!is_resident(&world, there, others, 1), "the lock is on this space's page alone");
    assert_eq!((world.read(here, copies), world.read(there, others)), (Ok(5), Ok(6)));
}

#[test]
fn freeing_locked_pages_ends_their_locks() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 12);
    assert_eq!(world.lock(space, base, 12 * PAGE), Answer::Resumed);
    world.call(|m| m.free(space, base, 4 * PAGE, MEM_DECOMMIT)).expect("committed");
    assert_eq!(locked(&world, space), 8);
    world.call(|m| m.discard(space, base + 4 * PAGE, PAGE)).expect("committed");
    assert_eq!(locked(&world, space), 7);
    world.call(|m| m.free(space, base, 0, MEM_RELEASE)).expect("a region");
    assert_eq!(locked(&world, space), 0);
    let section = world.section(4, Backing::PageFile);
    let view = world.view(space, section, 0x04);
    assert_eq!(world.lock(space, view, 4 * PAGE), Answer::Resumed);
    world.call(|manager| manager.unmap_view(space, view)).expect("mapped");
    assert_eq!(locked(&world, space), 0);
}

#[test]
fn a_lock_whose_page_cannot_be_read_or_is_gone_is_answered_too() {
    let mut world = world();
    let space = world.space();
    let base = filled(&mut world, space, 2);
    world.page_out();
    world.faults = Box::new(|io| match io {
        Io::Read(_) => Err(IoError(5)),
        _ => Ok(()),
    });
    let raised = Answer::Raised(Exception::InPage { address: base, error: IoError(5) });
    assert_eq!(world.lock(space, base, PAGE), raised);
    world.faults = Box::new(|_| Ok(()));
    let thread = ThreadId(2);
    world.input(Input::Lock { thread, space, address: base, bytes: PAGE });
    world.call(|manager| manager.free(space, base, 0, MEM_RELEASE)).expect("a region");
    world.complete_all();
    assert!(matches!(world.answers.remove(&thread), Some(Answer::Raised(_))));
}

#[test]
fn large_and_physical_pages_need_no_lock() {
    let mut world = world();
    let space = world.space();
    let wanted = Allocation { address: 0, bytes: PAGE, kind: 0x40_2000, protection: 0x04 };
    let base = world.call(|manager| manager.allocate(space, &wanted)).expect("reserved");
    let answer = world.lock(space, base, PAGE);
    assert!(matches!(answer, Answer::Refused(Refusal::WrongKind { .. })), "{answer:?}");
    let refused = world.call(|manager| manager.unlock(space, base, PAGE));
    assert!(matches!(refused, Err(Refusal::WrongKind { .. })), "{refused:?}");
}

#[test]
fn a_space_whose_pages_are_all_locked_still_gets_more() {
    let mut world = World::new(config(64));
    let space = world.space();
    let base = filled(&mut world, space, QUOTA);
    assert_eq!(world.lock(space, base, QUOTA * PAGE), Answer::Resumed);
    world
        .call(|m| m.set_working_set_limits(space, 28 * PAGE, 28 * PAGE, (true, true)))
        .expect("ok");
    let other = filled(&mut world, space, 100);
    for page in 0..100 {
        assert_eq!(world.read(space, other + page * PAGE), Ok(page + 1));
        let held = world.manager.snapshot().space(space).expect("a space").working_set;
        assert!(held <= 28, "{held} pages under a hard maximum of 28");
    }
    assert!(is_resident(&world, space, base, QUOTA));
}

/// The protections that were announced for a page.
fn announced(world: &mut World, space: SpaceId, address: u64) -> Vec<bool> {
    let wanted = memtide_core::page::Vpn::of(address);
    let log = world.take_log();
    let writable = |output: &Output| match output {
        Output::Protect { space: at, page, rights, .. } if (*at, *page) == (space, wanted) => {
            Some(rights.allow(Access::Write))
        }
        _ => None,
    };
    log.iter().filter_map(writable).collect()
}

#[test]
fn the_first_write_to_a_clean_page_faults_where_no_dirty_bit_is() {
    let mut config = config(128);
    config.dirty_tracking = DirtyTracking::Fault;
    let mut world = World::new(config);
    let space = world.space();
    let base = world.committed(space, 3);
    world.read(space, base).expect("zeros");
    world.take_log();
    for (round, value) in [(1, 5), (2, 6), (3, 7)] {
        assert!(!world.manager.touch(space, base, Access::Write), "round {round}");
        world.write(space, base, value).expect("a write");
        assert_eq!(announced(&mut world, space, base), [true], "round {round}");
        assert_eq!(world.manager.counters().first_writes, round);
        assert!(world.manager.touch(space, base, Access::Write), "once is enough");
        // Clean again, with a copy.
        if round == 1 {
            world.page_out()
        } else {
            world.write_out()
        }
        assert_eq!(world.read(space, base), Ok(value));
        world.take_log();
    }
    // Mapped for a write, there is nothing to be noticed.
    world.write(space, base + PAGE, 1).expect("a write");
    assert_eq!(announced(&mut world, space, base + PAGE), []);
    assert_eq!(world.manager.counters().first_writes, 3);
    // Back from the modified list it is still modified.
    world.trim();
    world.read(space, base + PAGE).expect("a read");
    assert!(world.manager.touch(space, base + PAGE, Access::Write));
    // A lock reads; the first write after it is noticed all the same.
    assert_eq!(world.lock(space, base + 2 * PAGE, PAGE), Answer::Resumed);
    assert!(!world.manager.touch(space, base + 2 * PAGE, Access::Write));
    world.write(space, base + 2 * PAGE, 4).expect("a write");
    world.command(ListCommand::EmptyWorkingSets);
    assert!(world.manager.touch(space, base + 2 * PAGE, Access::Write), "locked and dirty");
}

#[test]
fn first_writes_of_several_sharers_are_each_noticed() {
    let mut config = config(128);
    config.dirty_tracking = DirtyTracking::Fault;
    let mut world = World::new(config);
    let spaces = [world.space(), world.space()];
    let section = world.section(1, Backing::File);
    let bases = spaces.map(|space| world.view(space, section, 0x04));
    for (space, base) in spaces.into_iter().zip(bases) {
        world.read(space, base).expect("a read");
    }
    world.write(spaces[0], bases[0], 3).expect("a write");
    assert!(!world.manager.touch(spaces[1], bases[1], Access::Write), "it has its own PTE");
    world.call(|manager| manager.empty_working_set(spaces[0])).expect("a space");
    assert_eq!(world.read(spaces[1], bases[1]), Ok(3));
    world.write_out();
    assert_eq!(world.files.values().copied().collect::<Vec<_>>(), [3]);
    world.read(spaces[1], bases[1]).expect("a read");
    world.write(spaces[1], bases[1], 4).expect("a write");
    world.write_out();
    assert_eq!(world.files.values().copied().collect::<Vec<_>>(), [4]);
}

#[test]
fn a_lock_needs_no_privilege() {
    let mut world = world();
    let space = world.call(|m| m.create_space(SpaceConfig::default())).expect("a space");
    let base = world.committed(space, 1);
    assert_eq!(world.lock(space, base + 7, 1), Answer::Resumed);
    assert!(matches!(world.page_use(space, base), Some(PageUse::Committed(_))));
}

#[test]
fn two_locks_that_wait_at_once_do_not_pass_the_quota_together() {
    let mut world = world();
    let space = world.space();
    let limits = (20 * PAGE, 200 * PAGE);
    world
        .call(|m| m.set_working_set_limits(space, limits.0, limits.1, (false, false)))
        .expect("limits");
    // Twelve pages may be locked: twenty less eight.
    let base = filled(&mut world, space, 20);
    world.page_out();
    for (thread, first) in [(1, 0), (2, 10)] {
        let (thread, address) = (ThreadId(thread), base + first * PAGE);
        world.input(Input::Lock { thread, space, address, bytes: 10 * PAGE });
    }
    world.complete_all();
    let answers: Vec<_> = [1, 2].map(|t| world.answers.remove(&ThreadId(t))).into();
    let refused = |answer: &Option<Answer>| {
        matches!(answer, Some(Answer::Refused(Refusal::WorkingSetQuota { .. })))
    };
    assert!(answers.iter().any(refused), "{answers:?}");
    assert!(locked(&world, space) <= 12);
}
