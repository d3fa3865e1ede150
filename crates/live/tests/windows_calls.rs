//! Spaces on Windows: what is refused, what the native manager tells, and what it cannot do.
#![cfg(windows)]
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes are small here")]

mod support;

use std::path::PathBuf;

use memtide_core::conditions::Condition;
use memtide_core::page::Access;
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, ListCommand, MEM_COMMIT, MEM_DECOMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RELEASE,
    MEM_RESERVE, MEM_RESET, MEM_WRITE_WATCH, OfferPriority, PageUse, Protection, Refusal,
    RegionState,
};
use memtide_live::page_file::{Direct, IoEngine, PageFileOptions};
use memtide_live::{
    BUDGET_LEAST, Error, FaultPath, Machine, MachineOptions, PagedVec, Space, SpaceOptions, Without,
};
use support::{
    GUARD, MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, WRITE_COPY, committed, load,
    machine, mark, space, store,
};

const GRANULE: u64 = 64 << 10;

fn a_space() -> Space {
    space(&machine(8, None), PATHS[0])
}

/// What a call is refused with.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("expected a refusal: {other:?}"),
    }
}

/// The option or call that an error names.
fn unsupported<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Unsupported { what, .. }) => what,
        other => panic!("expected what is not supported: {other:?}"),
    }
}

#[test]
fn what_allocations_make_no_sense_is_refused_as_the_manager_refuses_it() {
    let space = a_space();
    let ask = |address, bytes, kind, protection| {
        refusal(space.allocate(&Allocation { address, bytes, kind, protection }))
    };
    let both = MEM_RESERVE | MEM_COMMIT;
    assert!(matches!(ask(0, 0, both, READ_WRITE), Refusal::InvalidParameter { value: 0, .. }));
    let kinds = [
        0,
        0x1,
        MEM_WRITE_WATCH | MEM_COMMIT,
        MEM_RESET | MEM_COMMIT,
        MEM_PHYSICAL | both,
        MEM_LARGE_PAGES | MEM_RESERVE,
    ];
    for kind in kinds {
        let refused = ask(0, PAGE, kind, READ_WRITE);
        assert!(matches!(refused, Refusal::InvalidParameter { .. }), "{kind:#x}: {refused}");
    }
    for protection in [0, 3, WRITE_COPY, NO_ACCESS | GUARD, 0x600 | READ_WRITE] {
        let refused = ask(0, PAGE, both, protection);
        let expected = Refusal::InvalidPageProtection { constant: protection };
        assert_eq!(refused, expected, "{protection:#x}");
    }
    let past = ask(u64::MAX - PAGE, 2 * PAGE, MEM_RESERVE, READ_WRITE);
    assert!(matches!(past, Refusal::InvalidParameter { .. }), "{past}");
    for kind in [both | MEM_LARGE_PAGES, MEM_RESERVE | MEM_PHYSICAL] {
        let refused = ask(0, 2 * MIB, kind, READ_WRITE);
        assert!(matches!(refused, Refusal::PrivilegeNotHeld { .. }), "{refused}");
    }
    space.machine().verify().expect("a sound machine");
}

/// Whether something can be seen once: other tests may take addresses that were just given back.
fn once(mut look: impl FnMut() -> bool) -> bool {
    (0..100).any(|_| look())
}

#[test]
fn a_reservation_is_rounded_to_its_granularity_and_excludes_others() {
    let space = a_space();
    let mut made = None;
    let is_made = once(|| {
        let found = space.allocate(&Allocation::reserved(2 * GRANULE)).expect("addresses");
        space.free(found, 0, MEM_RELEASE).expect("released");
        let wanted = Allocation { address: found + PAGE + 5, ..Allocation::reserved(10) };
        made = space.allocate(&wanted).ok().map(|base| (base, wanted));
        made.is_some_and(|(base, _)| base == found)
    });
    let Some((base, wanted)) = made else { panic!("addresses that were free") };
    assert!(is_made, "{base:#x} for {wanted:x?}");
    assert_eq!(base % GRANULE, 0);
    let info = space.query(base).expect("an address of the space");
    assert_eq!(info.bytes, 2 * PAGE, "from the granule to the end of the page");
    let first = Allocation { address: PAGE, ..Allocation::reserved(PAGE) };
    for taken in [wanted, first] {
        let conflict = refusal(space.allocate(&taken));
        assert!(matches!(conflict, Refusal::ConflictingAddresses { .. }), "{conflict}");
    }
    space.machine().verify().expect("a sound machine");
}

