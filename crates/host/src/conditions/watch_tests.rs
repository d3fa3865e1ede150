use super::*;
use crate::conditions::Wait;
use memtide_core::conditions::{Levels, Overrides, Profile, Sizes, Thresholds, Tracker};
use memtide_core::units::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake};
use std::time::Duration;

/// A watch whose levels the test sets.
struct Bench {
    tracker: Tracker,
    watch: Arc<Watch>,
}

const LOW: u64 = 10;
const MIDDLE: u64 = 50;
const HIGH: u64 = 500;

impl Bench {
    fn new() -> Self {
        let sizes = Sizes { physical: Bytes::from_mib(4096), ..Sizes::default() };
        let thresholds = Thresholds::new(Profile::Windows, &sizes, &Overrides::default());
        let mut tracker = Tracker::new(thresholds.expect("defaults"));
        tracker.update(&levels(Some(MIDDLE)));
        let gone = Arc::new(Signal::new().expect("a signal"));
        let watch = Arc::new(Watch::new(tracker.readings(), gone, None));
        Self { tracker, watch }
    }

    fn at(&mut self, mib: u64) {
        self.tracker.update(&levels(Some(mib)));
        self.watch.publish(self.tracker.readings());
    }

    fn wait(&self, wanted: impl Into<ConditionSet>, mode: Mode) -> Wait {
        Wait { watch: Arc::clone(&self.watch), wanted: wanted.into(), mode, place: None }
    }
}

fn levels(mib: Option<u64>) -> Levels {
    Levels { available: mib.map(Bytes::from_mib), ..Levels::default() }
}

/// A task that counts how often it is woken.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(wait: &mut Wait, counted: &Arc<Counted>) -> Option<ConditionSet> {
    use std::future::Future;
    let waker = Waker::from(Arc::clone(counted));
    match std::pin::Pin::new(wait).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(outcome) => Some(outcome.expect("the level is known")),
        Poll::Pending => None,
    }
}

#[test]
fn a_level_that_holds_does_not_block() {
    let mut bench = Bench::new();
    bench.at(LOW);
    let held = bench.wait(Condition::LowMemory, Mode::Any).block(None);
    assert_eq!(held.expect("known"), Some(Condition::LowMemory.into()));
}

#[test]
fn time_that_is_out_is_no_condition() {
    let bench = Bench::new();
    let held = bench.wait(Condition::LowMemory, Mode::Any).block(Some(Duration::from_millis(5)));
    assert_eq!(held.expect("known"), None);
    assert!(!bench.watch.is_wanted(Condition::LowMemory.into()), "the waiter has left");
}

#[test]
fn a_blocked_thread_is_woken_by_the_change() {
    let mut bench = Bench::new();
    let wait = bench.wait(Condition::LowMemory, Mode::Any);
    let thread = std::thread::spawn(move || wait.block(Some(Duration::from_secs(30))));
    while !bench.watch.is_wanted(Condition::LowMemory.into()) {
        std::thread::yield_now();
    }
    bench.at(LOW);
    let held = thread.join().expect("no panic").expect("known");
    assert_eq!(held, Some(Condition::LowMemory.into()));
}

#[test]
fn a_condition_set_for_a_moment_still_wakes_who_waited() {
    let mut bench = Bench::new();
    let counted = Arc::new(Counted::default());
    let mut wait = bench.wait(Condition::LowMemory, Mode::Any);
    assert_eq!(poll(&mut wait, &counted), None);
    bench.at(LOW);
    bench.at(HIGH);
    assert_eq!(counted.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(&mut wait, &counted), Some(Condition::LowMemory.into()));
}

#[test]
fn a_waiter_is_not_woken_for_what_it_does_not_want() {
    let mut bench = Bench::new();
    let counted = Arc::new(Counted::default());
    let mut wait = bench.wait(Condition::LowMemory, Mode::Any);
    assert_eq!(poll(&mut wait, &counted), None);
    bench.at(HIGH);
    assert_eq!(counted.0.load(Ordering::SeqCst), 0);
    assert_eq!(poll(&mut wait, &counted), None);
}

#[test]
fn all_means_all_at_the_same_time() {
    let mut bench = Bench::new();
    let counted = Arc::new(Counted::default());
    let both = [Condition::LowMemory, Condition::HighMemory];
    let mut wait = bench.wait(both, Mode::All);
    assert_eq!(poll(&mut wait, &counted), None);
    bench.at(LOW);
    bench.at(HIGH);
    assert_eq!(poll(&mut wait, &counted), None, "one after the other is not together");
    let mut any = bench.wait(both, Mode::Any);
    assert_eq!(poll(&mut any, &counted), Some(Condition::HighMemory.into()));
}

