//! The events of Windows, set by another process, and everyone here who waits for them.
//!
//! Each test that sets events of the system is run by `cargo xtask windows`, alone in a system of
//! its own.
#![cfg(windows)]

use memtide_core::conditions::{Condition, ConditionSet, Profile, Reason, State};
use memtide_core::units::Bytes;
use memtide_host::conditions::{Conditions, Mode};
use memtide_host::{Error, Options, look};
use memtide_pressure::windows::{Injector, serve, wait};
use std::os::windows::io::AsHandle;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// STATUS_OBJECT_NAME_NOT_FOUND.
const NAME_NOT_FOUND: u32 = 0xC000_0034;

/// The events belong to the system: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static SYSTEM: Mutex<()> = Mutex::new(());
    SYSTEM.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(profile: Profile) -> Conditions {
    Conditions::open(&Options { profile, ..Options::default() }).expect("opened")
}

/// Waits until the handle sees this state.
fn becomes(conditions: &Conditions, condition: Condition, state: State) {
    let deadline = Instant::now() + SOON;
    while conditions.reading(condition).state != state {
        let reading = conditions.reading(condition);
        assert!(Instant::now() < deadline, "expected {state:?}: {reading:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "the process that sets events for the others"]
fn injector() {
    serve();
}

#[test]
fn the_events_that_exist_decide_and_say_so() {
    let _alone = alone();
    for reading in look(&Options::default()).expect("a look").readings {
        match reading.reason {
            Reason::Event => assert_ne!(reading.state, State::Unknown),
            Reason::NoEvent { .. } => assert_eq!(reading.state, State::Unknown),
            other => panic!("{other:?} decided {}", reading.condition),
        }
    }
    let memory = look(&Options::default()).expect("a look").readings[0];
    assert_eq!((memory.condition, memory.reason), (Condition::LowMemory, Reason::Event));
    assert!(memory.value > Some(Bytes::ZERO) && memory.threshold > Some(Bytes::ZERO));
}

#[test]
fn the_early_warning_is_judged_by_the_levels_and_the_pools_by_their_events() {
    let _alone = alone();
    let conditions = open(Profile::EarlyWarning);
    let reason = |condition| conditions.reading(condition).reason;
    assert_eq!(reason(Condition::LowMemory), Reason::Availability);
    assert_eq!(reason(Condition::LowCommit), Reason::CommitCharge);
    assert_eq!(reason(Condition::LowPagedPool), Reason::Event);
    let early = conditions.reading(Condition::LowMemory).threshold;
    assert!(early > open(Profile::Windows).reading(Condition::LowMemory).threshold);
}

#[test]
fn a_wait_ends_when_its_time_is_out() {
    let _alone = alone();
    let began = Instant::now();
    let timeout = Duration::from_millis(200);
    let held = open(Profile::Windows).wait(Condition::LowPagedPool, Some(timeout));
    assert_eq!(held.expect("known"), None);
    assert!(began.elapsed() >= timeout);
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn each_event_wakes_whoever_waits_for_it_and_nobody_else() {
    let _alone = alone();
    let mut injector = Injector::start();
    let conditions = open(Profile::Windows);
    for condition in Condition::ALL.into_iter().take(6) {
        becomes(&conditions, condition, State::Clear);
        let waiting = conditions.until_any(condition.into());
        let others = conditions.until_any(
            Condition::ALL.into_iter().take(6).filter(|other| *other != condition).collect(),
        );
        let thread = std::thread::spawn(move || waiting.block(Some(SOON)));
        injector.set(condition.name());
        let held = thread.join().expect("no panic").expect("known");
        assert_eq!(held, Some(condition.into()));
        assert_eq!(others.block(Some(Duration::from_millis(20))).expect("known"), None);
        // Level-triggered: it holds for whoever asks while it is set.
        for _ in 0..3 {
            let held = conditions.wait(condition, Some(Duration::ZERO)).expect("known");
            assert_eq!(held, Some(condition.into()));
        }
        injector.clear(condition.name());
        becomes(&conditions, condition, State::Clear);
    }
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn far_more_waiters_than_a_thread_can_wait_on_handles_are_all_woken() {
    let _alone = alone();
    const WAITERS: usize = 200;
    let mut injector = Injector::start();
    let conditions = open(Profile::Windows);
    let wanted = ConditionSet::from(Condition::LowNonPagedPool);
    let events: Vec<_> =
        (0..WAITERS).map(|_| conditions.event(wanted, Mode::Any).expect("an event")).collect();
    let handles: Vec<_> = (0..WAITERS).map(|_| open(Profile::Windows)).collect();
    let threads: Vec<_> = handles
        .iter()
        .map(|own| own.until_any(wanted))
        .map(|waiting| std::thread::spawn(move || waiting.block(Some(SOON))))
        .collect();
    let is_signalled = |within| {
        move |event: &memtide_host::conditions::Event| {
            wait(event.as_handle(), within).expect("a wait")
        }
    };
    assert!(!events.iter().any(is_signalled(Duration::ZERO)));
    injector.set(Condition::LowNonPagedPool.name());
    for thread in threads {
        assert_eq!(thread.join().expect("no panic").expect("known"), Some(wanted));
    }
    assert!(events.iter().all(is_signalled(SOON)));
    injector.clear(Condition::LowNonPagedPool.name());
    becomes(&conditions, Condition::LowNonPagedPool, State::Clear);
    assert!(!events.iter().any(is_signalled(Duration::ZERO)), "cleared with the condition");
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn all_means_all_at_the_same_time() {
    let _alone = alone();
    let mut injector = Injector::start();
    let conditions = open(Profile::Windows);
    let both = ConditionSet::from([Condition::LowPagedPool, Condition::HighMemory]);
    injector.set(Condition::LowPagedPool.name());
    becomes(&conditions, Condition::LowPagedPool, State::Set);
    let one = conditions.wait_all(both, Some(Duration::from_millis(100)));
    assert_eq!(one.expect("known"), None, "one of the two");
    assert_eq!(
        conditions.wait_any(both, Some(SOON)).expect("known"),
        Some(Condition::LowPagedPool.into())
    );
    let waiting = conditions.until_all(both);
    let thread = std::thread::spawn(move || waiting.block(Some(SOON)));
    injector.set(Condition::HighMemory.name());
    assert_eq!(thread.join().expect("no panic").expect("known"), Some(both));
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn an_event_set_for_a_moment_still_wakes_who_waited() {
    let _alone = alone();
    let mut injector = Injector::start();
    let conditions = open(Profile::Windows);
    for _ in 0..5 {
        becomes(&conditions, Condition::LowPagedPool, State::Clear);
        // Its place among the waiters is taken before the event is set.
        let changes = conditions.changes(Condition::LowPagedPool.into());
        // The thread that watches has seen it clear, and may still be on its way to wait for it.
        let first = (0..3).find_map(|_| {
            injector.pulse(Condition::LowPagedPool.name());
            changes.next_within(Some(Duration::from_secs(1)))
        });
        let second = changes.next_within(Some(SOON));
        let states = [first, second].map(|change| change.map(|change| change.reading.state));
        assert_eq!(states, [Some(State::Set), Some(State::Clear)]);
    }
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn events_that_are_missing_are_unknown_until_they_exist() {
    let _alone = alone();
    let conditions = open(Profile::Windows);
    let commit = [Condition::LowCommit, Condition::HighCommit, Condition::MaximumCommit];
    for condition in commit {
        let reading = conditions.reading(condition);
        assert_eq!(reading.state, State::Unknown, "has Wine got commit events meanwhile?");
        assert_eq!(reading.reason, Reason::NoEvent { status: NAME_NOT_FOUND });
        let error = conditions.wait(condition, None).expect_err("it would never end");
        assert!(matches!(error, Error::Unknowable { status: Some(NAME_NOT_FOUND), .. }));
        let told = error.to_string();
        assert!(told.contains(condition.name()) && told.contains("0xC0000034"), "{told}");
    }
    let mut injector = Injector::start();
    for condition in commit {
        injector.create(condition.name());
        becomes(&conditions, condition, State::Clear);
        let waiting = conditions.until_any(condition.into());
        let thread = std::thread::spawn(move || waiting.block(Some(SOON)));
        injector.set(condition.name());
        let held = thread.join().expect("no panic").expect("known");
        assert_eq!(held, Some(condition.into()));
        let reading = conditions.reading(condition);
        assert_eq!((reading.reason, reading.threshold), (Reason::Event, None));
        assert!(reading.value > Some(Bytes::ZERO), "the commit charge");
    }
}

#[test]
#[ignore = "changes the registry: cargo xtask windows"]
fn the_marks_of_the_registry_are_shown() {
    let _alone = alone();
    let reg = |arguments: &[&str]| {
        let key = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management";
        let done = Command::new("reg").arg(arguments[0]).arg(key).args(&arguments[1..]).output();
        assert!(done.as_ref().is_ok_and(|output| output.status.success()), "{done:?}");
    };
    let marks = || {
        let readings = look(&Options::default()).expect("a look").readings;
        [readings[0].threshold, readings[1].threshold]
    };
    let mib = |mib| Some(Bytes::from_mib(mib));
    reg(&["add", "/v", "LowMemoryThreshold", "/t", "REG_DWORD", "/d", "100", "/f"]);
    assert_eq!(marks(), [mib(100), mib(300)]);
    reg(&["add", "/v", "HighMemoryThreshold", "/t", "REG_DWORD", "/d", "50", "/f"]);
    assert_eq!(marks(), [mib(100), mib(100)], "high is at least low");
    reg(&["delete", "/v", "LowMemoryThreshold", "/f"]);
    reg(&["delete", "/v", "HighMemoryThreshold", "/f"]);
    assert_ne!(marks()[0], mib(100));
}
