//! The conditions under real pressure, in a memory cgroup of the test's own.
#![cfg(target_os = "linux")]

use memtide_core::conditions::{Condition, Profile, Reason, State};
use memtide_core::units::Bytes;
use memtide_host::conditions::{Conditions, Mode};
use memtide_host::{Options, Scope};
use memtide_pressure::{Cgroup, Hog};
use std::io::Write;
use std::time::Duration;

const MIB: usize = 1 << 20;
const LIMIT: u64 = 256 << 20;
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

fn early() -> Options {
    Options { profile: Profile::EarlyWarning, ..Options::default() }
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn low_fires_with_the_containers_numbers_and_clears_a_hundred_times() {
    let group = Cgroup::new("cycles", LIMIT).join();
    let conditions = Conditions::open(&early()).expect("opened");
    let changes = conditions.changes(Condition::LowMemory.into());
    let mut hog = Hog::new();
    for cycle in 0..100 {
        conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high again");
        hog.grow(240 * MIB);
        conditions.wait(Condition::LowMemory, PATIENCE).expect("known").expect("low");
        let reading = conditions.reading(Condition::LowMemory);
        assert_eq!(reading.reason, Reason::ContainerLimit, "cycle {cycle}");
        assert_eq!(reading.threshold, Some(Bytes(LIMIT / 10).whole_pages()), "cycle {cycle}");
        assert!(reading.value < reading.threshold, "cycle {cycle}: {reading:?}");
        hog.release();
    }
    conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high again");
    drop(conditions);
    let states: Vec<_> =
        std::iter::from_fn(|| changes.next_within(PATIENCE)).map(|c| c.reading.state).collect();
    let expected: Vec<_> = [State::Set, State::Clear].into_iter().cycle().take(200).collect();
    assert_eq!(states, expected, "not one missed, not one too many");
    drop(group);
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn page_cache_is_not_counted_as_used() {
    let group = Cgroup::new("cache", LIMIT).join();
    let file = tempfile::Builder::new().tempfile_in(".").expect("a file on a disk");
    for _ in 0..200 {
        file.as_file().write_all(&[1; MIB]).expect("written");
    }
    file.as_file().sync_all().expect("on the disk");
    let mut machine = memtide_host::Machine::open(&Scope::Auto).expect("opened");
    let container = machine.sample().expect("a sample").container.expect("a container");
    let charged = container.charged.expect("known");
    assert!(charged > Bytes(150 << 20), "the file is charged: {charged}");
    let available = container.available.expect("known");
    assert!(available > Bytes(200 << 20), "and still available: {available}");
    drop(group);
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn a_descriptor_and_a_named_cgroup_follow_the_level() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let group = Cgroup::new("named", LIMIT).join();
    let options = Options { scope: Scope::Cgroup(group.path().to_path_buf()), ..early() };
    let conditions = Conditions::open(&options).expect("opened");
    let low = conditions.event(Condition::LowMemory.into(), Mode::Any).expect("a descriptor");
    let readable_within = |seconds| {
        let timeout = Timespec { tv_sec: seconds, tv_nsec: 0 };
        poll(&mut [PollFd::new(&low, PollFlags::IN)], Some(&timeout)).expect("poll") == 1
    };
    assert!(!readable_within(0));
    let mut hog = Hog::new();
    hog.grow(240 * MIB);
    assert!(readable_within(20));
    hog.release();
    conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high again");
    assert!(!readable_within(0));
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn a_named_cgroup_that_vanishes_ends_the_wait_with_an_error() {
    let group = Cgroup::new("gone", LIMIT).join();
    let options = Options { scope: Scope::Cgroup(group.path().to_path_buf()), ..early() };
    let conditions = Conditions::open(&options).expect("opened");
    let wait = conditions.until_any(Condition::LowMemory.into());
    let waiting = std::thread::spawn(move || wait.block(PATIENCE));
    drop(group);
    let error = waiting.join().expect("no panic").expect_err("the cgroup is gone");
    assert!(error.to_string().contains("LowMemoryCondition"), "{error}");
}
