//! The conditions of a machine on Windows, and who waits for them.
#![cfg(windows)]

mod support;

use std::future::Future;
use std::os::windows::io::AsRawHandle;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use memtide_core::MEM_RELEASE;
use memtide_core::conditions::{
    Condition, ConditionSet, Mode, Overrides, Permille, Profile, Sizes, State, Thresholds,
};
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{Machine, MachineOptions, Wait};
use support::{MIB, PATHS, committed, space};
use windows_sys::Win32::Foundation::{WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::System::Threading::WaitForSingleObject;

const LIMIT: Option<Duration> = Some(Duration::from_secs(30));
const LIMIT_MS: u32 = 30_000;

/// A machine of which the commit charge is at its maximum from 8 MiB on.
fn machine() -> Machine {
    let sizes = Sizes { physical: Bytes(8 * MIB), ..Sizes::default() };
    let overrides = Overrides {
        low_commit: Some(Permille(250)),
        high_commit: Some(Permille(500)),
        maximum_commit: Some(Permille(500)),
        ..Overrides::default()
    };
    let marks = Thresholds::new(Profile::Windows, &sizes, &overrides).expect("marks");
    let file = PageFileOptions { maximum: Bytes(8 * MIB), ..PageFileOptions::default() };
    let options = MachineOptions {
        page_file: Some(file),
        thresholds: Some(marks),
        ..MachineOptions::new(Bytes(8 * MIB))
    };
    Machine::new(&options).expect("a machine")
}

fn only(condition: Condition) -> ConditionSet {
    let mut set = ConditionSet::EMPTY;
    set.insert(condition);
    set
}

#[test]
fn conditions_of_commit_follow_what_is_promised_and_those_of_pools_are_unknown() {
    let machine = machine();
    let space = space(&machine, PATHS[0]);
    assert!(machine.is_set(Condition::LowCommit));
    assert!(!machine.is_set(Condition::MaximumCommit));
    let base = committed(&space, 12 * MIB);
    assert!(machine.is_set(Condition::MaximumCommit));
    assert!(!machine.is_set(Condition::LowCommit));
    let readings = machine.conditions();
    assert_eq!(readings.len(), Condition::COUNT);
    let of = |condition| readings.iter().find(|reading| reading.condition == condition);
    let commit = of(Condition::MaximumCommit).expect("all nine");
    assert_eq!(commit.value, Some(Bytes(12 * MIB)));
    let pools = [
        Condition::LowPagedPool,
        Condition::HighPagedPool,
        Condition::LowNonPagedPool,
        Condition::HighNonPagedPool,
    ];
    for pool in pools {
        assert_eq!(of(pool).expect("all nine").state, State::Unknown, "{pool}");
    }
    assert_ne!(of(Condition::LowMemory).expect("all nine").state, State::Unknown);
    space.free(base, 0, MEM_RELEASE).expect("released");
    assert!(machine.is_set(Condition::LowCommit));
}

#[test]
fn what_the_process_holds_is_what_windows_counts_and_available_no_longer() {
    const TOUCHED: u64 = 96 * MIB;
    let machine = Machine::new(&MachineOptions::new(Bytes(2 * TOUCHED))).expect("a machine");
    let space = space(&machine, PATHS[0]);
    let available = || {
        let readings = machine.conditions();
        let memory = readings.iter().find(|reading| reading.condition == Condition::HighMemory);
        memory.and_then(|reading| reading.value).expect("what is available")
    };
    let (held, left) = (machine.process_memory().expect("counts"), available());
    let base = committed(&space, TOUCHED);
    support::mark(base, TOUCHED, 0);
    let now = machine.process_memory().expect("counts");
    // Other tests of this process have machines that come and go, of 8 MiB each.
    let most = TOUCHED - 32 * MIB;
    assert!(now.working_set.0 >= held.working_set.0 + most, "{held:?} {now:?}");
    assert!(now.working_set_peak >= now.working_set, "{now:?}");
    assert!(available().0 <= left.0 - most, "{left} were left, and now {}", available());
}

#[test]
fn who_waits_is_told_and_who_waits_in_vain_is_not() {
    let machine = machine();
    let space = space(&machine, PATHS[0]);
    let full = only(Condition::MaximumCommit);
    assert!(!machine.wait_any(full, Some(Duration::from_millis(120))));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| machine.wait_all(full, LIMIT));
        committed(&space, 12 * MIB);
        assert!(waits.join().expect("a wait"));
    });
}

#[test]
fn an_event_is_set_for_as_long_as_the_condition_holds() {
    let machine = machine();
    let space = space(&machine, PATHS[0]);
    let event = machine.event(only(Condition::MaximumCommit), Mode::Any).expect("an event");
    let other = machine.event(only(Condition::LowCommit), Mode::Any).expect("an event");
    let wait = |event: &memtide_live::Event, most| {
        // SAFETY: the handle is open for as long as the event is there.
        unsafe { WaitForSingleObject(event.as_raw_handle(), most) }
    };
    let is_reset = |event| {
        let end = std::time::Instant::now() + Duration::from_secs(30);
        while wait(event, 0) != WAIT_TIMEOUT {
            assert!(std::time::Instant::now() < end, "what no longer holds is still set");
            std::thread::yield_now();
        }
    };
    assert_eq!((wait(&event, 0), wait(&other, 0)), (WAIT_TIMEOUT, WAIT_OBJECT_0));
    let base = committed(&space, 12 * MIB);
    assert_eq!(wait(&event, LIMIT_MS), WAIT_OBJECT_0);
    assert_eq!(wait(&event, 0), WAIT_OBJECT_0, "a wait does not reset it");
    is_reset(&other);
    space.free(base, 0, MEM_RELEASE).expect("released");
    is_reset(&event);
    assert_eq!(wait(&other, LIMIT_MS), WAIT_OBJECT_0);
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until it is ready; a thread that nobody wakes fails the test.
fn block_on(mut wait: Wait) -> ConditionSet {
    let waker = Waker::from(Arc::new(Unparks(std::thread::current())));
    let end = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match Pin::new(&mut wait).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(set) => return set,
            Poll::Pending => {
                let left = end.saturating_duration_since(std::time::Instant::now());
                assert!(!left.is_zero(), "nobody wakes the task");
                std::thread::park_timeout(left);
            }
        }
    }
}

#[test]
fn a_task_is_woken_once_its_conditions_hold() {
    let machine = machine();
    let space = space(&machine, PATHS[0]);
    let low = only(Condition::LowCommit);
    assert_eq!(block_on(machine.until_any(low)), low, "what holds is ready at once");
    let full = only(Condition::MaximumCommit);
    let waits = machine.until_all(full);
    std::thread::scope(|scope| {
        let task = scope.spawn(|| block_on(waits));
        committed(&space, 12 * MIB);
        assert_eq!(task.join().expect("a task"), full);
    });
    // One that is given up leaves nothing behind that the next would trip over.
    let mut given_up = machine.until_any(low);
    let pending = Pin::new(&mut given_up).poll(&mut Context::from_waker(Waker::noop()));
    assert!(pending.is_pending());
    drop(given_up);
    assert_eq!(block_on(machine.until_any(full)), full);
}
