//! `memtide sim experiment` as a user runs it.

use serde_json::Value;
use std::process::{Command, Output};

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").output().expect("memtide runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command prints, held against its schema.
fn json(arguments: &[&str], command: &str) -> Value {
    let output = memtide(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let printed = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema = memtide(&["schema", command]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    printed
}

#[test]
fn the_twelve_experiments_are_listed_with_their_questions() {
    let printed = json(&["sim", "experiment", "list", "--json"], "sim experiment list");
    assert_eq!(printed["experiments"].as_array().map(Vec::len), Some(12));
    let shown = text(&memtide(&["sim", "experiment", "list"]).stdout);
    assert!(shown.contains("optimisers") && shown.contains("myth or reality?"), "{shown}");
}

#[test]
fn an_experiment_is_printed_as_text_as_json_and_as_a_picture() {
    let directory = tempfile::tempdir().expect("a directory");
    let picture = directory.path().join("states.svg");
    let picture = picture.to_str().expect("a name");
    let output = memtide(&["sim", "experiment", "page-states", "--picture", picture]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("What it shows:"));
    assert!(std::fs::read_to_string(picture).expect("drawn").starts_with("<svg"));
    let printed = json(&["sim", "experiment", "page-states", "--json"], "sim experiment");
    assert_eq!(printed["holds"], true);
    assert_eq!(printed["steps"][0]["tables"][0]["rows"][0]["cells"][0], "free");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_done() {
    for (arguments, told) in [
        (&["page-stats"][..], "page-states"),
        (&["commit", "--picture", "commit.gif"], ".svg or .png"),
        (&["list", "--picture", "list.svg"], "expected the name of an experiment"),
    ] {
        let output = memtide(&[&["sim", "experiment"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}
