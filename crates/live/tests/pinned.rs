//! System calls on memory of spaces: pinned, or handled by a thread.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use memtide_core::page::Access;
use memtide_live::{FaultPath, Space};
use support::{
    MIB, PAGE, PATHS, bounded, check, committed, load, machine, mark, scrambled, space, store,
};

fn words(count: u64, salt: u64) -> Vec<u8> {
    (0..count).flat_map(|place| scrambled(place + salt).to_ne_bytes()).collect()
}

/// A file of so many words.
fn file_of(count: u64, salt: u64) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&words(count, salt)).expect("room");
    file
}

/// `pread` into memory of a space: its result, or errno.
fn read_into(file: &File, address: u64, bytes: u64) -> Result<u64, i32> {
    // SAFETY: the test's own memory, to which there is no reference.
    let read = unsafe { libc::pread(file.as_raw_fd(), address as *mut _, bytes as usize, 0) };
    u64::try_from(read).map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// `pwrite` from memory of a space: its result, or errno.
fn write_from(file: &File, address: u64, bytes: u64) -> Result<u64, i32> {
    // SAFETY: as above.
    let wrote = unsafe { libc::pwrite(file.as_raw_fd(), address as *const _, bytes as usize, 0) };
    u64::try_from(wrote).map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Puts memory out of memory.
fn push_out(space: &Space) {
    let rest = committed(space, 32 * MIB);
    mark(rest, 32 * MIB, 3);
    check(rest, 32 * MIB, 3);
    space.free(rest, 0, memtide_core::MEM_RELEASE).expect("released");
    space.empty_working_set().expect("an empty working set");
}

fn content(file: &File, bytes: u64) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut found = vec![0; bytes as usize];
    file.read_exact_at(&mut found, 0).expect("the whole file");
    found
}

#[test]
fn pinned_memory_may_be_read_into_and_written_from_while_all_else_is_out() {
    bounded(|| {
        let machine = machine(8, None);
        let space = space(&machine, FaultPath::InThread);
        let bytes = MIB;
        let base = committed(&space, bytes);
        mark(base, bytes, 0);
        push_out(&space);
        let source = file_of(bytes / 8, 5);
        let pinned = space.pin(base, bytes, Access::Write).expect("pinned");
        assert_eq!((pinned.address(), pinned.bytes()), (base, bytes));
        let rest = committed(&space, 32 * MIB);
        for round in 0..3 {
            mark(rest, 32 * MIB, round);
            assert_eq!(read_into(&source, base, bytes), Ok(bytes), "round {round}");
            check(rest, 32 * MIB, round);
            let copy = tempfile::tempfile().expect("a file");
            assert_eq!(write_from(&copy, base, bytes), Ok(bytes), "round {round}");
            assert!(content(&copy, bytes) == words(bytes / 8, 5), "round {round}");
        }
        drop(pinned);
        mark(rest, 32 * MIB, 9);
        for place in 0..bytes / 8 {
            assert_eq!(load(base + place * 8), scrambled(place + 5), "word {place}");
        }
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn what_is_no_longer_pinned_goes_out_and_may_be_pinned_again() {
    bounded(|| {
        let machine = machine(8, None);
        let space = space(&machine, FaultPath::InThread);
        let bytes = 24 * MIB;
        let base = committed(&space, bytes);
        mark(base, bytes, 0);
        for start in (0..bytes).step_by(MIB as usize) {
            let pinned = space.pin(base + start, MIB, Access::Read).expect("pinned");
            let copy = tempfile::tempfile().expect("a file");
            assert_eq!(write_from(&copy, pinned.address(), MIB), Ok(MIB));
            let found = content(&copy, MIB);
            for page in 0..MIB / PAGE {
                let word = &found[(page * PAGE) as usize..][..8];
                assert_eq!(word, scrambled(start / PAGE + page).to_ne_bytes());
            }
        }
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn memory_that_is_neither_pinned_nor_in_memory_is_refused_to_a_system_call() {
    bounded(|| {
        let machine = machine(8, None);
        let space = space(&machine, FaultPath::InThread);
        let base = committed(&space, MIB);
        mark(base, MIB, 0);
        push_out(&space);
        let copy = tempfile::tempfile().expect("a file");
        assert_eq!(write_from(&copy, base, MIB), Err(libc::EFAULT));
        let source = file_of(MIB / 8, 5);
        assert_eq!(read_into(&source, base, MIB), Err(libc::EFAULT));
        check(base, MIB, 0);
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn memory_that_handler_threads_handle_may_go_to_any_system_call() {
    bounded(|| {
        let machine = machine(8, None);
        let space = space(&machine, FaultPath::Handler);
        let bytes = 16 * MIB;
        let base = committed(&space, bytes);
        mark(base, bytes, 0);
        let source = file_of(bytes / 8, 7);
        let copy = tempfile::tempfile().expect("a file");
        for _ in 0..2 {
            push_out(&space);
            assert_eq!(read_into(&source, base, bytes), Ok(bytes));
            push_out(&space);
            assert_eq!(write_from(&copy, base, bytes), Ok(bytes));
            assert!(content(&copy, bytes) == words(bytes / 8, 7));
        }
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn a_system_call_on_memory_that_it_may_not_access_fails_until_it_may() {
    bounded(|| {
        let machine = machine(8, None);
        let space = space(&machine, FaultPath::Handler);
        let base = committed(&space, MIB);
        store(base, 11);
        let source = file_of(1, 5);
        for protection in [support::READ_ONLY, support::NO_ACCESS] {
            space.protect(base, PAGE, protection).expect("a protection");
            let refused = read_into(&source, base + 8, 8).expect_err("no access");
            assert!([libc::EFAULT, libc::EHWPOISON].contains(&refused), "errno {refused}");
        }
        space.protect(base, PAGE, support::READ_WRITE).expect("a protection");
        assert_eq!(read_into(&source, base + 8, 8), Ok(8));
        assert_eq!((load(base), load(base + 8)), (11, scrambled(5)));
        machine.verify().expect("a sound machine");
    });
}

/// Whether a page of a pin can be taken by who empties the working set.
fn is_resident(space: &Space, address: u64) -> bool {
    let Err(memtide_live::Error::Address { start, .. }) = space.query(0) else {
        panic!("0 is an address of the space")
    };
    let pte = |manager: &memtide_core::Manager| {
        manager.snapshot().pte(space.id(), address - start).expect("a space")
    };
    matches!(space.machine().inspect(pte), memtide_core::snapshot::PteView::Valid { .. })
}

#[test]
fn a_page_that_is_pinned_twice_stays_until_both_pins_are_gone() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = committed(&space, MIB);
            mark(base, MIB, 3);
            let page = |number: u64| base + number * PAGE;
            let first = space.pin(page(0), 4 * PAGE, Access::Read).expect("pinned");
            let second = space.pin(page(2), 4 * PAGE, Access::Read).expect("pinned");
            drop(first);
            space.empty_working_set().expect("emptied");
            let resident: Vec<u64> = (0..8).filter(|n| is_resident(&space, page(*n))).collect();
            assert_eq!(resident, [2, 3, 4, 5], "{path:?}");
            drop(second);
            space.empty_working_set().expect("emptied");
            assert!((0..8).all(|n| !is_resident(&space, page(n))), "{path:?}");
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn what_is_no_memory_of_a_space_cannot_be_pinned() {
    bounded(|| {
        let machine = machine(8, None);
        let space = space(&machine, PATHS[0]);
        let base = committed(&space, MIB);
        for bytes in [u64::MAX, u64::MAX - base, 1 << 45] {
            let refused = space.pin(base, bytes, Access::Read).map(drop);
            assert!(matches!(refused, Err(memtide_live::Error::Address { .. })), "{refused:?}");
        }
        let refused = space.pin(base, 1 << 35, Access::Read).map(drop);
        assert!(matches!(refused, Err(memtide_live::Error::Refused(_))), "{refused:?}");
    });
}
