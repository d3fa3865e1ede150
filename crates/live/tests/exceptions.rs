//! Exceptions: accesses that a program may not make, and who decides about them.
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use memtide_core::page::Access;
use memtide_core::{Allocation, Exception};
use memtide_live::{Disposition, FaultPath, Space};
use support::{
    GUARD, MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, bounded, committed, load, machine,
    scrambled, space, store,
};
#[cfg(target_os = "linux")]
use support::{dies_by, succeeds};

type Seen = Arc<Mutex<Vec<Exception>>>;

/// A space whose exceptions are noted, and then handled.
fn handled(path: FaultPath, act: fn(&Space, u64)) -> (Arc<Space>, Seen) {
    let space = Arc::new(space(&machine(8, None), path));
    let seen = Seen::default();
    let (of, notes) = (Arc::downgrade(&space), Arc::clone(&seen));
    space.on_exception(Box::new(move |exception| {
        let Some(space) = of.upgrade() else { return Disposition::Die };
        notes.lock().expect("notes").push(*exception);
        let (Exception::AccessViolation { address, .. } | Exception::GuardPage { address, .. }) =
            *exception
        else {
            return Disposition::Die;
        };
        act(&space, address & !(PAGE - 1));
        Disposition::Retry
    }));
    (space, seen)
}

fn taken(seen: &Seen) -> Vec<Exception> {
    std::mem::take(&mut *seen.lock().expect("notes"))
}

fn commit(space: &Space, page: u64) {
    space.allocate(&Allocation::commit_at(page, PAGE)).expect("a page");
}

fn allow(space: &Space, page: u64) {
    space.protect(page, PAGE, READ_WRITE).expect("a protection");
}

#[test]
fn reserved_memory_can_be_committed_by_who_handles_its_violation() {
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, commit);
            let base = space.allocate(&Allocation::reserved(MIB)).expect("addresses");
            let (first, second) = (base + 8, base + 5 * PAGE);
            store(first, 7);
            assert_eq!((load(first), load(second)), (7, 0), "{path:?}");
            let expected = [
                Exception::AccessViolation { address: first, access: Access::Write },
                Exception::AccessViolation { address: second, access: Access::Read },
            ];
            assert_eq!(taken(&seen), expected, "{path:?}");
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn a_page_without_access_keeps_its_bytes_for_who_allows_it_again() {
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, allow);
            let page = committed(&space, MIB);
            store(page, 11);
            space.protect(page, PAGE, NO_ACCESS).expect("a protection");
            assert_eq!(load(page), 11, "{path:?}");
            let expected = Exception::AccessViolation { address: page, access: Access::Read };
            assert_eq!(taken(&seen), [expected], "{path:?}");
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn a_write_to_a_read_only_page_is_a_violation_and_reads_are_none() {
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, allow);
            let page = committed(&space, MIB);
            store(page, 11);
            space.protect(page, PAGE, READ_ONLY).expect("a protection");
            assert_eq!(load(page), 11, "{path:?}");
            assert_eq!(taken(&seen), [], "{path:?}: reads are allowed");
            store(page + 16, 13);
            assert_eq!((load(page), load(page + 16)), (11, 13), "{path:?}");
            let expected = Exception::AccessViolation { address: page + 16, access: Access::Write };
            assert_eq!(taken(&seen), [expected], "{path:?}");
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn a_guard_page_is_found_once() {
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, |_, _| {});
            let page = committed(&space, MIB);
            store(page, 11);
            space.protect(page, 2 * PAGE, READ_WRITE | GUARD).expect("a protection");
            assert_eq!((load(page), load(page + 8)), (11, 0), "{path:?}");
            store(page + PAGE, 13);
            store(page + PAGE, 14);
            let expected = [
                Exception::GuardPage { address: page, access: Access::Read },
                Exception::GuardPage { address: page + PAGE, access: Access::Write },
            ];
            assert_eq!(taken(&seen), expected, "{path:?}");
            assert_eq!((load(page), load(page + PAGE)), (11, 14), "{path:?}");
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[cfg(target_os = "linux")]
extern "C" fn nothing(_: i32) {}

