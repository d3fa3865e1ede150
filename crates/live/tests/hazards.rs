//! What paging in user space can go wrong by, one test each, where no other file has it.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "addresses have 64 bits here")]

mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memtide_core::units::Bytes;
use memtide_core::{Allocation, MEM_COMMIT, MEM_RESERVE};
use memtide_live::{Error, FaultPath, Machine, MachineOptions, RunLog, SpaceOptions};
use support::mappings::{Mapping, mappings};
use support::{
    MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, bounded, check, committed, dies_by, load,
    machine, mark, scrambled, space, store, succeeds,
};

const EXECUTE_READ_WRITE: u32 = 0x40;

fn count_of_mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("the mappings").lines().count()
}

#[test]
fn many_alternating_commits_and_protections_are_one_mapping_of_the_kernel() {
    const PAGES: u64 = 20_000;
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let kind = MEM_RESERVE;
            let bytes = PAGES * PAGE;
            let reserved = Allocation { address: 0, bytes, kind, protection: READ_WRITE };
            let base = space.allocate(&reserved).expect("addresses");
            let before = count_of_mappings();
            for page in (0..PAGES).step_by(2) {
                let (address, kind) = (base + page * PAGE, MEM_COMMIT);
                let one = Allocation { address, bytes: PAGE, kind, protection: READ_WRITE };
                space.allocate(&one).expect("a page");
                store(address, scrambled(page));
                let protection = if page % 4 == 0 { READ_ONLY } else { NO_ACCESS };
                space.protect(address, PAGE, protection).expect("protected");
            }
            let after = count_of_mappings();
            assert!(after < before + 100, "{before} mappings became {after}");
            for page in (0..PAGES).step_by(4) {
                assert_eq!(load(base + page * PAGE), scrambled(page));
            }
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn executable_pages_beyond_what_the_kernel_maps_are_refused_and_change_nothing() {
    let test = "executable_pages_beyond_what_the_kernel_maps_are_refused_and_change_nothing";
    succeeds(test, "", || {
        let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("the limit");
        let pages = most.trim().parse::<u64>().expect("a number") + 2;
        if pages > 1 << 20 {
            return;
        }
        let machine = machine(8, None);
        let space = space(&machine, FaultPath::InThread);
        let base = committed(&space, pages * PAGE);
        mark(base, 16 * MIB, 1);
        let every_other = (1..pages).step_by(2).map(|page| base + page * PAGE);
        let refused = every_other.clone().find_map(|address| {
            let result = space.protect(address, PAGE, EXECUTE_READ_WRITE);
            result.err().map(|error| (address, error))
        });
        let (address, error) = refused.expect("the kernel has a limit");
        assert!(matches!(error, Error::System { .. }), "{error:?}");
        let run = space.query(address).expect("a page");
        let before = space.query(base).expect("a page");
        assert_eq!(format!("{:?}", run.state), format!("{:?}", before.state), "as it was");
        check(base, 16 * MIB, 1);
        mark(base, 16 * MIB, 2);
        check(base, 16 * MIB, 2);
        machine.verify().expect("a sound machine");
    });
}

/// Sets a flag when it goes, though the test should fail before.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn pages_that_are_given_back_while_threads_fault_on_them_are_zeros_or_written_since() {
    const EACH: u64 = 2 * MIB;
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let (base, other) = (committed(&space, EACH), committed(&space, 12 * MIB));
            let ends = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for thread in 0..3 {
                    let ends = &ends;
                    scope.spawn(move || {
                        while !ends.load(Ordering::Acquire) {
                            for page in 0..EACH / PAGE {
                                let address = base + page * PAGE + thread * 8;
                                let found = load(address);
                                assert!(found == 0 || found == scrambled(address), "{found:x}");
                                store(address, scrambled(address));
                            }
                        }
                    });
                }
                let _ends = Ends(&ends);
                for round in 0..12 {
                    // The working set goes out, so that pages are everywhere.
                    mark(other, 12 * MIB, round);
                    space.discard(base, EACH).expect("given back");
                }
            });
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn no_huge_page_is_made_of_managed_memory() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(32, None);
            let space = space(&machine, path);
            let base = committed(&space, 16 * MIB);
            mark(base, 16 * MIB, 1);
            let is_in =
                |at: &Mapping| at.addresses.start < base + 16 * MIB && base < at.addresses.end;
            let mut seen = 0;
            for mapping in mappings().into_iter().filter(is_in) {
                assert_eq!(mapping.huge, 0, "{mapping:?}");
                assert!(mapping.has("nh"), "{mapping:?}");
                seen += 1;
            }
            assert!(seen > 0, "the space is in no mapping");
        }
    });
}

#[test]
fn a_page_that_came_back_clean_and_is_written_again_keeps_what_was_written() {
    const BYTES: u64 = 24 * MIB;
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let base = committed(&space, BYTES);
            mark(base, BYTES, 0);
            for round in 1..4 {
                // Every page comes back from the page file, as it was written there, and goes
                // without being written; every third is written to in between.
                check(base, BYTES, round - 1);
                for page in 0..BYTES / PAGE {
                    let address = base + page * PAGE;
                    assert_eq!(load(address), scrambled(page + round - 1), "page {page}");
                    store(address, scrambled(page + round));
                }
                space.empty_working_set().expect("trimmed");
            }
            check(base, BYTES, 3);
            machine.verify().expect("a sound machine");
        }
    });
}

#[test]
fn pages_that_the_kernel_holds_go_out_all_the_same() {
    const HELD: u64 = 64 * PAGE;
    bounded(|| {
        for path in PATHS {
            let Ok(ring) = io_uring::IoUring::new(2) else { return };
            let machine = machine(8, None);
            let space = space(&machine, path);
            let (base, other) = (committed(&space, HELD), committed(&space, 16 * MIB));
            mark(base, HELD, 1);
            let iov_base = std::ptr::with_exposed_provenance_mut(base as usize);
            let buffer = [libc::iovec { iov_base, iov_len: HELD as usize }];
            // SAFETY: memory of the test's own, which outlives the registration.
            unsafe { ring.submitter().register_buffers(&buffer) }.expect("held");
            for round in 0..3 {
                space.empty_working_set().expect("trimmed");
                mark(other, 16 * MIB, round);
                check(base, HELD, round + 1);
                mark(base, HELD, round + 2);
            }
            ring.submitter().unregister_buffers().expect("let go");
            check(base, HELD, 4);
            machine.verify().expect("a sound machine");
        }
    });
}

/// A log that cannot be written any more at some time, in the worst of ways.
struct Panics(Arc<AtomicBool>);

impl Write for Panics {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        assert!(!self.0.load(Ordering::Acquire), "the log is gone");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_of_a_thread_that_handles_faults_ends_the_process() {
    for path in PATHS {
        let test = "a_panic_of_a_thread_that_handles_faults_ends_the_process";
        dies_by(libc::SIGABRT, test, &format!("{path:?}"), || {
            let fails = Arc::new(AtomicBool::new(false));
            let options = MachineOptions::new(Bytes(8 * MIB));
            let log = RunLog::begin(&options, Panics(Arc::clone(&fails))).expect("a machine");
            let machine: &Machine = log.machine();
            let space = SpaceOptions { path, ..SpaceOptions::default() };
            let space = machine.create_space(&space).expect("a space");
            let base = committed(&space, 64 * MIB);
            fails.store(true, Ordering::Release);
            let limit = Instant::now() + Duration::from_secs(20);
            while Instant::now() < limit {
                // The log is written in pieces: many faults fill one.
                mark(base, 64 * MIB, 1);
            }
        });
    }
}
