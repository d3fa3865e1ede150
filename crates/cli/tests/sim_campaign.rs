//! `memtide sim campaign` as a user runs it.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn campaign(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(["sim", "campaign"]).args(arguments).env_remove("MEMTIDE_CONFIG");
    command.output().expect("memtide runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is printed with `--json`, held against its schema.
fn json(arguments: &[&str], code: i32) -> Value {
    let output = campaign(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(&output), stderr(&output));
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
    let printed = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema = Command::new(env!("CARGO_BIN_EXE_memtide"))
        .args(["schema", "sim campaign"])
        .output()
        .expect("memtide runs");
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    printed
}

#[test]
fn what_runs_come_to_does_not_depend_on_how_many_are_done_side_by_side() {
    let with = |jobs| {
        let told = json(&["--seed", "7", "--runs", "12", "--steps", "300", "--jobs", jobs], 0);
        assert_eq!(told["failure"], Value::Null);
        assert_eq!((&told["seed"], &told["runs"]), (&Value::from(7), &Value::from(12)));
        (told["digest"].clone(), told["happened"].clone())
    };
    assert_eq!(with("1"), with("3"));
}

#[test]
fn the_first_seed_is_told_and_a_fresh_one_taken_where_none_is_said() {
    let seed = || {
        let output = campaign(&["--runs", "1", "--steps", "10"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let shown = stdout(&output);
        let first = shown.lines().next().and_then(|line| line.strip_prefix("the first seed is "));
        first.expect("the seed").to_owned()
    };
    assert_ne!(seed(), seed());
}

/// Runs until a planted defect is found; what it printed, and the file it saved.
fn planted(plant: &str, directory: &Path) -> (String, String) {
    let save = directory.to_str().expect("a name");
    let output = campaign(&[
        "--plant", plant, "--faults", "none", "--seed", "1", "--runs", "100", "--steps", "300",
        "--save", save,
    ]);
    let shown = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}{}", stderr(&output));
    let repeat = shown.lines().find(|line| line.contains("--repeat")).expect("the command");
    let file = repeat.rsplit(' ').next().expect("the file").to_owned();
    (shown, file)
}

#[test]
fn a_failing_run_is_made_short_saved_and_repeated_by_the_command_that_is_printed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (shown, file) = planted("flip-bit", directory.path());
    assert!(shown.contains("wrong-bytes: "), "{shown}");
    assert!(shown.contains("--steps 300 --faults none"), "{shown}");
    let saved = fs::read_to_string(&file).expect("the file");
    let steps = saved.lines().filter(|line| line.contains("do = ")).count();
    assert!(steps < 20, "{saved}");
    let told = json(&["--repeat", &file], 1);
    assert_eq!(told["failure"]["kind"], "wrong-bytes");
    assert_eq!(told["failure"]["steps"], steps);
    let repeated = campaign(&["--repeat", &file]);
    assert_eq!(repeated.status.code(), Some(1));
    assert!(stdout(&repeated).contains("wrong-bytes: "), "{}", stdout(&repeated));
}

#[test]
fn a_panic_ends_no_campaign_and_is_made_short_as_any_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    let (shown, file) = planted("panic", directory.path());
    assert!(shown.contains("panic: a panic was planted at "), "{shown}");
    let saved = fs::read_to_string(&file).expect("the file");
    let steps: Vec<&str> = saved.lines().filter(|line| line.contains("do = ")).collect();
    assert_eq!(steps, ["    { do = \"plant\", what = \"panic\" },"]);
}

#[test]
fn what_cannot_be_used_is_refused_with_the_file_and_what_was_expected() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("run.toml");
    let name = file.to_str().expect("a name");
    let refused = |arguments: &[&str], expected: &[&str]| {
        let output = campaign(arguments);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(output.stdout.is_empty(), "{}", stdout(&output));
        expected.iter().for_each(|part| assert!(told.contains(part), "{part}: {told}"));
    };
    refused(&["--repeat", name], &[name, "No such file"]);
    fs::write(&file, "[machine]\nframes = 4\nspeed = 3\n").expect("written");
    refused(&["--repeat", name], &[name, "unknown field `speed`", "line 3"]);
    fs::write(&file, b"\xff\xfe").expect("written");
    refused(&["--repeat", name], &[name, "UTF-8"]);
    refused(&["--minutes", "0"], &["--minutes", "more than 0"]);
    refused(&["--minutes", "1", "--runs", "1"], &["--runs"]);
    refused(&["--steps", "0"], &["--steps", "1..=1000000"]);
    refused(&["--faults", "few"], &["none", "some", "many"]);
    refused(&["--save", name, "--runs", "1"], &[name, "expected a directory"]);
}