#[test]
fn commits_frees_and_protections_of_what_is_not_there_are_refused() {
    let space = a_space();
    let base = space.allocate(&Allocation::reserved(MIB)).expect("addresses");
    let commit = |address, bytes| refusal(space.allocate(&Allocation::commit_at(address, bytes)));
    let free = |address, bytes, kind| refusal(space.free(address, bytes, kind));
    let conflict = commit(base + MIB - PAGE, 2 * PAGE);
    assert!(matches!(conflict, Refusal::ConflictingAddresses { .. }), "{conflict}");
    assert!(matches!(free(base, PAGE, MEM_RELEASE), Refusal::InvalidParameter { .. }));
    let both = MEM_RELEASE | MEM_DECOMMIT;
    assert!(matches!(free(base, 0, both), Refusal::InvalidParameter { .. }));
    assert!(matches!(free(base, 0, MEM_RESERVE), Refusal::InvalidParameter { .. }));
    let inside = base + PAGE;
    let not_at_base = Refusal::FreeNotAtBase { address: inside, base };
    assert_eq!(free(inside, 0, MEM_RELEASE), not_at_base);
    assert_eq!(free(inside, 0, MEM_DECOMMIT), not_at_base);
    let past = free(base, MIB + PAGE, MEM_DECOMMIT);
    assert_eq!(past, Refusal::UnableToFree { address: base });
    let protected = refusal(space.protect(base, PAGE, READ_ONLY));
    assert_eq!(protected, Refusal::NotCommitted { address: base });
    let nonsense = refusal(space.protect(base, PAGE, 0x3));
    assert_eq!(nonsense, Refusal::InvalidPageProtection { constant: 0x3 });
    space.free(base, MIB, MEM_DECOMMIT).expect("no error on pages that are not committed");

    space.allocate(&Allocation::commit_at(base, 4 * PAGE)).expect("memory");
    space.allocate(&Allocation::commit_at(base, 4 * PAGE)).expect("committed pages again");
    let copied = refusal(space.protect(base, PAGE, WRITE_COPY));
    assert_eq!(copied, Refusal::InvalidPageProtection { constant: WRITE_COPY });
    let past = refusal(space.protect(base, 5 * PAGE, READ_ONLY));
    assert_eq!(past, Refusal::NotCommitted { address: base + 4 * PAGE });
    space.machine().verify().expect("a sound machine");
    space.free(base, 0, MEM_RELEASE).expect("released");
    assert_eq!(free(base, 0, MEM_RELEASE), Refusal::MemoryNotAllocated { address: base });
}

#[test]
fn memory_of_others_is_not_the_spaces() {
    let (one, two) = (a_space(), a_space());
    let theirs = committed(&two, MIB);
    store(theirs, 7);
    assert!(matches!(one.query(theirs), Err(Error::Foreign { address }) if address == theirs));
    let freed = refusal(one.free(theirs, 0, MEM_RELEASE));
    assert_eq!(freed, Refusal::MemoryNotAllocated { address: theirs });
    let protected = refusal(one.protect(theirs, PAGE, READ_ONLY));
    assert!(matches!(protected, Refusal::ConflictingAddresses { .. }), "{protected}");
    let ours = &raw const theirs;
    assert!(matches!(one.query(ours.addr() as u64), Err(Error::Foreign { .. })));
    drop(one);
    assert_eq!(load(theirs), 7, "what ends gives back its own alone");
}

#[test]
fn a_space_that_ends_gives_everything_back() {
    let (machine, other) = (machine(8, None), a_space());
    let section = support::section(&machine, MIB);
    let promised = charge(&machine);
    assert!(once(|| {
        let space = space(&machine, PATHS[0]);
        let places = [committed(&space, MIB), support::view(&space, &section, READ_WRITE)];
        drop(space);
        let states = places.map(|address| other.query(address).map(|info| info.state));
        states.into_iter().all(|state| matches!(state, Ok(RegionState::Free)))
    }));
    assert_eq!(charge(&machine), promised);
}

