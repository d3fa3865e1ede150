//! Other processes and threads that end: children of fork, programs that are started.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use support::{MIB, PAGE, PATHS, bounded, check, committed, load, machine, mark, space, store};

const BYTES: u64 = 24 * MIB;

#[test]
fn programs_are_started_while_pages_are_out() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = committed(&space, BYTES);
            for round in 0..5 {
                mark(base, BYTES, round);
                let said = Command::new("echo").arg("hello").output().expect("echo");
                assert_eq!(said.stdout, b"hello\n");
                check(base, BYTES, round);
            }
            machine.verify().expect("a sound machine");
        }
    });
}

/// Forks; the child runs what may be called there, and ends with what it returns.
fn fork(child: impl FnOnce() -> i32) -> libc::pid_t {
    // SAFETY: the child makes no calls but those that are safe in it.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: ends the child, whose output nobody wants: no core file, no report.
            unsafe {
                libc::signal(libc::SIGALRM, libc::SIG_DFL);
                libc::alarm(20);
                libc::_exit(child())
            }
        }
        child => {
            assert!(child > 0, "a child");
            child
        }
    }
}

fn status_of(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the status lives through the call.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    status
}

#[test]
fn a_child_of_fork_dies_of_a_space_and_never_reads_zeros() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = committed(&space, BYTES);
            mark(base, BYTES, 0);
            // The first pages are out, the last are in.
            for page in [0, 1, BYTES / PAGE / 2, BYTES / PAGE - 1] {
                let address = base + page * PAGE;
                let reads = status_of(fork(|| i32::from(load(address) == 0)));
                assert!(libc::WIFSIGNALED(reads), "{path:?} page {page}: {reads:#x}");
                assert_eq!(libc::WTERMSIG(reads), libc::SIGSEGV, "{path:?} page {page}");
                let writes = status_of(fork(|| {
                    store(address, 0);
                    0
                }));
                assert!(libc::WIFSIGNALED(writes), "{path:?} page {page}: {writes:#x}");
                assert_eq!(libc::WTERMSIG(writes), libc::SIGSEGV, "{path:?} page {page}");
            }
            let idle = status_of(fork(|| 7));
            assert!(libc::WIFEXITED(idle) && libc::WEXITSTATUS(idle) == 7, "{idle:#x}");
            check(base, BYTES, 0);
            mark(base, BYTES, 1);
            check(base, BYTES, 1);
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn a_parent_goes_on_while_its_child_lives() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = committed(&space, BYTES);
            mark(base, BYTES, 0);
            let child = fork(|| {
                // SAFETY: waits for the parent's signal.
                unsafe { libc::pause() };
                0
            });
            check(base, BYTES, 0);
            mark(base, BYTES, 1);
            check(base, BYTES, 1);
            // SAFETY: the child is ours, and not waited for yet.
            assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
            assert_eq!(libc::WTERMSIG(status_of(child)), libc::SIGKILL);
            check(base, BYTES, 1);
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn threads_that_end_right_after_a_fault_leave_all_in_order() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = committed(&space, BYTES);
            mark(base, BYTES, 0);
            for page in (0..BYTES / PAGE).step_by(37) {
                let address = base + page * PAGE;
                let found = std::thread::spawn(move || load(address)).join().expect("no panic");
                assert_eq!(found, support::scrambled(page), "{path:?} page {page}");
            }
            check(base, BYTES, 0);
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn a_process_ends_at_once_with_writes_in_flight_and_threads_in_faults() {
    const TEST: &str = "a_process_ends_at_once_with_writes_in_flight_and_threads_in_faults";
    for path in PATHS {
        let began = Instant::now();
        support::succeeds(TEST, &format!("{path:?}"), || {
            let space: &'static _ = Box::leak(Box::new(space(&machine(8, None), path)));
            let base = committed(space, BYTES);
            mark(base, BYTES, 0);
            for _ in 0..4 {
                std::thread::spawn(move || (0..1 << 40).for_each(|round| mark(base, BYTES, round)));
            }
            mark(base, BYTES, 1);
        });
        assert!(began.elapsed() < Duration::from_secs(30), "{path:?}");
    }
}
