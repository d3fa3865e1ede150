//! Many threads, and several spaces of one machine.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use memtide_live::{FaultPath, Machine};
use support::{
    MIB, PAGE, PATHS, bounded, check, committed, load, machine, mark, scrambled, space, store,
};

const THREADS: u64 = 8;

/// Pages in another order for each thread.
fn order(pages: u64, thread: u64) -> impl Iterator<Item = u64> {
    let step = [1, 7, 13, 31, 61, 127, 251, 509][thread as usize % 8];
    (0..pages).map(move |n| (n * step + thread * 97) % pages)
}

/// Each thread has its own word in every page.
fn meet(machine: &Machine, path: FaultPath) {
    let space = space(machine, path);
    let bytes = 24 * MIB;
    // The steps above share no factor with an odd number of pages that is none of them.
    let pages = bytes / PAGE - 1;
    let base = committed(&space, bytes);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for round in 0..2 {
                    for page in order(pages, thread) {
                        let at = base + page * PAGE + thread * 8;
                        let expected = if round == 0 { 0 } else { scrambled(at + round) };
                        assert_eq!(load(at), expected, "round {round} page {page} of {thread}");
                        store(at, scrambled(at + round + 1));
                    }
                }
            });
        }
    });
    for page in 0..pages {
        for thread in 0..THREADS {
            let at = base + page * PAGE + thread * 8;
            assert_eq!(load(at), scrambled(at + 2), "page {page} of {thread}");
        }
    }
    machine.verify().expect("a sound machine");
}

#[test]
fn threads_on_the_same_pages_keep_every_word_in_the_faulting_thread() {
    bounded(|| meet(&machine(16, None), FaultPath::InThread));
}

#[test]
fn threads_on_the_same_pages_keep_every_word_through_handler_threads() {
    bounded(|| meet(&machine(16, None), FaultPath::Handler));
}

#[test]
fn threads_on_the_same_pages_keep_every_word_with_compression() {
    bounded(|| meet(&machine(16, Some(50)), FaultPath::InThread));
}

#[test]
fn threads_on_pages_of_their_own_keep_every_word() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(16, None);
            let space = space(&machine, path);
            let each = 6 * MIB;
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let base = committed(&space, each);
                    scope.spawn(move || {
                        for round in 0..3 {
                            mark(base, each, thread * 1000 + round);
                            check(base, each, thread * 1000 + round);
                        }
                    });
                }
            });
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn threads_that_read_a_page_at_once_all_find_its_bytes() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let (base, rest) = (committed(&space, MIB), committed(&space, 16 * MIB));
            mark(base, MIB, 0);
            let meets = Barrier::new(THREADS as usize);
            for round in 0..4 {
                mark(rest, 16 * MIB, round);
                std::thread::scope(|scope| {
                    for _ in 0..THREADS {
                        scope.spawn(|| {
                            for page in 0..MIB / PAGE {
                                meets.wait();
                                assert_eq!(load(base + page * PAGE), scrambled(page));
                            }
                        });
                    }
                });
            }
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn two_spaces_share_a_budget_and_keep_their_own_bytes() {
    bounded(|| {
        let machine = machine(16, None);
        let spaces = PATHS.map(|path| space(&machine, path));
        let bytes = 24 * MIB;
        let bases = [0, 1].map(|n: usize| committed(&spaces[n], bytes));
        std::thread::scope(|scope| {
            for (round, base) in (0..).zip(bases) {
                scope.spawn(move || {
                    mark(base, bytes, round * 77);
                    check(base, bytes, round * 77);
                });
            }
        });
        let resident: u64 = spaces
            .iter()
            .map(|space| {
                let of = |manager: &memtide_core::Manager| {
                    manager.snapshot().working_set(space.id()).map(|pages| pages.len())
                };
                machine.inspect(of).expect("a working set") as u64
            })
            .sum();
        assert!(resident * PAGE <= 16 * MIB, "{resident} pages are resident");
        machine.verify().expect("a sound machine");
    });
}

/// Ends a thread's work, though the test should fail before.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_space_that_is_dropped_disturbs_no_other() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(16, None);
            let stays = space(&machine, path);
            let bytes = 24 * MIB;
            let base = committed(&stays, bytes);
            let ends = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let end = SetWhenDropped(&ends);
                let worker = scope.spawn(|| {
                    let mut round = 0;
                    while !ends.load(Ordering::Acquire) {
                        mark(base, bytes, round);
                        check(base, bytes, round);
                        round += 1;
                    }
                });
                for round in 0..6 {
                    let goes = space(&machine, PATHS[round % 2]);
                    let base = committed(&goes, bytes);
                    mark(base, bytes, 9);
                    check(base, bytes / 4, 9);
                    drop(goes);
                    machine.verify().expect("a sound machine");
                }
                drop(end);
                worker.join().expect("every word was right");
            });
            let spaces = machine.inspect(|manager| manager.snapshot().spaces().count());
            assert_eq!(spaces, 1, "{path:?}: only one is left");
        }
    });
}

#[test]
fn threads_that_commit_while_the_page_file_grows_are_all_given_memory() {
    bounded(|| {
        for _ in 0..8 {
            let machine = machine(16, None);
            let space = space(&machine, FaultPath::InThread);
            let meets = Barrier::new(THREADS as usize);
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        meets.wait();
                        for _ in 0..16 {
                            committed(&space, 6 * MIB);
                        }
                    });
                }
            });
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn threads_that_make_and_drop_spaces_at_once_have_their_own() {
    bounded(|| {
        let machine = machine(16, None);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let machine = &machine;
                scope.spawn(move || {
                    for round in 0..24 {
                        let space = space(machine, PATHS[(thread as usize + round) % 2]);
                        let base = committed(&space, MIB);
                        mark(base, MIB, thread);
                        check(base, MIB, thread);
                    }
                });
            }
        });
        let spaces = machine.inspect(|manager| manager.snapshot().spaces().count());
        assert_eq!(spaces, 0, "all are gone");
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn who_looks_on_in_a_loop_holds_no_fault_up() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(16, None);
            let space = space(&machine, path);
            let bytes = 24 * MIB;
            let base = committed(&space, bytes);
            let ends = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let end = SetWhenDropped(&ends);
                let looks = scope.spawn(|| {
                    while !ends.load(Ordering::Acquire) {
                        // Long beside the gap until the next look: hundreds of faults come in it.
                        let look = std::time::Duration::from_millis(5);
                        machine.inspect(|_| std::thread::sleep(look));
                    }
                });
                mark(base, bytes, 5);
                check(base, bytes, 5);
                drop(end);
                looks.join().expect("the looks");
            });
        }
    });
}
