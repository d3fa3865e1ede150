//! `memtide clean`, `doctor`, `ps` and `objects` on Windows, as real processes.
#![cfg(windows)]

use memtide_pressure::windows::SystemEvent;
use serde_json::Value;
use std::process::{Command, Output, Stdio};

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").env_remove("NO_COLOR");
    command.output().expect("memtide runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Whether what answers is Wine, by what the doctor says of it.
fn is_wine() -> bool {
    let doctor = json(&memtide(&["doctor", "--json"]));
    let windows = &doctor["capabilities"][0];
    assert_eq!(windows["id"], "windows");
    windows["evidence"].as_str().is_some_and(|evidence| evidence.contains("this is Wine"))
}

#[test]
fn a_clean_under_wine_says_plainly_that_it_proves_nothing() {
    if !is_wine() {
        return;
    }
    let regions = ["working-sets", "file-cache", "modified-files", "modified", "standby"];
    let arguments = [&["clean", "--json"][..], &regions, &["registry", "combine"]].concat();
    let output = memtide(&arguments);
    assert_eq!(output.status.code(), Some(1), "it is no success");
    let steps = json(&output);
    let steps = steps["steps"].as_array().expect("a list");
    assert_eq!(steps.len(), 7);
    for step in steps {
        assert_eq!(step["status"], "skipped");
        let reason = step["reason"].as_str().expect("a reason");
        assert!(reason.contains("Wine") && reason.contains("proves nothing"), "{reason}");
        assert_eq!(step["made_free"], Value::Null, "unknown and not zero");
    }
}

#[test]
fn a_region_of_linux_is_refused_with_what_exists_here() {
    let output = memtide(&["clean", "slab"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("Linux only") && text.contains("registry"), "{text}");
}

#[test]
fn a_process_is_listed_with_its_command_line_and_user() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(["ps", "--command-line", "--json", "memtide"]).stdout(Stdio::piped());
    let child = command.spawn().expect("memtide runs");
    let pid = u64::from(child.id());
    let processes = json(&child.wait_with_output().expect("it ends"));
    let list = processes["processes"].as_array().expect("a list");
    let me = list.iter().find(|process| process["pid"].as_u64() == Some(pid)).expect("it is seen");
    assert!(me["name"].as_str().is_some_and(|name| name == "memtide.exe"), "{me}");
    let line = me["command_line"].as_str().expect("our own");
    assert!(line.ends_with("ps --command-line --json memtide"), "{line}");
    assert!(me["working_set"].as_u64().is_some_and(|size| size > 1 << 20), "{me}");
    assert!(me["user"].as_str().is_some_and(|user| user.contains('\\')), "{me}");
}

#[test]
fn objects_shows_who_holds_an_event() {
    let Ok(_held) = SystemEvent::open("HighNonPagedPoolCondition") else { return };
    let objects = json(&memtide(&["objects", "--json"]));
    let objects = objects["objects"].as_array().expect("a list");
    let is_it = |o: &&Value| o["condition"]["name"] == "HighNonPagedPoolCondition";
    let object = objects.iter().find(is_it).expect("it is one of nine");
    assert!(object["handles"].as_u64() >= Some(1), "{object}");
    let listeners = object["listeners"].as_array().expect("a list");
    let this = u64::from(std::process::id());
    let mine = listeners.iter().find(|l| l["pid"].as_u64() == Some(this)).expect("this process");
    assert_eq!((&mine["channel"], &mine["access"]), (&"event".into(), &"modifies".into()));
}
