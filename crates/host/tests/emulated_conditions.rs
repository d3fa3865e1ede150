//! The conditions of a whole machine that is really short of memory.
#![cfg(target_os = "linux")]

use memtide_core::conditions::{Condition, Profile, Reason, State};
use memtide_core::units::Bytes;
use memtide_host::conditions::Conditions;
use memtide_host::{CommitRule, Machine, Options, Scope};
use memtide_pressure::{Cgroup, Hog};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
const STEP: usize = 4 * MIB;
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

fn early(scope: Scope) -> Options {
    Options { profile: Profile::EarlyWarning, scope, ..Options::default() }
}

/// Grows until low is set; panics where memory should have been low long before.
fn grow_until_low(hog: &mut Hog, conditions: &Conditions) {
    let total = memtide_host::look(&Options::default()).expect("a look").sample.sizes.physical;
    let most = usize::try_from(total.0).expect("a small machine") * 2;
    let mut grown = 0;
    while conditions.is_set(Condition::LowMemory) != Some(true) {
        assert!(grown < most, "{grown} bytes of {total} taken and memory is not low");
        hog.grow(STEP);
        grown += STEP;
        // Slower than memory is looked at, so that the program stops where it is told.
        std::thread::sleep(Duration::from_millis(15));
    }
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn a_machine_goes_from_high_to_low_and_back() {
    let conditions = Conditions::open(&early(Scope::Machine)).expect("opened");
    let changes = conditions.changes([Condition::LowMemory, Condition::HighMemory].into());
    conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("a machine at rest");
    let mut hog = Hog::new();
    grow_until_low(&mut hog, &conditions);
    let reading = conditions.reading(Condition::LowMemory);
    assert!(matches!(reading.reason, Reason::Availability | Reason::Stall), "{reading:?}");
    assert!(reading.value < reading.threshold, "{reading:?}");
    hog.release();
    conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high again");
    drop(conditions);
    let told: Vec<_> = std::iter::from_fn(|| changes.next_within(PATIENCE))
        .map(|change| (change.reading.condition, change.reading.state))
        .collect();
    use State::{Clear, Set};
    let (low, high) = (Condition::LowMemory, Condition::HighMemory);
    let expected = [(high, Set), (high, Clear), (low, Set), (low, Clear), (high, Set)];
    assert_eq!(told, expected, "neither is set in between, and nothing flaps");
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn a_program_that_is_warned_lives_where_one_that_is_not_is_killed() {
    let unwarned = run_child("unwarned");
    assert_eq!(unwarned.signal(), Some(9), "killed for want of memory: {unwarned}");
    let warned = run_child("warned");
    assert!(warned.success(), "it freed in time: {warned}");
}

fn run_child(how: &str) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--ignored", "--exact", "child", "--nocapture"]).env("MEMTIDE_CHILD", how);
    command.status().expect("it starts")
}

/// The program that the test above runs: it takes three times what there is.
#[test]
#[ignore = "is run by a_program_that_is_warned_lives_where_one_that_is_not_is_killed"]
fn child() {
    let Ok(how) = std::env::var("MEMTIDE_CHILD") else { return };
    // Let the kernel choose this process, and not the one that looks on.
    std::fs::write("/proc/self/oom_score_adj", "1000").expect("may be raised");
    let look = memtide_host::look(&Options::default()).expect("a look");
    let swap = look.sample.commit.limit.zip(look.sample.lists.total).map(|(l, t)| l.0 - t.0);
    let wanted = look.sample.sizes.physical.0 * 3 + swap.unwrap_or_default();
    let wanted = usize::try_from(wanted).expect("a small machine");
    let conditions = Conditions::open(&early(Scope::Machine)).expect("opened");
    let mut hog = Hog::new();
    let mut taken = 0;
    while taken < wanted {
        if how == "warned" && conditions.is_set(Condition::LowMemory) == Some(true) {
            hog.release();
            conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high");
        }
        hog.grow(STEP);
        taken += STEP;
    }
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn a_version_2_container_has_its_own_numbers() {
    let group = Cgroup::new("v2", 128 << 20).join();
    let conditions = Conditions::open(&early(Scope::Auto)).expect("opened");
    let changes = conditions.changes(Condition::LowMemory.into());
    let mut hog = Hog::new();
    for cycle in 0..5 {
        conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high");
        hog.grow(120 * MIB);
        conditions.wait(Condition::LowMemory, PATIENCE).expect("known").expect("low");
        let reading = conditions.reading(Condition::LowMemory);
        assert_eq!(reading.reason, Reason::ContainerLimit, "cycle {cycle}: {reading:?}");
        assert_eq!(reading.threshold, Some(Bytes((128 << 20) / 10).whole_pages()));
        hog.release();
    }
    conditions.wait(Condition::HighMemory, PATIENCE).expect("known").expect("high");
    let mut machine = Machine::open(&Scope::Auto).expect("opened");
    let sample = machine.sample().expect("a sample");
    assert_eq!(sample.container.map(|c| c.version), Some(2));
    assert!(sample.stall.is_some(), "a cgroup of version 2 counts its own stalls");
    drop(conditions);
    let told = std::iter::from_fn(|| changes.next_within(PATIENCE)).count();
    assert_eq!(told, 10, "five times set and clear");
    drop(group);
}

/// Sets the overcommit mode until dropped.
struct Overcommit(String);

const MODE: &str = "/proc/sys/vm/overcommit_memory";

impl Overcommit {
    fn set(mode: &str) -> Self {
        let before = std::fs::read_to_string(MODE).expect("a mode");
        std::fs::write(MODE, mode).expect("may be set");
        Self(before)
    }
}

impl Drop for Overcommit {
    fn drop(&mut self) {
        let _ = std::fs::write(MODE, self.0.trim());
    }
}

fn meminfo(name: &str) -> Bytes {
    let text = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
    let line = text.lines().find(|line| line.starts_with(name)).expect("a line");
    let kib = line.split_ascii_whitespace().nth(1).expect("a number");
    Bytes::from_kib(kib.parse().expect("a number"))
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn the_commit_limit_follows_the_overcommit_mode() {
    let limit = || {
        let sample = Machine::open(&Scope::Machine).and_then(|mut m| m.sample()).expect("a sample");
        (sample.commit.rule, sample.commit.limit)
    };
    let backable = meminfo("MemTotal:").saturating_add(meminfo("SwapTotal:"));
    for (mode, rule) in [("0", CommitRule::Heuristic), ("1", CommitRule::Always)] {
        let _mode = Overcommit::set(mode);
        assert_eq!(limit(), (Some(rule), Some(backable)));
    }
    let _mode = Overcommit::set("2");
    assert_eq!(limit(), (Some(CommitRule::Strict), Some(meminfo("CommitLimit:"))));
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn commit_is_maximum_or_only_high_where_a_page_file_can_still_be_added() {
    let _mode = Overcommit::set("2");
    let room = meminfo("CommitLimit:").saturating_sub(meminfo("Committed_AS:"));
    // Promised and never touched: 95% of the limit.
    let promised = meminfo("CommitLimit:").scale(95, 100);
    let promised = promised.saturating_sub(meminfo("Committed_AS:")).min(room);
    let reserve: Vec<u8> = Vec::with_capacity(usize::try_from(promised.0).expect("a small size"));
    let set = || {
        let look = memtide_host::look(&Options { scope: Scope::Machine, ..Options::default() });
        let readings = look.expect("a look").readings;
        let state = |condition: Condition| readings[condition.index()].state;
        (state(Condition::HighCommit), state(Condition::MaximumCommit))
    };
    assert_eq!(set(), (State::Clear, State::Set));
    // Large enough that the maximum is far away.
    let page_file = tempfile::NamedTempFile::new_in("/disk").expect("a file");
    page_file.as_file().set_len(1 << 30).expect("a sparse file");
    let entry = format!("{} none swap noauto 0 0\n", page_file.path().display());
    std::fs::write("/etc/fstab", entry).expect("may be written");
    assert_eq!(set(), (State::Set, State::Clear));
    std::fs::remove_file("/etc/fstab").expect("removed");
    drop(reserve);
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn stalls_are_counted_and_a_trigger_is_permitted() {
    let sample = Machine::open(&Scope::Machine).and_then(|mut m| m.sample()).expect("a sample");
    assert!(sample.stall.is_some(), "this kernel has PSI");
    let began = Instant::now();
    let conditions = Conditions::open(&early(Scope::Machine)).expect("opened");
    assert!(began.elapsed() < Duration::from_secs(5));
    let open = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    let pressure = open
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|link| link.ends_with("pressure/memory"))
        .count();
    assert!(pressure >= 2, "one descriptor to read, one with a trigger: {pressure}");
    drop(conditions);
}