#[test]
fn waiting_for_what_cannot_be_known_is_an_error_and_not_for_ever() {
    let mut bench = Bench::new();
    let error = bench.wait(Condition::LowCommit, Mode::Any).block(None).expect_err("unknown");
    assert!(error.to_string().contains("LowCommitCondition"), "{error}");
    let counted = Arc::new(Counted::default());
    let mut wait = bench.wait(Condition::LowMemory, Mode::Any);
    assert_eq!(poll(&mut wait, &counted), None);
    bench.tracker.update(&levels(None));
    bench.watch.publish(bench.tracker.readings());
    assert_eq!(counted.0.load(Ordering::SeqCst), 1);
    assert!(wait.block(None).is_err(), "the level was lost while waiting");
}

#[test]
fn a_dropped_wait_leaves_no_waiter() {
    let bench = Bench::new();
    let counted = Arc::new(Counted::default());
    let mut wait = bench.wait(Condition::LowMemory, Mode::Any);
    assert_eq!(poll(&mut wait, &counted), None);
    drop(wait);
    assert!(bench.watch.lock().waiters.is_empty());
    assert_eq!(bench.watch.lock().counts, [0; Condition::COUNT]);
}

#[test]
fn a_wait_that_was_told_and_dropped_leaves_the_place_to_its_next_owner() {
    let mut bench = Bench::new();
    let counted = Arc::new(Counted::default());
    let mut told = bench.wait(Condition::LowMemory, Mode::Any);
    assert_eq!(poll(&mut told, &counted), None);
    bench.at(LOW);
    bench.at(MIDDLE);
    let mut next = bench.wait(Condition::HighMemory, Mode::Any);
    assert_eq!(poll(&mut next, &counted), None);
    drop(told);
    bench.at(HIGH);
    assert_eq!(poll(&mut next, &counted), Some(Condition::HighMemory.into()));
    assert_eq!(bench.watch.lock().counts, [0; Condition::COUNT]);
}

#[cfg(unix)]
#[test]
fn a_descriptor_is_readable_exactly_while_the_condition_holds() {
    let mut bench = Bench::new();
    let signal = Arc::new(Signal::new().expect("a signal"));
    let wanted = Condition::LowMemory.into();
    let key = bench.watch.join_signal(wanted, Mode::Any, Arc::clone(&signal)).expect("ours");
    let event = crate::conditions::Event { watch: Arc::clone(&bench.watch), signal, key };
    let readable = || {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&event, PollFlags::IN)], Some(&now)).expect("poll") == 1
    };
    assert!(!readable());
    for _ in 0..3 {
        bench.at(LOW);
        assert!(readable() && readable(), "level-triggered");
        bench.at(MIDDLE);
        assert!(!readable());
    }
}

#[test]
fn every_change_is_told_in_order_and_first_what_is_set() {
    let mut bench = Bench::new();
    bench.at(LOW);
    let (sender, receiver) = mpsc::channel();
    bench.watch.listen([Condition::LowMemory, Condition::HighMemory].into(), sender);
    for mib in [MIDDLE, HIGH, LOW] {
        bench.at(mib);
    }
    let told: Vec<_> =
        receiver.try_iter().map(|c| (c.reading.condition, c.before, c.reading.state)).collect();
    use State::{Clear, Set};
    let (low, high) = (Condition::LowMemory, Condition::HighMemory);
    assert_eq!(
        told,
        [
            (low, None, Set),
            (low, Some(Set), Clear),
            (high, Some(Clear), Set),
            (low, Some(Clear), Set),
            (high, Some(Set), Clear),
        ]
    );
}

#[test]
fn who_no_longer_listens_is_no_longer_counted() {
    let mut bench = Bench::new();
    let (sender, receiver) = mpsc::channel();
    bench.watch.listen(Condition::LowMemory.into(), sender);
    assert!(bench.watch.is_wanted(Condition::LowMemory.into()));
    drop(receiver);
    bench.at(LOW);
    assert!(!bench.watch.is_wanted(Condition::LowMemory.into()));
    assert_eq!(bench.watch.lock().counts, [0; Condition::COUNT]);
}

/// What a child sees that fork made while another thread held the lock: a fork itself would leave
/// the test harness' other threads behind.
#[test]
fn in_a_child_of_fork_everything_is_unknown_and_nothing_hangs() {
    let mut bench = Bench::new();
    bench.at(LOW);
    let Bench { tracker, watch } = bench;
    let mut watch = Arc::into_inner(watch).expect("one handle");
    watch.owner = std::process::id() + 1;
    let bench = Bench { tracker, watch: Arc::new(watch) };
    let held = bench.watch.lock();
    assert!(bench.watch.readings().iter().all(|reading| reading.state == State::Unknown));
    let wait = bench.wait(Condition::LowMemory, Mode::Any);
    assert!(matches!(wait.block(None), Err(Error::Unknowable { .. })));
    let signal = Arc::new(Signal::new().expect("a signal"));
    assert!(bench.watch.join_signal(ConditionSet::ALL, Mode::Any, signal).is_err());
    let (sender, receiver) = mpsc::channel();
    bench.watch.listen(ConditionSet::ALL, sender);
    assert!(receiver.recv().is_err(), "the changes have ended");
    drop(held);
}