#[test]
fn a_write_watch_of_what_is_not_watched_is_refused() {
    let space = a_space();
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;
    let watched = space.allocate(&Allocation { kind, ..Allocation::committed(MIB) });
    let watched = watched.expect("watched memory");
    let plain = committed(&space, MIB);
    let watch = |address, bytes, most| refusal(space.write_watch(address, bytes, true, most));
    for (address, bytes, most) in [
        (plain, PAGE, 1),
        (watched, 0, 1),
        (watched, MIB + PAGE, 1),
        (watched, PAGE, 0),
        (watched + 64 * MIB, PAGE, 1),
    ] {
        let refused = watch(address, bytes, most);
        assert!(matches!(refused, Refusal::InvalidParameter { .. }), "{refused}");
    }
    for (address, bytes) in [(plain, PAGE), (watched, 0), (watched, MIB + PAGE)] {
        let refused = refusal(space.reset_write_watch(address, bytes));
        assert!(matches!(refused, Refusal::InvalidParameter { .. }), "{refused}");
    }
    // A short list leaves the rest for the next.
    mark(watched, 4 * PAGE, 0);
    let first = space.write_watch(watched, MIB, true, 3).expect("a watch");
    assert_eq!(first, [watched, watched + PAGE, watched + 2 * PAGE]);
    let rest = space.write_watch(watched, MIB, true, 3).expect("a watch");
    assert_eq!(rest, [watched + 3 * PAGE]);
}

#[test]
fn what_windows_decides_is_refused_by_its_name() {
    let machine = |change: &dyn Fn(&mut MachineOptions)| {
        let mut options = MachineOptions::new(Bytes(8 * MIB));
        change(&mut options);
        Machine::new(&options)
    };
    let file = |change: &dyn Fn(&mut PageFileOptions)| {
        unsupported(machine(&|options| {
            let mut file = PageFileOptions::default();
            change(&mut file);
            options.page_file = Some(file);
        }))
    };
    let elsewhere = PathBuf::from("Z:\\elsewhere");
    assert!(file(&|file| file.directory.clone_from(&elsewhere)).contains("directory"));
    assert!(file(&|file| file.initial = Bytes(MIB)).contains("initial"));
    assert!(file(&|file| file.encryption = true).contains("encryption"));
    assert!(file(&|file| file.direct = Direct::Never).contains("cache"));
    assert!(file(&|file| file.io = IoEngine::Threads).contains("written"));
    assert!(unsupported(machine(&|options| options.page_file = None)).contains("page_file"));
    let compressed = unsupported(machine(&|options| options.compression = Some(50)));
    assert_eq!(compressed, "compression");
    let without = Without { moves: true, ..Without::default() };
    assert_eq!(unsupported(machine(&|options| options.without = without)), "Without");

    let small = machine(&|options| options.budget = Bytes(MIB));
    let Err(Error::Budget { least, .. }) = small else { panic!("{small:?}") };
    assert_eq!(least, BUDGET_LEAST);
    let much = machine(&|options| options.compression = Some(101));
    assert!(matches!(much, Err(Error::Compression { percent: 101 })), "{much:?}");
    let handled = SpaceOptions { path: FaultPath::Handler, ..SpaceOptions::default() };
    let handled = machine(&|_| {}).expect("a machine").create_space(&handled);
    assert_eq!(unsupported(handled), "FaultPath::Handler");
}

#[test]
fn promises_end_where_the_budget_and_the_page_file_do() {
    let file = PageFileOptions { maximum: Bytes(8 * MIB), ..PageFileOptions::default() };
    let options = MachineOptions { page_file: Some(file), ..MachineOptions::new(Bytes(8 * MIB)) };
    let machine = Machine::new(&options).expect("a machine");
    let space = space(&machine, PATHS[0]);
    let base = space.allocate(&Allocation::reserved(64 * MIB)).expect("addresses are no promise");
    space.allocate(&Allocation::commit_at(base, 12 * MIB)).expect("memory");
    let over = space.allocate(&Allocation::commit_at(base, 20 * MIB));
    let expected = Refusal::CommitmentLimit {
        wanted: Bytes(8 * MIB),
        charge: Bytes(12 * MIB),
        limit: Bytes(16 * MIB),
    };
    assert_eq!(refusal(over), expected);
    assert!(matches!(
        refusal(machine.create_section(Bytes(5 * MIB), READ_WRITE).map(|_| ())),
        Refusal::CommitmentLimit { .. }
    ));
    space.free(base, 4 * MIB, MEM_DECOMMIT).expect("decommitted");
    space.allocate(&Allocation::commit_at(base, 16 * MIB)).expect("as much as is promised");
    machine.verify().expect("a sound machine");
    space.free(base, 0, MEM_RELEASE).expect("released");
    committed(&space, 16 * MIB);
    machine.verify().expect("a sound machine");
}