/// Signals that interrupt a thread: one that waits in the kernel for a page asks for it once more.
#[cfg(target_os = "linux")]
fn interrupt(thread: libc::pthread_t) {
    // SAFETY: the handler does nothing, and the thread is one that waits for this one to end.
    let sent = unsafe {
        libc::signal(libc::SIGUSR1, nothing as extern "C" fn(i32) as libc::sighandler_t);
        libc::pthread_kill(thread, libc::SIGUSR1)
    };
    assert_eq!(sent, 0, "a signal");
}

#[cfg(target_os = "linux")]
#[test]
fn a_guard_page_is_found_however_its_page_comes_in() {
    const PAGES: u64 = 64;
    const ROUNDS: u64 = 4000;
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, |_, _| {});
            let base = committed(&space, PAGES * PAGE);
            // SAFETY: always.
            let this = unsafe { libc::pthread_self() };
            let ends = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !ends.load(Ordering::Acquire) {
                        space.prefetch(base, PAGES * PAGE).expect("pages brought in");
                        space.empty_working_set().expect("pages taken out");
                        (0..20).for_each(|_| interrupt(this));
                    }
                });
                for round in 0..ROUNDS {
                    let address = base + round % PAGES * PAGE;
                    store(address, scrambled(round));
                    space.protect(address, PAGE, READ_WRITE | GUARD).expect("a guard");
                    assert_eq!(load(address), scrambled(round), "{path:?}, round {round}");
                    let expected = Exception::GuardPage { address, access: Access::Read };
                    assert_eq!(taken(&seen), [expected], "{path:?}, round {round}");
                }
                ends.store(true, Ordering::Release);
            });
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn threads_that_meet_in_a_violation_lose_no_write() {
    const THREADS: u64 = 4;
    const PAGES: u64 = 200;
    bounded(|| {
        for path in PATHS {
            let (space, _) = handled(path, commit);
            let base = space.allocate(&Allocation::reserved(PAGES * PAGE)).expect("addresses");
            let meets = std::sync::Barrier::new(THREADS as usize);
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let meets = &meets;
                    scope.spawn(move || {
                        for page in 0..PAGES {
                            meets.wait();
                            store(base + page * PAGE + thread * 8, scrambled(page + thread));
                        }
                    });
                }
            });
            for page in 0..PAGES {
                for thread in 0..THREADS {
                    let found = load(base + page * PAGE + thread * 8);
                    assert_eq!(found, scrambled(page + thread), "{path:?} {page} of {thread}");
                }
            }
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn who_may_read_a_page_is_not_bothered_by_who_may_not_write_it() {
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, allow);
            for _ in 0..100 {
                let page = committed(&space, PAGE);
                store(page, 17);
                space.protect(page, PAGE, READ_ONLY).expect("a protection");
                std::thread::scope(|scope| {
                    scope.spawn(|| (0..500).for_each(|_| assert_eq!(load(page), 17)));
                    scope.spawn(|| store(page + 8, 19));
                });
                assert_eq!((load(page), load(page + 8)), (17, 19), "{path:?}");
            }
            let reads = taken(&seen).into_iter().filter(|exception| {
                matches!(exception, Exception::AccessViolation { access: Access::Read, .. })
            });
            assert_eq!(reads.count(), 0, "{path:?}");
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_may_not_be_written_cannot_be_while_it_is_brought_in() {
    const PAGES: u64 = 64;
    bounded(|| {
        for path in PATHS {
            let (space, seen) = handled(path, allow);
            let base = committed(&space, PAGES * PAGE);
            support::mark(base, PAGES * PAGE, 0);
            for round in 0..1000 {
                space.protect(base, PAGES * PAGE, READ_ONLY).expect("a protection");
                space.empty_working_set().expect("emptied");
                let writes = base + (1 + round % (PAGES - 1)) * PAGE + 8;
                std::thread::scope(|scope| {
                    // It is brought in with its neighbours.
                    scope.spawn(|| {
                        (0..8).for_each(|page| {
                            load(base + page * PAGE);
                        })
                    });
                    scope.spawn(|| store(writes, round));
                });
                let expected =
                    Exception::AccessViolation { address: writes, access: Access::Write };
                assert_eq!(taken(&seen), [expected], "{path:?} round {round}");
            }
            support::check(base, PAGES * PAGE, 0);
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_handler_the_process_dies_as_it_would_without_us() {
    const TEST: &str = "without_a_handler_the_process_dies_as_it_would_without_us";
    for path in PATHS {
        let memory = move || {
            let space = space(&machine(8, None), path);
            let page = committed(&space, MIB);
            store(page, 1);
            (space, page)
        };
        let dies = |what: &str, body: &dyn Fn()| {
            dies_by(libc::SIGSEGV, TEST, &format!("{what} {path:?}"), body);
        };
        dies("a read of reserved memory", &|| {
            let (space, _) = memory();
            load(space.allocate(&Allocation::reserved(MIB)).expect("addresses"));
        });
        for (what, protection) in [
            ("a write to no access", NO_ACCESS),
            ("a write to read-only", READ_ONLY),
            ("a write to a guard page", READ_WRITE | GUARD),
        ] {
            dies(what, &|| {
                let (space, page) = memory();
                space.protect(page, PAGE, protection).expect("a protection");
                store(page, 2);
            });
        }
        dies("a handler that gives up", &|| {
            let (space, page) = memory();
            space.on_exception(Box::new(|_| Disposition::Die));
            space.protect(page, PAGE, NO_ACCESS).expect("a protection");
            load(page);
        });
    }
}

/// The memory that the program's own handler mends.
#[cfg(target_os = "linux")]
static MENDED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
#[cfg(target_os = "linux")]
static MENDS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[cfg(target_os = "linux")]
extern "C" fn mend(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    use std::sync::atomic::Ordering::SeqCst;
    // SAFETY: the kernel gives a siginfo, of a fault here; the page is the test's own, or the
    // process ends.
    unsafe {
        let page = (*info).si_addr() as u64 & !(PAGE - 1);
        if page != MENDED.load(SeqCst) {
            libc::_exit(77);
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        if libc::mmap(page as *mut _, PAGE as usize, access, flags, -1, 0) == libc::MAP_FAILED {
            libc::_exit(78);
        }
    }
    MENDS.fetch_add(1, SeqCst);
}

/// A page that faults with a signal: no access for SIGSEGV, past the end of a file for SIGBUS.
#[cfg(target_os = "linux")]
fn faulty(signal: i32, file: &std::fs::File) -> u64 {
    use std::os::fd::AsRawFd;
    let (access, flags, file) = match signal {
        libc::SIGSEGV => (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1),
        _ => (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file.as_raw_fd()),
    };
    // SAFETY: a new mapping touches no other.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE as usize, access, flags, file, 0) };
    assert_ne!(page, libc::MAP_FAILED, "a mapping");
    page as u64
}

#[cfg(target_os = "linux")]
#[test]
fn the_signal_handlers_of_a_program_still_mend_its_own_memory() {
    use std::sync::atomic::Ordering::SeqCst;
    const TEST: &str = "the_signal_handlers_of_a_program_still_mend_its_own_memory";
    for path in PATHS {
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            succeeds(TEST, &format!("{signal} {path:?}"), || {
                // SAFETY: an action without flags but SA_SIGINFO, of a function of that type.
                unsafe {
                    let mut action: libc::sigaction = std::mem::zeroed();
                    let handler: extern "C" fn(_, _, _) = mend;
                    action.sa_sigaction = handler as usize;
                    action.sa_flags = libc::SA_SIGINFO;
                    assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
                }
                let file = tempfile::tempfile().expect("an empty file");
                let space = space(&machine(8, None), path);
                let base = committed(&space, 32 * MIB);
                support::mark(base, 32 * MIB, 0);
                let page = faulty(signal, &file);
                MENDED.store(page, SeqCst);
                store(page, 23);
                assert_eq!((load(page), MENDS.load(SeqCst)), (23, 1));
                support::check(base, 32 * MIB, 0);
            });
        }
    }
}
