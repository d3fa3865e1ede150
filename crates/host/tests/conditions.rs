//! Waiting on this machine as it is: no pressure, no privilege.

use memtide_core::conditions::{Condition, ConditionSet, Overrides, Profile};
use memtide_host::conditions::Conditions;
use memtide_host::{Options, Scope};
use std::time::Duration;

/// Marks by which the machine's available memory, whatever it is, is low.
fn always_low() -> Options {
    let total = memtide_host::look(&Options::default()).expect("a look").sample.sizes.physical;
    let most = u32::try_from((total.0 >> 20) - 1).expect("less than 4 PiB");
    let overrides = Overrides { low_memory_mb: Some(most), ..Overrides::default() };
    Options { scope: Scope::Auto, profile: Profile::Windows, overrides }
}

#[test]
fn a_machine_at_rest_is_known_at_once() {
    let conditions = Conditions::open(&Options::default()).expect("opened");
    assert_eq!(conditions.is_set(Condition::LowMemory), Some(false));
    let timeout = Some(Duration::from_millis(20));
    assert_eq!(conditions.wait(Condition::LowMemory, timeout).expect("known"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn one_thread_watches_for_every_handle() {
    use std::time::Instant;
    let watchers = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("tasks");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(entry.ok()?.path().join("comm")).ok()
        };
        tasks.filter_map(name).filter(|name| name.trim() == "memtide-watch").count()
    };
    let handles: Vec<_> = (0..5)
        .map(|_| Conditions::open(&Options::default()).expect("opened"))
        .chain([Conditions::open(&always_low()).expect("opened")])
        .collect();
    // A thread that ended with the handles of another test may take a moment to be gone.
    let deadline = Instant::now() + Duration::from_secs(10);
    while watchers() != 1 {
        assert!(Instant::now() < deadline, "{} threads watch", watchers());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(handles[5].is_set(Condition::LowMemory), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tasks_wait_and_are_answered() {
    let conditions = Conditions::open(&always_low()).expect("opened");
    let tasks: Vec<_> = (0..10_000)
        .map(|_| tokio::spawn(conditions.until_any(ConditionSet::from(Condition::LowMemory))))
        .collect();
    for task in tasks {
        let held = task.await.expect("no panic").expect("known");
        assert!(held.contains(Condition::LowMemory));
    }
}

#[cfg(unix)]
#[test]
fn a_descriptor_of_a_condition_that_holds_is_readable() {
    use memtide_host::conditions::Mode;
    use rustix::event::{PollFd, PollFlags, poll};
    let conditions = Conditions::open(&always_low()).expect("opened");
    let event = conditions.event(Condition::LowMemory.into(), Mode::Any).expect("a descriptor");
    drop(conditions);
    let mut descriptors = [PollFd::new(&event, PollFlags::IN)];
    assert_eq!(poll(&mut descriptors, None).expect("poll"), 1);
}

#[test]
fn what_is_set_is_the_first_change() {
    let conditions = Conditions::open(&always_low()).expect("opened");
    let changes = conditions.changes(Condition::LowMemory.into());
    let first = changes.next_within(Some(Duration::from_secs(5))).expect("a change");
    assert_eq!((first.reading.condition, first.before), (Condition::LowMemory, None));
}