#[test]
fn a_space_has_no_more_addresses_than_it_was_given() {
    let options = SpaceOptions { addresses: Bytes(4 * MIB), ..SpaceOptions::default() };
    let machine = machine(8, None);
    let space = machine.create_space(&options).expect("a space");
    let base = space.allocate(&Allocation::reserved(3 * MIB)).expect("addresses");
    let over = refusal(space.allocate(&Allocation::reserved(2 * MIB)));
    assert_eq!(over, Refusal::NoMemory { bytes: Bytes(2 * MIB) });
    let section = support::section(&machine, 2 * MIB);
    let view = refusal(space.map_view(&section, 0, 0, READ_WRITE));
    assert_eq!(view, Refusal::NoMemory { bytes: Bytes(2 * MIB) });
    space.free(base, 0, MEM_RELEASE).expect("released");
    space.map_view(&section, 0, 0, READ_WRITE).expect("room now");
}

#[test]
fn the_working_set_tells_which_pages_are_in_it() {
    let space = a_space();
    let base = committed(&space, 8 * PAGE);
    store(base + PAGE, 1);
    let pages = space.working_set(base, 8 * PAGE).expect("a look");
    assert_eq!(pages.len(), 8);
    let places: Vec<u64> = pages.iter().map(|page| page.address).collect();
    assert_eq!(places, (0..8).map(|page| base + page * PAGE).collect::<Vec<_>>());
    assert!(pages[1].is_valid, "{:?}", pages[1]);
    assert!(!pages[1].is_shared, "{:?}", pages[1]);
    let reserved = space.allocate(&Allocation::reserved(MIB)).expect("addresses");
    let pages = space.working_set(reserved, PAGE).expect("a look");
    assert!(!pages[0].is_valid, "{:?}", pages[0]);
    let outside = refusal(space.working_set(base, MIB));
    assert!(matches!(outside, Refusal::ConflictingAddresses { .. }), "{outside}");
}

#[test]
fn commands_on_lists_that_are_the_systems_are_not_a_machines() {
    let machine = machine(8, None);
    for command in ListCommand::ALL {
        if command != ListCommand::EmptyWorkingSets {
            assert_eq!(unsupported(machine.command(command)), "a command on page lists");
        }
    }
}

#[test]
fn limits_of_the_working_set_that_make_no_sense_are_refused() {
    let space = a_space();
    let limits = |minimum, maximum| refusal(space.set_working_set_limits(minimum, maximum));
    assert!(matches!(limits(0, 8 * MIB), Refusal::InvalidParameter { value: 0, .. }));
    assert!(matches!(limits(2 * MIB, MIB), Refusal::InvalidParameter { .. }));
    assert!(matches!(limits(PAGE, 12 * PAGE), Refusal::InvalidParameter { .. }));
    // Tests beside this one have machines too, none of them as large.
    assert!(matches!(limits(PAGE, 1 << 40), Refusal::InvalidParameter { .. }));
    space.set_working_set_limits(MIB, 8 * MIB).expect("limits within the budget");
}

#[test]
fn contents_of_pages_that_are_not_there_are_refused_before_windows_is_asked() {
    let space = a_space();
    let base = space.allocate(&Allocation::reserved(MIB)).expect("addresses");
    let offered = refusal(space.offer(base, PAGE, OfferPriority::Low));
    assert_eq!(offered, Refusal::NotCommitted { address: base });
    let reset = Allocation { kind: MEM_RESET, ..Allocation::commit_at(base, PAGE) };
    assert_eq!(refusal(space.allocate(&reset)), Refusal::NotCommitted { address: base });
    let memory = committed(&space, MIB);
    let part = refusal(space.discard(memory + 8, PAGE));
    assert!(matches!(part, Refusal::InvalidParameter { .. }), "{part}");
    let part = refusal(space.reclaim(memory, 8));
    assert!(matches!(part, Refusal::InvalidParameter { .. }), "{part}");
    let nothing = refusal(space.prefetch(memory, 0));
    assert!(matches!(nothing, Refusal::InvalidParameter { .. }), "{nothing}");
    // What this Windows has of them works; what it lacks is named.
    for answer in [
        space.offer(memory, PAGE, OfferPriority::Low),
        space.reclaim(memory, PAGE),
        space.discard(memory, PAGE),
        space.prefetch(memory, PAGE),
    ] {
        let known = matches!(&answer, Ok(()) | Err(Error::Unsupported { .. }));
        assert!(known, "{answer:?}");
    }
}

