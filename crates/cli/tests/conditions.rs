//! `memtide status`, `lists`, `watch` and `wait` as a user runs them.
#![cfg(target_os = "linux")]

use memtide_pressure::Killed;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

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

/// What a run that must fail says, with its exit code.
fn refused(arguments: &[&str], exit: i32) -> String {
    let output = memtide(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {errors}");
    assert!(output.stdout.is_empty(), "errors belong on standard error");
    errors
}

fn watching(arguments: &[&str]) -> Killed {
    let mut command = command(arguments);
    Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("memtide runs"))
}

/// A threshold that holds on any machine: the low mark is nearly all there is.
fn always_low() -> String {
    let total = json(&["lists", "--machine", "--json"])["total"].as_u64().expect("a total");
    let container = json(&["status", "--json"])["container"]["limit"].as_u64();
    let physical = container.map_or(total, |limit| limit.min(total));
    format!("--threshold=LowMemoryThreshold={}", (physical >> 20) - 1)
}

#[test]
fn without_a_command_it_is_one_look() {
    let look = json(&["--json"]);
    let conditions = look["conditions"].as_array().expect("a list");
    assert_eq!(conditions.len(), 9);
    assert_eq!(conditions[0]["name"], "LowMemoryCondition");
    for field in ["lists", "commit", "pools", "container", "processes"] {
        assert!(look.get(field).is_some(), "{field}");
    }
    let text = String::from_utf8(memtide(&[]).stdout).expect("text");
    assert!(text.contains("MaximumCommitCondition"), "{text}");
}

#[test]
fn what_is_printed_keeps_to_its_schema() {
    let low = always_low();
    for arguments in
        [vec!["status"], vec!["lists"], vec!["wait", "low-memory", &low, "--timeout", "5s"]]
    {
        let schema = json(&["schema", arguments[0]]);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let printed = json(&[arguments.clone(), vec!["--json"]].concat());
        let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:?}");
    }
}

#[test]
fn the_lists_add_up_to_the_total() {
    for lists in [json(&["lists", "--json"]), json(&["status", "--json"])["lists"].clone()] {
        let parts = [
            "zeroed",
            "free",
            "modified",
            "modified_no_write",
            "standby",
            "bad",
            "in_use",
            "unattributed",
        ];
        let sum: i64 = parts.iter().map(|part| lists[part].as_i64().unwrap_or(0)).sum();
        assert_eq!(Some(sum), lists["total"].as_i64());
    }
}

