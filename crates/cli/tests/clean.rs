//! `memtide clean` as a user runs it, without changing anything on the machine.
#![cfg(target_os = "linux")]

use serde_json::Value;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.arg("clean").args(arguments).env_remove("MEMTIDE_CONFIG");
    command
}

fn clean(arguments: &[&str]) -> Output {
    command(arguments).output().expect("memtide runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn assert_keeps_to_the_schema(printed: &Value) {
    let schema = Command::new(env!("CARGO_BIN_EXE_memtide")).args(["schema", "clean"]).output();
    let schema: Value = serde_json::from_slice(&schema.expect("a schema").stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

const ALL: [&str; 7] =
    ["working-sets", "modified", "standby", "standby-low", "slab", "combine", "compact"];

#[test]
fn a_dry_run_predicts_every_region_in_order_and_says_nothing_on_stderr() {
    let mut arguments = vec!["--dry-run", "--json"];
    arguments.extend(ALL.iter().rev());
    let output = clean(&arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    let printed = json(&output);
    assert_keeps_to_the_schema(&printed);
    let plan = printed["plan"].as_array().expect("a plan");
    let regions: Vec<_> = plan.iter().map(|p| p["region"].as_str().expect("a name")).collect();
    // standby covers standby-low.
    let expected: Vec<_> = ALL.into_iter().filter(|region| *region != "standby-low").collect();
    assert_eq!(regions, expected);
    assert!(plan.iter().all(|p| !p["basis"].as_str().expect("words").is_empty()));
    assert!(printed["steps"].is_null() && printed["made_free"].is_null());
}

#[test]
fn the_light_regions_are_the_default() {
    let text = clean(&["--dry-run"]).stdout;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("standby-low") && text.contains("combine"), "{text}");
    assert!(!text.contains("heavy"), "{text}");
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_helps() {
    for (arguments, words) in [
        (&["standbye"][..], "similar value exists: 'standby'"),
        (&["registry"], "exists on Windows only; here there are working-sets, modified"),
        (&["standby", "--limit", "lots"], "'lots' is not a size: expected"),
        (&["standby", "--timeout", "5"], "500ms, 30s, 10m"),
        (&["--pid", "1"], "'working-sets', the only region they matter to"),
        (&["standby", "--cgroup", "/proc"], "is no memory cgroup"),
        (&["--dry-run", "--observe", "1s"], "cannot be used with"),
    ] {
        let output = clean(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn each_region_is_explained_where_it_is_chosen() {
    let help = String::from_utf8(clean(&["--help"]).stdout).expect("text");
    for region in ALL {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("- {region}:")));
        assert!(line.is_some_and(|line| line.len() > region.len() + 20), "{region}: {help}");
    }
    assert!(!help.contains("- registry"), "regions of other systems only confuse");
}

/// `modified` writes back what would be written soon anyway: it changes nothing else.
#[test]
fn a_report_has_a_line_a_region_and_is_no_terminal_show() {
    let output = clean(&["modified", "--json", "--observe", "200ms"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stderr.is_empty(), "progress is for a terminal: {}", stderr(&output));
    let printed = json(&output);
    assert_keeps_to_the_schema(&printed);
    let step = &printed["steps"][0];
    assert_eq!(
        (step["region"].as_str(), step["status"].as_str()),
        (Some("modified"), Some("done"))
    );
    assert!(step["written_to_disk"].is_i64() || step["written_to_disk"].is_u64());
    assert!(printed["observation"]["verdict"].is_string(), "{printed:#}");
    assert!(printed["plan"].is_null());
}

#[test]
fn ctrl_c_ends_the_watch_and_the_report_is_still_printed() {
    let mut command = command(&["modified", "--json", "--observe", "60s"]);
    let began = Instant::now();
    let child = command.stdout(Stdio::piped()).spawn().expect("memtide runs");
    std::thread::sleep(Duration::from_secs(2));
    let pid = child.id().to_string();
    let killed = Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status();
    assert!(killed.expect("a shell").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let printed = json(&output);
    assert_eq!(printed["steps"].as_array().expect("steps").len(), 1);
    assert!(printed["observation"]["window"].as_f64().expect("seconds") < 30.0);
}
