//! Sections: memory in several places at once, and copies made on write.
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::sync::{Arc, Mutex};

use memtide_core::conditions::Condition;
use memtide_core::page::Access;
use memtide_core::units::Bytes;
#[cfg(target_os = "linux")]
use memtide_core::{Allocation, PageUse, RegionState};
use memtide_core::{Exception, ListCommand, MEM_RELEASE, Refusal};
use memtide_live::{Disposition, Error, FaultPath, Machine, Space};
#[cfg(target_os = "linux")]
use support::dies_by;
use support::{
    GUARD, MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, WRITE_COPY, bounded, check,
    committed, load, machine, mark, scrambled, section, space, store, view,
};

#[cfg(target_os = "linux")]
const COMPRESSIONS: [Option<u8>; 2] = [None, Some(50)];
#[cfg(windows)]
const COMPRESSIONS: [Option<u8>; 1] = [None];

/// On a machine with and without compression, by each fault path.
fn everywhere(test: impl Fn(&Machine, FaultPath) + Send + Sync + 'static) {
    let test = Arc::new(test);
    for path in PATHS {
        for compression in COMPRESSIONS {
            let test = Arc::clone(&test);
            bounded(move || {
                let machine = machine(8, compression);
                test(&machine, path);
                machine.verify().expect("a sound machine");
            });
        }
    }
}

/// Everything leaves memory that can.
#[cfg(target_os = "linux")]
fn push_out(machine: &Machine) {
    for command in [
        ListCommand::EmptyWorkingSets,
        ListCommand::FlushModifiedList,
        ListCommand::PurgeStandbyList,
    ] {
        machine.command(command);
    }
    machine.verify().expect("a sound machine");
}

/// Everything leaves the working set that can.
#[cfg(windows)]
fn push_out(machine: &Machine) {
    machine.command(ListCommand::EmptyWorkingSets).expect("a command");
    machine.verify().expect("a sound machine");
}

/// Pages that promises were made for.
fn charge(machine: &Machine) -> u64 {
    let readings = machine.conditions();
    let commit = readings.iter().find(|reading| reading.condition == Condition::HighCommit);
    commit.and_then(|reading| reading.value).expect("a charge").0 / PAGE
}