#[test]
fn a_wait_ends_with_0_when_set_and_1_when_the_time_is_out() {
    let low = always_low();
    assert_eq!(memtide(&["wait", "low-memory", &low]).status.code(), Some(0));
    let began = Instant::now();
    let output = memtide(&["wait", "low-memory", "--timeout", "300ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert!(began.elapsed() >= Duration::from_millis(300));
    let any = ["wait", "low-memory", "high-memory", "--any", "--timeout", "5s"];
    assert_eq!(memtide(&any).status.code(), Some(0));
    let all = ["wait", "low-memory", "high-memory", "--all", "--timeout", "200ms"];
    assert_eq!(memtide(&all).status.code(), Some(1), "never both");
}

#[test]
fn windows_own_names_are_understood() {
    let low = always_low();
    for name in ["LowMemoryCondition", "lowmemory", "LOW-MEMORY"] {
        assert_eq!(memtide(&["wait", name, &low]).status.code(), Some(0), "{name}");
    }
}

#[test]
fn bad_input_names_the_value_and_what_was_expected() {
    let near = refused(&["wait", "low-memry"], 2);
    assert!(near.contains("low-memry") && near.contains("'low-memory'"), "{near}");
    let unit = refused(&["wait", "low-memory", "--timeout", "30"], 2);
    assert!(unit.contains("'30'") && unit.contains("30s"), "{unit}");
    let name = refused(&["--threshold", "LowMemory=3"], 2);
    assert!(name.contains("LowMemory=3") && name.contains("LowMemoryThreshold"), "{name}");
    let number = refused(&["--threshold", "LowMemoryThreshold=much"], 2);
    assert!(number.contains("'much'") && number.contains("MB"), "{number}");
    let large = refused(&["--threshold", "LowMemoryThreshold=4000000000"], 2);
    assert!(large.contains("4000000000 MB") && large.contains("expected less than"), "{large}");
    let share = refused(&["--threshold", "HighCommitThreshold=101"], 2);
    assert!(share.contains("101") && share.contains("0 to 100"), "{share}");
    let cgroup = refused(&["--cgroup", "/proc"], 2);
    assert!(cgroup.contains("/proc") && cgroup.contains("memory.current"), "{cgroup}");
    let absent = refused(&["--cgroup", "/no/such/cgroup"], 2);
    assert!(absent.contains("/no/such/cgroup"), "{absent}");
    refused(&["wait"], 2);
    refused(&["status", "--profile", "linux"], 2);
}

#[test]
fn the_configuration_speaks_the_registrys_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("memtide.toml");
    let path = path.to_str().expect("text");
    std::fs::write(path, "LowMemoryThreshold = 123\n").expect("written");
    let look = json(&["--config", path, "--json"]);
    assert_eq!(look["conditions"][0]["threshold"], 123 << 20);
    assert_eq!(look["conditions"][1]["threshold"], (3 * 123) << 20);
    let look = json(&["--config", path, "--threshold", "LowMemoryThreshold=124", "--json"]);
    assert_eq!(look["conditions"][0]["threshold"], 124 << 20, "an argument goes before the file");

    std::fs::write(path, "LowMemoryTreshold = 123\n").expect("written");
    let unknown = refused(&["--config", path], 2);
    assert!(unknown.contains("LowMemoryTreshold") && unknown.contains(path), "{unknown}");
    let absent = refused(&["--config", "/no/such/file"], 2);
    assert!(absent.contains("/no/such/file"), "{absent}");
}

#[test]
fn the_early_warning_comes_earlier() {
    let threshold = |profile: &str| {
        json(&["--profile", profile, "--json"])["conditions"][0]["threshold"].as_u64()
    };
    assert!(threshold("early-warning") > threshold("windows"));
}

#[test]
fn a_watch_tells_what_is_set_and_runs_the_command_with_it() {
    let low = always_low();
    let directory = tempfile::tempdir().expect("a directory");
    let told = directory.path().join("told");
    // The rename makes the file appear whole.
    let script = format!(
        "echo $MEMTIDE_CONDITION $MEMTIDE_STATE $MEMTIDE_REASON ${{MEMTIDE_VALUE:+value}} \
         ${{MEMTIDE_THRESHOLD:+threshold}} > {0}.new; mv {0}.new {0}",
        told.display()
    );
    let arguments = ["watch", "low-memory", "--json", "--exec", &script, &low];
    let mut child = watching(&arguments);
    let mut lines = BufReader::new(child.0.stdout.take().expect("its output")).lines();
    let line: Value = serde_json::from_str(&lines.next().expect("a line").expect("text"))
        .expect("each line is JSON");
    assert_eq!((&line["name"], &line["set"]), (&"LowMemoryCondition".into(), &true.into()));
    let deadline = Instant::now() + Duration::from_secs(20);
    let told = loop {
        if let Ok(told) = std::fs::read_to_string(&told) {
            break told;
        }
        assert!(Instant::now() < deadline, "the command did not run");
        std::thread::sleep(Duration::from_millis(10));
    };
    let words: Vec<_> = told.split_ascii_whitespace().collect();
    assert_eq!(words[..2], ["LowMemoryCondition", "set"]);
    assert!(["availability", "container-limit"].contains(&words[2]), "{told}");
    assert_eq!(words[3..], ["value", "threshold"]);
}

#[test]
fn a_slow_command_neither_delays_nor_loses_a_line() {
    let low = always_low();
    let directory = tempfile::tempdir().expect("a directory");
    let (gate, ran) = (directory.path().join("gate"), directory.path().join("ran"));
    // Each run stands still until the gate is there.
    let script = format!(
        "until test -e {}; do sleep 0.02; done; echo $MEMTIDE_CONDITION >> {}",
        gate.display(),
        ran.display()
    );
    let expected = json(&["status", &low, "--json"]);
    let expected: Vec<_> = expected["conditions"].as_array().expect("a list").iter().collect();
    let expected = expected.iter().filter(|c| c["set"] == true).count();
    assert!(expected >= 2, "low memory and low commit at least");
    let arguments = ["watch", "--json", "--exec", &script, &low];
    let mut child = watching(&arguments);
    let lines = BufReader::new(child.0.stdout.take().expect("its output")).lines();
    assert_eq!(lines.take(expected).filter(Result::is_ok).count(), expected);
    assert!(!ran.exists(), "every line came while the first command still ran");
    std::fs::write(&gate, "").expect("opened");
    let deadline = Instant::now() + Duration::from_secs(20);
    let runs = || std::fs::read_to_string(&ran).unwrap_or_default().lines().count();
    while runs() < expected {
        assert!(Instant::now() < deadline, "{} of {expected} runs", runs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn every_command_says_null_for_what_linux_does_not_keep() {
    let look = json(&["status", "--json"]);
    assert!(look["commit"]["peak"].is_null());
    assert!(look["lists"]["modified_no_write"].is_null());
    assert!(String::from_utf8_lossy(&memtide(&["lists"]).stdout).contains("unknown"));
}

#[test]
fn colour_is_for_terminals_and_on_demand() {
    assert!(!memtide(&[]).stdout.contains(&0x1b), "a pipe");
    assert!(memtide(&["--color", "always"]).stdout.contains(&0x1b));
    let no_color = command(&[]).env("NO_COLOR", "1").output().expect("memtide runs");
    assert!(!no_color.stdout.contains(&0x1b));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = command(&["status"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("memtide runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = memtide(&["completions", shell]).stdout;
        assert!(String::from_utf8_lossy(&script).contains("objects"), "{shell}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("text");
    assert!(memtide(&["man", path]).status.success());
    for page in ["memtide.1", "memtide-wait.1", "memtide-clean.1"] {
        assert!(directory.path().join(page).exists(), "{page}");
    }
    assert!(String::from_utf8_lossy(&memtide(&["man"]).stdout).contains(".TH"));
}

#[test]
fn every_command_has_help() {
    for command in ["status", "lists", "watch", "wait", "ps", "objects", "clean", "doctor"] {
        let help = String::from_utf8(memtide(&[command, "--help"]).stdout).expect("text");
        assert!(help.contains("Usage:") && help.contains("--json"), "{command}: {help}");
    }
}
