//! The conditions of a machine, and waiting for them.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use memtide_core::conditions::{
    Condition, ConditionSet, Mode, Overrides, Profile, Sizes, Thresholds,
};
use memtide_core::units::Bytes;
use memtide_core::{Allocation, MEM_RELEASE};
use memtide_live::{Event, FaultPath, Machine, MachineOptions, Wait};
use rustix::event::{PollFd, PollFlags, poll};
use support::{MIB, bounded, committed, mark, space};

const LIMIT: Option<Duration> = Some(Duration::from_secs(30));

/// A machine without a page file: what is used stays in memory.
fn machine() -> Machine {
    let overrides =
        Overrides { low_memory_mb: Some(2), high_memory_mb: Some(6), ..Overrides::default() };
    let sizes = Sizes { physical: Bytes(16 * MIB), ..Sizes::default() };
    let marks = Thresholds::new(Profile::Windows, &sizes, &overrides).expect("marks");
    let options = MachineOptions {
        page_file: None,
        thresholds: Some(marks),
        ..MachineOptions::new(Bytes(16 * MIB))
    };
    Machine::new(&options).expect("a machine")
}

fn only(condition: Condition) -> ConditionSet {
    let mut set = ConditionSet::EMPTY;
    set.insert(condition);
    set
}

#[test]
fn low_memory_is_set_while_memory_is_short_and_no_longer() {
    bounded(|| {
        let machine = machine();
        let space = space(&machine, FaultPath::InThread);
        assert!(machine.is_set(Condition::HighMemory), "all memory is free");
        assert!(!machine.is_set(Condition::LowMemory));
        for _ in 0..3 {
            let base = committed(&space, 14 * MIB);
            mark(base, 14 * MIB, 0);
            assert!(machine.is_set(Condition::LowMemory), "{:?}", machine.conditions());
            assert!(!machine.is_set(Condition::HighMemory));
            assert!(machine.wait_any(only(Condition::LowMemory), LIMIT));
            space.free(base, 0, MEM_RELEASE).expect("released");
            assert!(!machine.is_set(Condition::LowMemory), "{:?}", machine.conditions());
            assert!(machine.wait_any(only(Condition::HighMemory), LIMIT));
        }
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn a_thread_that_waits_for_a_condition_is_woken_when_it_is_set() {
    bounded(|| {
        for path in support::PATHS {
            let machine = &machine();
            let space = space(machine, path);
            std::thread::scope(|scope| {
                let low = only(Condition::LowMemory);
                let waits = scope.spawn(move || machine.wait_any(low, LIMIT));
                let waits_too = scope.spawn(move || machine.wait_all(low, LIMIT));
                let base = committed(&space, 14 * MIB);
                mark(base, 14 * MIB, 0);
                assert!(waits.join().expect("no panic"), "{path:?}");
                assert!(waits_too.join().expect("no panic"), "{path:?}");
                let waits =
                    scope.spawn(move || machine.wait_any(only(Condition::HighMemory), LIMIT));
                space.free(base, 0, MEM_RELEASE).expect("released");
                assert!(waits.join().expect("no panic"), "{path:?}");
            });
        }
    });
}

#[test]
fn a_wait_for_what_does_not_come_ends_with_its_time() {
    bounded(|| {
        let machine = machine();
        let short = Some(Duration::from_millis(30));
        assert!(!machine.wait_any(only(Condition::LowMemory), short));
        let both = only(Condition::LowMemory).union(only(Condition::HighMemory));
        assert!(!machine.wait_all(both, short), "low and high are never set together");
        assert!(machine.wait_any(both, short));
    });
}

#[test]
fn commit_without_a_page_file_is_refused_before_memory_runs_out() {
    bounded(|| {
        let machine = machine();
        let space = space(&machine, FaultPath::InThread);
        assert!(space.allocate(&Allocation::committed(64 * MIB)).is_err());
        let base = committed(&space, 8 * MIB);
        mark(base, 8 * MIB, 1);
        support::check(base, 8 * MIB, 1);
    });
}

/// Whether a descriptor is readable, at most so long later.
fn is_readable(event: &Event, most: Duration) -> bool {
    let mut files = [PollFd::new(event, PollFlags::IN)];
    let most = most.try_into().expect("a time");
    poll(&mut files, Some(&most)).expect("poll") == 1
}

#[test]
fn a_descriptor_is_readable_while_its_conditions_hold() {
    bounded(|| {
        for path in support::PATHS {
            let machine = machine();
            let space = space(&machine, path);
            let low = machine.event(only(Condition::LowMemory), Mode::Any).expect("an event");
            let high = machine.event(only(Condition::HighMemory), Mode::All).expect("an event");
            assert!(is_readable(&high, Duration::ZERO), "all memory is free");
            assert!(!is_readable(&low, Duration::ZERO));
            for _ in 0..3 {
                let base = committed(&space, 14 * MIB);
                mark(base, 14 * MIB, 0);
                assert!(is_readable(&low, Duration::from_secs(30)), "{path:?}");
                space.free(base, 0, MEM_RELEASE).expect("released");
                assert!(is_readable(&high, Duration::from_secs(30)), "{path:?}");
                // Both are told in one step.
                assert!(!is_readable(&low, Duration::ZERO), "{path:?}");
            }
            let late = machine.event(only(Condition::HighMemory), Mode::Any).expect("an event");
            assert!(is_readable(&late, Duration::ZERO), "it is set already");
        }
    });
}

#[test]
fn a_future_is_ready_once_its_conditions_hold() {
    bounded(|| {
        for path in support::PATHS {
            let machine = machine();
            let space = space(&machine, path);
            let low = only(Condition::LowMemory);
            let high = only(Condition::HighMemory);
            assert_eq!(block_on(machine.until_any(low.union(high))), high, "it is set already");
            let waits: Vec<_> = (0..8)
                .map(|n| {
                    let mode = [Mode::Any, Mode::All][n % 2];
                    let wait = machine.until(low, mode);
                    std::thread::spawn(move || block_on(wait))
                })
                .collect();
            // One that is dropped disturbs no other.
            let mut given_up = machine.until_any(low);
            assert!(poll_once(&mut given_up).is_none());
            drop(given_up);
            let base = committed(&space, 14 * MIB);
            mark(base, 14 * MIB, 0);
            for wait in waits {
                assert_eq!(wait.join().expect("no panic"), low, "{path:?}");
            }
        }
    });
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn poll_once(wait: &mut Wait) -> Option<ConditionSet> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    match Pin::new(wait).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(set) => Some(set),
        Poll::Pending => None,
    }
}

fn block_on(mut wait: Wait) -> ConditionSet {
    loop {
        match poll_once(&mut wait) {
            Some(set) => return set,
            None => std::thread::park(),
        }
    }
}