#[test]
fn all_views_see_each_others_writes_in_one_space_and_in_two() {
    everywhere(|machine, path| {
        let bytes = MIB;
        let section = section(machine, bytes);
        let (one, two) = (space(machine, path), space(machine, path));
        let of = |space| view(space, &section, READ_WRITE);
        let views = [of(&one), of(&one), of(&two)];
        for page in 0..bytes / PAGE {
            assert_eq!(load(views[2] + page * PAGE), 0, "page {page}: a section begins as zeros");
        }
        for (round, from) in (1..).zip(views) {
            mark(from, bytes, round);
            views.iter().for_each(|to| check(*to, bytes, round));
            push_out(machine);
            views.iter().for_each(|to| check(*to, bytes, round));
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn spaces_of_both_fault_paths_share_a_section() {
    bounded(|| {
        let machine = machine(8, None);
        let section = section(&machine, 16 * MIB);
        let views = PATHS.map(|path| {
            let space = space(&machine, path);
            let base = view(&space, &section, READ_WRITE);
            (space, base)
        });
        for (round, (_, from)) in (1..).zip(&views) {
            mark(*from, 16 * MIB, round);
            views.iter().for_each(|(_, to)| check(*to, 16 * MIB, round));
        }
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn a_view_begins_at_its_offset_and_has_its_size() {
    everywhere(|machine, path| {
        let section = section(machine, MIB);
        let space = space(machine, path);
        let all = view(&space, &section, READ_WRITE);
        mark(all, MIB, 0);
        let part = space.map_view(&section, MIB / 2, 3 * PAGE, READ_WRITE).expect("a view");
        check(part, 3 * PAGE, MIB / 2 / PAGE);
        store(part + 2 * PAGE, 99);
        assert_eq!(load(all + MIB / 2 + 2 * PAGE), 99);
    });
}

#[test]
fn a_copy_on_write_view_keeps_its_changes_and_changes_nothing_else() {
    everywhere(|machine, path| {
        // The section and its copies are several times the budget.
        let bytes = 16 * MIB;
        let pages = bytes / PAGE;
        let section = section(machine, bytes);
        let (one, two) = (space(machine, path), space(machine, path));
        let shared = view(&one, &section, READ_WRITE);
        mark(shared, bytes, 0);
        let copies = [view(&one, &section, WRITE_COPY), view(&two, &section, WRITE_COPY)];
        let own = |copy: u64, page: u64| scrambled(page + 1_000_000 * (copy + 1));
        let is_copied = |page: u64| !page.is_multiple_of(3);
        for (copy, base) in (0..).zip(copies) {
            check(base, bytes, 0);
            for page in (0..pages).filter(|page| is_copied(*page)) {
                store(base + page * PAGE, own(copy, page));
            }
        }
        // What is not copied is the section's still.
        for page in (0..pages).step_by(2) {
            store(shared + page * PAGE, scrambled(page + 7));
        }
        for round in 0..2 {
            for page in 0..pages {
                let now = scrambled(if page % 2 == 0 { page + 7 } else { page });
                let at = page * PAGE;
                assert_eq!(load(shared + at), now, "page {page} of the section, round {round}");
                for (copy, base) in (0..).zip(copies) {
                    let expected = if is_copied(page) { own(copy, page) } else { now };
                    assert_eq!(load(base + at), expected, "page {page} of {copy}, round {round}");
                }
            }
            push_out(machine);
        }
        #[cfg(target_os = "linux")]
        {
            let counters = machine.counters();
            assert!(counters.pages_read + counters.decompressed > pages, "{counters:?}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_unwritten_page_of_a_copy_on_write_view_takes_no_memory_of_its_own() {
    everywhere(|machine, path| {
        let bytes = 4 * MIB;
        let section = section(machine, bytes);
        let space = space(machine, path);
        mark(view(&space, &section, READ_WRITE), bytes, 0);
        let unused = |machine: &Machine| {
            let lists = machine.lists();
            lists.zeroed + lists.free
        };
        let before = unused(machine);
        for _ in 0..4 {
            check(view(&space, &section, WRITE_COPY), bytes, 0);
            check(view(&space, &section, READ_ONLY), bytes, 0);
        }
        assert!(unused(machine) >= before, "{} frames unused of {before}", unused(machine));
    });
}

type Seen = Arc<Mutex<Vec<Exception>>>;

/// A space whose violations are noted, and whose pages are opened then.
fn opened(machine: &Machine, path: FaultPath) -> (Arc<Space>, Seen) {
    let space = Arc::new(space(machine, path));
    let seen = Seen::default();
    let (of, notes) = (Arc::downgrade(&space), Arc::clone(&seen));
    space.on_exception(Box::new(move |exception| {
        let Some(space) = of.upgrade() else { return Disposition::Die };
        notes.lock().expect("notes").push(*exception);
        if let Exception::AccessViolation { address, .. } = *exception {
            let page = address & !(PAGE - 1);
            space.protect(page, PAGE, READ_WRITE).expect("a protection");
        }
        Disposition::Retry
    }));
    (space, seen)
}

#[test]
fn a_view_is_protected_page_by_page_and_other_views_are_not() {
    everywhere(|machine, path| {
        let section = section(machine, MIB);
        let (space, seen) = opened(machine, path);
        let (view, other) =
            (view(&space, &section, READ_WRITE), view(&space, &section, READ_WRITE));
        mark(view, MIB, 0);
        for (page, protection) in (0..).zip([READ_ONLY, NO_ACCESS, READ_WRITE | GUARD]) {
            let at = view + page * PAGE;
            space.protect(at, PAGE, protection).expect("a protection");
            store(other + page * PAGE, scrambled(page + 5));
            push_out(machine);
            assert_eq!(load(other + page * PAGE), scrambled(page + 5), "{path:?} {protection:#x}");
            if protection == READ_ONLY {
                assert_eq!(load(at), scrambled(page + 5), "a read is allowed");
            }
            assert_eq!(seen.lock().expect("notes").len(), 0, "{path:?} {protection:#x}");
            store(at, scrambled(page + 6));
            assert_eq!((load(at), load(other + page * PAGE)), {
                let word = scrambled(page + 6);
                (word, word)
            });
            let expected = match protection {
                READ_ONLY | NO_ACCESS => {
                    Exception::AccessViolation { address: at, access: Access::Write }
                }
                _ => Exception::GuardPage { address: at, access: Access::Write },
            };
            let noted = std::mem::take(&mut *seen.lock().expect("notes"));
            assert_eq!(noted, [expected], "{path:?} {protection:#x}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_through_a_view_to_be_read_is_a_violation() {
    const TEST: &str = "a_write_through_a_view_to_be_read_is_a_violation";
    for path in PATHS {
        dies_by(libc::SIGSEGV, TEST, &format!("{path:?}"), || {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = view(&space, &section(&machine, MIB), READ_ONLY);
            assert_eq!(load(base), 0);
            store(base, 1);
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_view_that_is_unmapped_leaves_the_others_and_gives_its_addresses_back() {
    everywhere(|machine, path| {
        let section = section(machine, MIB);
        let space = space(machine, path);
        let kept = view(&space, &section, READ_WRITE);
        let gone = view(&space, &section, READ_WRITE);
        let copied = view(&space, &section, WRITE_COPY);
        mark(gone, MIB, 0);
        mark(copied, MIB, 1);
        push_out(machine);
        space.unmap_view(gone + 5 * PAGE).expect("any address names the view");
        space.unmap_view(copied).expect("a view");
        check(kept, MIB, 0);
        machine.verify().expect("a sound machine");
        // Private memory takes the place of both.
        let private = committed(&space, 2 * MIB);
        assert_eq!(private, gone, "the addresses are free");
        for page in 0..2 * MIB / PAGE {
            assert_eq!(load(private + page * PAGE), 0, "page {page} of fresh memory");
        }
        mark(private, 2 * MIB, 2);
        check(kept, MIB, 0);
        push_out(machine);
        check(private, 2 * MIB, 2);
        check(kept, MIB, 0);
        space.free(private, 0, MEM_RELEASE).expect("memory of its own");
        check(view(&space, &section, READ_WRITE), MIB, 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_access_to_an_unmapped_view_is_a_violation() {
    const TEST: &str = "an_access_to_an_unmapped_view_is_a_violation";
    for path in PATHS {
        dies_by(libc::SIGSEGV, TEST, &format!("{path:?}"), || {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let section = section(&machine, MIB);
            let base = view(&space, &section, READ_WRITE);
            mark(base, MIB, 0);
            space.unmap_view(base).expect("a view");
            load(base);
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn pages_of_a_view_that_may_write_are_copied_on_write_where_that_is_asked_for() {
    everywhere(|machine, path| {
        let bytes = 12 * MIB;
        let pages = bytes / PAGE;
        let section = section(machine, bytes);
        let (one, two) = (space(machine, path), space(machine, path));
        let (base, other) = (view(&one, &section, READ_WRITE), view(&two, &section, READ_WRITE));
        mark(base, bytes, 0);
        // Half of it in one piece, and of the rest each fourth page.
        let half = pages / 2;
        one.protect(base, half * PAGE, WRITE_COPY).expect("a protection");
        for page in (half..pages).step_by(4) {
            one.protect(base + page * PAGE, PAGE, WRITE_COPY).expect("a protection");
        }
        check(base, bytes, 0);
        let copies = |page: u64| page < half || (page - half).is_multiple_of(4);
        // Of the pages that copy, those of even numbers are written.
        let is_own = |page: u64| copies(page) && page.is_multiple_of(2);
        let own = |page: u64| scrambled(page + 1_000_000);
        (0..pages)
            .filter(|page| is_own(*page))
            .for_each(|page| store(base + page * PAGE, own(page)));
        push_out(machine);
        check(other, bytes, 0);
        mark(other, bytes, 1);
        let compare = |round: u64| {
            for page in 0..pages {
                let expected = if is_own(page) { own(page) } else { scrambled(page + round) };
                assert_eq!(load(base + page * PAGE), expected, "page {page}, round {round}");
            }
            check(other, bytes, round);
        };
        compare(1);
        // What was not copied is written through again, and what was stays.
        one.protect(base, bytes, READ_WRITE).expect("a protection");
        compare(1);
        for page in (0..pages).filter(|page| !is_own(*page)) {
            store(base + page * PAGE, scrambled(page + 2));
        }
        for page in (0..pages).filter(|page| is_own(*page)) {
            store(other + page * PAGE, scrambled(page + 2));
        }
        push_out(machine);
        compare(2);
        one.unmap_view(base).expect("a view");
        check(other, bytes, 2);
        let private = committed(&one, bytes);
        mark(private, bytes, 5);
        check(private, bytes, 5);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn pages_of_a_reserved_section_are_committed_in_every_view_at_once() {
    everywhere(|machine, path| {
        let before = charge(machine);
        let section = machine.reserve_section(Bytes(64 * MIB), READ_WRITE).expect("a section");
        assert_eq!(charge(machine), before, "nothing is promised yet");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let spaces = [(); 2].map(|()| Arc::new(space(machine, path)));
        let views = spaces.each_ref().map(|space| view(space, &section, READ_WRITE));
        // Whoever touches a reserved page of the first view commits sixteen there.
        let (of, notes) = (Arc::downgrade(&spaces[0]), Arc::clone(&seen));
        spaces[0].on_exception(Box::new(move |exception| {
            let (Some(space), Exception::AccessViolation { address, .. }) =
                (of.upgrade(), *exception)
            else {
                return Disposition::Die;
            };
            notes.lock().expect("notes").push(address);
            let piece = address & !(16 * PAGE - 1);
            space.allocate(&Allocation::commit_at(piece, 16 * PAGE)).expect("a commit");
            Disposition::Retry
        }));
        mark(views[0], 16 * MIB, 0);
        let noted = std::mem::take(&mut *seen.lock().expect("notes"));
        let pieces = 16 * MIB / (16 * PAGE);
        assert_eq!(noted, (0..pieces).map(|at| views[0] + at * 16 * PAGE).collect::<Vec<_>>());
        assert!(charge(machine) >= before + 16 * MIB / PAGE, "what is committed is promised");
        check(views[1], 16 * MIB, 0);
        push_out(machine);
        mark(views[1], 16 * MIB, 1);
        check(views[0], 16 * MIB, 1);
        let RegionState::Allocated { page_use, .. } =
            spaces[1].query(views[1] + 32 * MIB).expect("a view").state
        else {
            panic!("a view is there")
        };
        assert_eq!(page_use, PageUse::Reserved);
    });
}

/// Files in memory of sections that this process has.
#[cfg(target_os = "linux")]
fn files() -> usize {
    let all = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    let links = all.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("memtide-section")).count()
}

#[cfg(target_os = "linux")]
#[test]
fn sections_views_and_spaces_end_in_any_order() {
    const TEST: &str = "sections_views_and_spaces_end_in_any_order";
    support::succeeds(TEST, "", || {
        everywhere(|machine, path| {
            let charged = charge(machine);
            for order in 0..6 {
                let handle = section(machine, 12 * MIB);
                let (one, two) = (space(machine, path), space(machine, path));
                let bases = [view(&one, &handle, READ_WRITE), view(&two, &handle, WRITE_COPY)];
                mark(bases[0], 12 * MIB, order);
                mark(bases[1], MIB, order + 9);
                let (mut one, mut two, mut handle) = (Some(one), Some(two), Some(handle));
                let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
                for which in orders[order as usize] {
                    match which {
                        0 => drop(one.take()),
                        1 => drop(two.take()),
                        _ => drop(handle.take()),
                    }
                    machine.verify().expect("a sound machine");
                    if one.is_some() {
                        check(bases[0], 12 * MIB, order);
                    }
                    if two.is_some() {
                        check(bases[1], MIB, order + 9);
                        check(bases[1] + MIB, 11 * MIB, order + MIB / PAGE);
                    }
                }
                assert_eq!(files(), 0, "{path:?}, order {order}: the memory is given back");
                assert_eq!(charge(machine), charged, "{path:?}, order {order}");
            }
        });
    });
}

#[test]
fn a_section_keeps_its_pages_while_no_view_maps_it() {
    everywhere(|machine, path| {
        let section = section(machine, 16 * MIB);
        let space = space(machine, path);
        for round in 0..3 {
            let base = view(&space, &section, READ_WRITE);
            if round > 0 {
                check(base, 16 * MIB, round - 1);
            }
            mark(base, 16 * MIB, round);
            space.unmap_view(base).expect("a view");
        }
    });
}

#[test]
fn what_is_promised_is_charged_once_and_given_back() {
    everywhere(|machine, path| {
        let space = space(machine, path);
        let before = charge(machine);
        let section = section(machine, MIB);
        let pages = MIB / PAGE;
        assert_eq!(charge(machine), before + pages, "a section's pages");
        let shared = view(&space, &section, READ_WRITE);
        mark(shared, MIB, 0);
        let shown = charge(machine);
        let copied = view(&space, &section, WRITE_COPY);
        assert_eq!(charge(machine), shown + pages, "a page of its own for each it may write");
        mark(copied, MIB, 1);
        space.unmap_view(copied).expect("a view");
        space.unmap_view(shared).expect("a view");
        drop(section);
        assert_eq!(charge(machine), before);
    });
}

#[test]
fn what_windows_refuses_is_refused_and_leaves_nothing() {
    everywhere(|machine, path| {
        let space = space(machine, path);
        let refused = |result: Result<u64, Error>| match result {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("expected a refusal: {other:?}"),
        };
        let made = |bytes, protection| {
            refused(
                machine.create_section(Bytes(bytes), protection).map(|section| section.bytes().0),
            )
        };
        assert!(matches!(made(0, READ_WRITE), Refusal::InvalidParameter { value: 0, .. }));
        assert!(matches!(made(MIB, NO_ACCESS), Refusal::InvalidPageProtection { .. }));
        assert!(matches!(made(1 << 45, READ_WRITE), Refusal::NoMemory { .. }));
        assert!(matches!(made(1 << 43, READ_WRITE), Refusal::CommitmentLimit { .. }));

        let readable = machine.create_section(Bytes(MIB), READ_ONLY).expect("a section");
        let map = |offset, bytes, protection| {
            refused(space.map_view(&readable, offset, bytes, protection))
        };
        assert!(matches!(map(0, 0, READ_WRITE), Refusal::SectionProtection { .. }));
        assert!(matches!(map(0, 2 * MIB, READ_ONLY), Refusal::InvalidViewSize { .. }));
        assert!(matches!(map(PAGE, PAGE, READ_ONLY), Refusal::MappedAlignment { .. }));
        let base = view(&space, &readable, READ_ONLY);
        let private = committed(&space, MIB);
        for address in [private, base + 4 * MIB] {
            let unmapped = refused(space.unmap_view(address).map(|()| 0));
            assert!(matches!(unmapped, Refusal::NotMappedView { .. }), "{unmapped}");
        }
        let freed = refused(space.free(base, 0, MEM_RELEASE).map(|()| 0));
        assert!(matches!(freed, Refusal::WrongKind { .. }), "{freed}");
        let more = refused(space.protect(base, PAGE, READ_WRITE).map(u64::from));
        assert!(matches!(more, Refusal::SectionProtection { .. }), "{more}");
        assert_eq!(load(base), 0);
    });
}

#[test]
fn a_section_of_another_machine_is_an_error_of_its_own() {
    everywhere(|machine, path| {
        let section = section(machine, MIB);
        let other = support::machine(8, None);
        let foreign = space(&other, path).map_view(&section, 0, 0, READ_ONLY);
        assert!(matches!(foreign, Err(Error::OtherMachine)), "{foreign:?}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_of_fork_dies_of_a_view_and_never_reads_zeros() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let section = section(&machine, MIB);
            for protection in [READ_WRITE, WRITE_COPY] {
                let base = view(&space, &section, protection);
                mark(base, MIB, 0);
                // SAFETY: the child loads a word and ends, without a lock or an allocation.
                let child = unsafe { libc::fork() };
                assert!(child >= 0, "fork");
                if child == 0 {
                    let code = i32::from(load(base) == 0);
                    // SAFETY: ends the process, and runs nothing of the parent's.
                    unsafe { libc::_exit(code) };
                }
                let mut status = 0;
                // SAFETY: writes one number, of ours.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                let died = libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV;
                assert!(died, "{path:?} {protection:#x}: {status:#x}");
                check(base, MIB, 0);
                machine.verify().expect("a sound machine");
            }
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_the_kernel_takes_out_of_a_view_comes_back() {
    everywhere(|machine, path| {
        let section = section(machine, MIB);
        let space = space(machine, path);
        mark(view(&space, &section, READ_WRITE), MIB, 0);
        for protection in [READ_WRITE, READ_ONLY, WRITE_COPY] {
            let base = view(&space, &section, protection);
            check(base, MIB, 0);
            let take_out = || {
                // As reclaim does: the mapping goes, the page stays with its file.
                let at = std::ptr::with_exposed_provenance_mut(base as usize);
                // SAFETY: the pages are a section's, which keeps their bytes, and no copies.
                let taken = unsafe { libc::madvise(at, MIB as usize, libc::MADV_DONTNEED) };
                assert_eq!(taken, 0);
            };
            take_out();
            check(base, MIB, 0);
            take_out();
            if protection != READ_ONLY {
                mark(base, MIB, 0);
            }
            check(base, MIB, 0);
        }
    });
}

/// Bytes of a page through a pipe, by system calls.
#[cfg(target_os = "linux")]
fn through_a_pipe(from: u64, to: u64) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let pointer = |address: u64| std::ptr::with_exposed_provenance_mut(address as usize);
    // SAFETY: both are pages of views that nobody else uses; the kernel checks every access.
    let (written, read) = unsafe {
        let written = libc::write(ends[1], pointer(from), PAGE as usize);
        let read = libc::read(ends[0], pointer(to), PAGE as usize);
        (written, read)
    };
    // SAFETY: the descriptors are ours, and closed once.
    ends.iter().for_each(|end| assert_eq!(unsafe { libc::close(*end) }, 0));
    assert_eq!((written, read), (4096, 4096), "{from:#x} to {to:#x}");
}

#[cfg(target_os = "linux")]
#[test]
fn views_may_go_to_system_calls_as_other_memory_may() {
    everywhere(|machine, path| {
        let handle = section(machine, 16 * MIB);
        let space = space(machine, path);
        let shared = view(&space, &handle, READ_WRITE);
        let copied = view(&space, &handle, WRITE_COPY);
        mark(shared, 16 * MIB, 0);
        for page in (0..16 * MIB / PAGE).step_by(97) {
            let (from, to) = (shared + page * PAGE, copied + (page ^ 1) * PAGE);
            if path == FaultPath::Handler {
                through_a_pipe(from, to);
            } else {
                let _from = space.pin(from, PAGE, Access::Read).expect("a pin");
                let _to = space.pin(to, PAGE, Access::Write).expect("a pin");
                push_out(machine);
                through_a_pipe(from, to);
            }
            assert_eq!(load(to), scrambled(page), "page {page}");
            assert_eq!(load(shared + (page ^ 1) * PAGE), scrambled(page ^ 1), "page {page}");
        }
        check(shared, 16 * MIB, 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_view_that_the_kernel_has_no_mapping_for_is_an_error_and_all_else_goes_on() {
    const TEST: &str = "a_view_that_the_kernel_has_no_mapping_for_is_an_error_and_all_else_goes_on";
    for path in PATHS {
        support::succeeds(TEST, &format!("{path:?}"), || {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let handle = section(&machine, 64 << 10);
            let mut views = Vec::new();
            let error = loop {
                match space.map_view(&handle, 0, 0, READ_WRITE) {
                    Ok(base) => views.push(base),
                    Err(error) => break error,
                }
                assert!(views.len() < 1 << 20, "the kernel has room for ever more mappings");
            };
            assert!(matches!(error, Error::System { .. }), "{error}");
            store(views[0], 5);
            assert_eq!(load(views[views.len() - 1]), 5);
            machine.verify().expect("a sound machine");
            for base in &views {
                space.unmap_view(*base).expect("what is mapped can be unmapped");
            }
            let base = view(&space, &handle, READ_WRITE);
            assert_eq!(load(base), 5);
        });
    }
}