#[test]
fn pins_of_what_cannot_be_locked_are_refused() {
    let space = a_space();
    let reserved = space.allocate(&Allocation::reserved(MIB)).expect("addresses");
    let pin = |address, bytes, access| refusal(space.pin(address, bytes, access));
    let not_committed = Refusal::NotCommitted { address: reserved };
    assert_eq!(pin(reserved, PAGE, Access::Read), not_committed);
    let base = committed(&space, MIB);
    space.protect(base, PAGE, READ_WRITE | GUARD).expect("a protection");
    assert_eq!(pin(base, PAGE, Access::Read), Refusal::GuardPage { address: base });
    space.protect(base + PAGE, PAGE, READ_ONLY).expect("a protection");
    let read_only = Refusal::NoAccess { address: base + PAGE };
    assert_eq!(pin(base + PAGE, PAGE, Access::Write), read_only);
    assert!(matches!(pin(base, 0, Access::Read), Refusal::InvalidParameter { .. }));
    let state = space.query(base).expect("an address of the space").state;
    let RegionState::Allocated { page_use, .. } = state else { panic!("{state:?}") };
    let guarded = PageUse::Committed(Protection::READ_WRITE.guarded());
    assert_eq!(page_use, guarded, "a pin that is refused leaves the guard");
}

#[test]
fn a_vector_is_sorted_and_grows_where_it_lies() {
    let space = a_space();
    let mut numbers = PagedVec::<u64>::with_most(&space, 4 << 20).expect("addresses");
    let begins = numbers.as_ptr();
    for place in 0..1_u64 << 20 {
        numbers.push(support::scrambled(place)).expect("room");
    }
    numbers.sort_unstable();
    assert!(numbers.is_sorted());
    assert_eq!((numbers.as_ptr(), numbers.len()), (begins, 1 << 20));
    let refused = PagedVec::<u64>::with_most(&space, usize::MAX / 8).expect_err("too many");
    let known = matches!(refused, Error::Capacity { .. } | Error::Refused(_));
    assert!(known, "{refused}");
    drop(numbers);
    space.machine().verify().expect("a sound machine");
}

#[test]
fn a_page_of_a_reserved_section_is_committed_in_every_view_and_promised_once() {
    let machine = machine(8, None);
    let section = machine.reserve_section(Bytes(MIB), READ_WRITE).expect("a section");
    let spaces = [(); 2].map(|()| space(&machine, PATHS[0]));
    let views = spaces.each_ref().map(|space| support::view(space, &section, READ_WRITE));
    let state = |which: usize, at: u64| {
        let state = spaces[which].query(views[which] + at).expect("a view").state;
        let RegionState::Allocated { page_use, .. } = state else { panic!("{state:?}") };
        page_use
    };
    assert_eq!([state(0, 0), state(1, 0)], [PageUse::Reserved; 2]);
    spaces[0].allocate(&Allocation::commit_at(views[0] + GRANULE, GRANULE)).expect("memory");
    spaces[1].allocate(&Allocation::commit_at(views[1] + GRANULE, GRANULE)).expect("as it is");
    let committed = PageUse::Committed(Protection::READ_WRITE);
    assert_eq!([state(0, GRANULE), state(1, GRANULE)], [committed; 2]);
    assert_eq!([state(0, 0), state(1, 2 * GRANULE)], [PageUse::Reserved; 2]);
    store(views[0] + GRANULE, 7);
    assert_eq!(load(views[1] + GRANULE), 7);
    assert_eq!(charge(&machine), Bytes(GRANULE));
    drop(section);
    assert_eq!(charge(&machine), Bytes(GRANULE), "its views have it still");
    for (space, view) in spaces.iter().zip(views) {
        space.unmap_view(view).expect("a view");
    }
    assert_eq!(charge(&machine), Bytes::ZERO);
}

fn charge(machine: &Machine) -> Bytes {
    let readings = machine.conditions();
    let commit = readings.iter().find(|reading| reading.condition == Condition::HighCommit);
    commit.and_then(|reading| reading.value).expect("a charge")
}
