//! `memtide ps`, `objects` and `doctor` as a user runs them.
#![cfg(target_os = "linux")]

use memtide_pressure::Killed;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").output().expect("memtide runs")
}

fn text(arguments: &[&str]) -> String {
    let output = memtide(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(arguments)).expect("JSON")
}

#[test]
fn what_is_printed_keeps_to_its_schema() {
    for command in ["ps", "objects", "doctor"] {
        let validator = jsonschema::validator_for(&json(&["schema", command])).expect("a schema");
        let printed = json(&[command, "--json"]);
        let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{command}: {errors:?}");
    }
}

#[test]
fn ps_finds_by_name_sorts_and_cuts() {
    let child = Killed::shell("printf memtide-ps-test > /proc/$$/comm");
    let found = json(&["ps", "--json", "Memtide-PS", "--pss", "--interval", "10ms"]);
    let processes = found["processes"].as_array().expect("a list");
    assert_eq!(processes.len(), 1, "{found}");
    let process = &processes[0];
    assert_eq!(process["pid"], child.0.id());
    // The kernel cuts the name after 15 bytes.
    assert_eq!(process["name"], "memtide-ps-test");
    for field in ["working_set", "private", "pss", "commit"] {
        assert!(process[field].as_u64() > Some(0), "{field} of {process}");
    }
    let period = process["rate_period"].as_f64().expect("a period");
    assert!((0.01..5.0).contains(&period), "{period}");

    let top = json(&["ps", "--json", "--top", "2", "--sort", "working-set"]);
    let sets = top["processes"].as_array().expect("a list").iter();
    let sets: Vec<_> = sets.map(|p| p["working_set"].as_u64()).collect();
    assert!(sets.len() == 2 && sets[0] >= sets[1], "{sets:?}");
    assert_eq!(top["processes"][0]["pss"], Value::Null, "nobody asked for what is dear");
}

#[test]
fn ps_says_that_nothing_has_the_name() {
    let shown = text(&["ps", "no-program-has-this-name"]);
    assert!(shown.starts_with("no program is named no-program-has-this-name\n"), "{shown}");
}

#[test]
fn names_cannot_steer_the_terminal() {
    let child = Killed::shell(r"printf 'steer\033[2J' > /proc/$$/comm");
    let shown = text(&["ps", "steer"]);
    assert!(shown.contains("steer\u{fffd}[2J") && !shown.contains('\x1b'), "{shown}");
    drop(child);
}

#[test]
fn objects_shows_the_nine_and_who_listens() {
    let pressure = "/proc/pressure/memory";
    let shown = text(&["objects"]);
    assert!(shown.starts_with("\\KernelObjects\n"), "{shown}");
    assert_eq!(shown.lines().filter(|l| l.contains("Condition  ")).count(), 9, "{shown}");
    if !Path::new(pressure).exists() {
        eprintln!("skipped: this kernel has no {pressure}");
        return;
    }
    let child = Killed::shell(&format!("exec 3<>{pressure}; echo 'some 150000 2000000' >&3"));
    let found = json(&["objects", "--json"]);
    let object = &found["objects"][0];
    assert_eq!(object["condition"]["name"], "LowMemoryCondition");
    let listeners = object["listeners"].as_array().expect("a list");
    let listener = listeners.iter().find(|l| l["pid"] == child.0.id()).expect("the shell");
    assert_eq!((&listener["channel"], &listener["access"]), (&"psi".into(), &"registers".into()));
    assert_eq!((&listener["domain"], &listener["file"]), (&"machine".into(), &pressure.into()));
}

#[test]
fn objects_shows_the_waiters_of_memtide_itself() {
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_memtide"));
    waiting.args(["wait", "low-memory", "high-memory", "--all", "--timeout", "60s"]);
    let waiting = Killed(waiting.stdout(Stdio::null()).spawn().expect("memtide runs"));
    let waiters = || {
        let found = json(&["objects", "--json"]);
        let of = |object: &Value| {
            let listeners = object["listeners"].as_array().expect("a list");
            let ours = |l: &&Value| l["pid"] == waiting.0.id() && l["channel"] == "memtide";
            listeners.iter().find(ours).map(|l| l["waiters"].clone())
        };
        let objects = found["objects"].as_array().expect("a list").iter();
        objects.map(of).collect::<Vec<_>>()
    };
    let one = Some(Value::from(1));
    let mut seen = waiters();
    for _ in 0..100 {
        if seen[0] == one {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        seen = waiters();
    }
    assert_eq!((&seen[0], &seen[1], &seen[8]), (&one, &one, &None));
}

#[test]
fn doctor_says_why_and_what_would_help() {
    let found = json(&["doctor", "--json"]);
    let capabilities = found["capabilities"].as_array().expect("a list");
    for capability in capabilities {
        let fails = capability["verdict"] == "fails";
        assert!(!fails || capability["remedy"].is_string(), "{capability}");
    }
    let shown = text(&["doctor"]);
    let last = shown.lines().last().expect("a last line");
    assert!(last.contains("work") && last.contains("could not be learned"), "{last}");
}

#[test]
fn what_cannot_be_used_is_refused_with_what_can() {
    for (arguments, expected) in [
        (["ps", "--sort", "swapp"], "'swap'"),
        (["ps", "--top", "many"], "many"),
        (["ps", "--interval", "soon"], "500ms"),
        (["ps", "--cgroup", "/"], "no memory cgroup"),
    ] {
        let output = memtide(&arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
}
