//! `memtide status`, `lists`, `wait` and `watch` on Windows, as real processes, while another
//! process sets the events of the system.
#![cfg(windows)]

use memtide_pressure::Killed;
use memtide_pressure::windows::{Injector, serve};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The events belong to the system: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static SYSTEM: Mutex<()> = Mutex::new(());
    SYSTEM.lock().unwrap_or_else(PoisonError::into_inner)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").env_remove("NO_COLOR");
    command
}

fn memtide(arguments: &[&str]) -> Output {
    command(arguments).output().expect("memtide runs")
}

fn json(arguments: &[&str]) -> Value {
    let output = memtide(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A `memtide watch --json` and what it prints.
struct Watching {
    _child: Killed,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["watch", "--json"], arguments].concat();
        let mut command = command(&arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = Killed(child.expect("memtide runs"));
        let lines = BufReader::new(child.0.stdout.take().expect("its output")).lines();
        Self { _child: child, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("each line is JSON")
    }
}

#[test]
#[ignore = "the process that sets events for the others"]
fn injector() {
    serve();
}

#[test]
fn a_look_tells_the_nine_by_their_events() {
    let _alone = alone();
    let look = json(&["status", "--json"]);
    let conditions = look["conditions"].as_array().expect("a list");
    assert_eq!(conditions.len(), 9);
    for condition in conditions {
        let known = condition["set"].is_boolean();
        let reason = if known { "event" } else { "no-event" };
        assert_eq!(condition["reason"], reason, "{condition}");
    }
    assert_eq!(conditions[0]["name"], "LowMemoryCondition");
    assert!(conditions[0]["set"].is_boolean() && conditions[0]["value"].as_u64() > Some(0));
    let commit = &look["commit"];
    assert!(
        commit["charge"].as_u64() > Some(0)
            && commit["charge"].as_u64() <= commit["limit"].as_u64()
    );
    assert_eq!(commit["rule"], "strict");
    assert!(look["lists"]["total"].as_u64() > Some(0));
}

#[test]
fn lists_are_known_together_or_not_at_all_and_never_zero_for_unknown() {
    let _alone = alone();
    let lists = json(&["lists", "--json"]);
    let names = ["zeroed", "free", "modified", "standby", "priorities", "modified_no_write"];
    let known = names.map(|name| !lists[name].is_null());
    assert!(known == [true; 6] || known == [false; 6], "{lists}");
    if known[0] {
        let parts = ["zeroed", "free", "modified", "modified_no_write", "standby", "bad", "in_use"];
        let sum: i64 = parts.iter().map(|part| lists[part].as_i64().expect("known")).sum();
        let rest = lists["unattributed"].as_i64().expect("known");
        assert_eq!(Some(sum + rest), lists["total"].as_i64());
    } else {
        let text = String::from_utf8(memtide(&["lists"]).stdout).expect("text");
        assert!(text.contains("unknown"), "{text}");
    }
}

#[test]
fn what_is_printed_keeps_to_its_schema() {
    let _alone = alone();
    for arguments in [["status"], ["lists"]] {
        let schema = json(&["schema", arguments[0]]);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let printed = json(&[arguments[0], "--json"]);
        let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:?}");
    }
}

#[test]
fn a_wait_whose_time_is_out_ends_with_1_and_says_nothing() {
    let _alone = alone();
    let began = Instant::now();
    let output = memtide(&["wait", "low-memory", "--timeout", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_cgroup_is_refused_with_what_it_needs() {
    let output = memtide(&["--cgroup", r"C:\cgroup", "lists"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(r"C:\cgroup") && told.contains("Linux"), "{told}");
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn a_wait_ends_with_0_when_another_process_sets_the_event() {
    let _alone = alone();
    let mut injector = Injector::start();
    // What is set is told first, so the wait below is not the first to see it.
    let mut watching = Watching::start(&["low-paged-pool"]);
    let mut wait = command(&["wait", "low-paged-pool", "low-memory", "--timeout", "60s", "--json"]);
    let wait = wait.stdout(Stdio::piped()).spawn().expect("memtide runs");
    injector.set("LowPagedPoolCondition");
    assert_eq!(watching.next()["set"], true);
    let output = wait.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let waited: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let set = waited["conditions"].as_array().expect("a list");
    assert_eq!(set.len(), 1, "{waited}");
    assert_eq!(set[0]["name"], "LowPagedPoolCondition");
    let all = ["wait", "low-paged-pool", "low-memory", "--all", "--timeout", "200ms"];
    assert_eq!(memtide(&all).status.code(), Some(1), "one of the two");
}

#[test]
#[ignore = "sets events of the system: cargo xtask windows"]
fn a_watch_tells_each_change_and_runs_the_command_with_it() {
    let _alone = alone();
    let mut injector = Injector::start();
    let directory = tempfile::tempdir().expect("a directory");
    let told = directory.path().join("told.txt");
    let script = format!("echo %MEMTIDE_CONDITION% %MEMTIDE_STATE%>>{}", told.display());
    injector.set("LowNonPagedPoolCondition");
    let mut watching = Watching::start(&["low-nonpaged-pool", "--exec", &script]);
    assert_eq!(watching.next()["set"], true, "what is set is told first");
    injector.clear("LowNonPagedPoolCondition");
    let change = watching.next();
    assert_eq!(
        (&change["name"], &change["set"]),
        (&"LowNonPagedPoolCondition".into(), &false.into())
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    let lines = || -> Vec<String> {
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    };
    while lines().len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", lines());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(lines(), ["LowNonPagedPoolCondition set", "LowNonPagedPoolCondition clear"]);
}

#[test]
#[ignore = "needs a system without commit events: cargo xtask windows"]
fn to_wait_for_an_event_that_is_missing_is_an_error_with_its_status() {
    let _alone = alone();
    let output = memtide(&["wait", "low-commit", "--timeout", "60s"]);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("LowCommitCondition") && told.contains("0xC0000034"), "{told}");
}
