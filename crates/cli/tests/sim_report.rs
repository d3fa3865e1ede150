//! The report of `memtide sim run` and its files, and the picture of `sim fit`, as a user gets
//! them.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const SCENARIO: &str = "\
seed = 7
duration = '5s'
machine = { memory = '8MiB' }
page_file = [{ initial = '32MiB' }]
[[process]]
name = 'editor'
memory = '6MiB'
[[process.phase]]
pattern = 'random'
references = 20_000
[[process]]
name = 'reader'
memory = '5MiB'
[[process.phase]]
pattern = 'random'
references = 20_000
";

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").output().expect("memtide runs")
}

fn done(arguments: &[&str]) -> String {
    let output = memtide(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&done(arguments)).expect("JSON")
}

fn file(folder: &TempDir, name: &str, content: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("written");
    name_of(&path)
}

fn name_of(path: &Path) -> String {
    path.to_str().expect("a name").to_owned()
}

/// What lies in a folder, by name.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("text");
            (PathBuf::from(path.file_name().expect("a name")), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_run_prints_json_that_keeps_to_its_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = file(&folder, "run.toml", SCENARIO);
    let printed = json(&["sim", "run", &scenario, "--json"]);
    let validator = jsonschema::validator_for(&json(&["schema", "sim run"])).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(printed["seed"], 7);
    let faults = |of: &Value| of["faults"]["all"].as_u64().expect("a number");
    let processes = printed["processes"].as_array().expect("a list");
    assert_eq!(faults(&printed), processes.iter().map(faults).sum::<u64>());
    assert!(printed["refaults"].as_u64() > Some(0), "it does not fit: {printed}");
    assert_eq!(printed["conditions"].as_array().map(Vec::len), Some(9));
}

#[test]
fn a_run_leaves_the_same_files_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = file(&folder, "run.toml", SCENARIO);
    let run = |name: &str| {
        let (csv, svg) = (folder.path().join(name), folder.path().join(format!("{name}.svg")));
        let text =
            done(&["sim", "run", &scenario, "--csv", &name_of(&csv), "--picture", &name_of(&svg)]);
        assert!(text.contains("SLOW-DOWN") && text.contains("editor"), "{text}");
        // How long the simulation took is in one file, and decided by nobody.
        let mut files = files(&csv);
        files.retain(|(name, _)| *name != Path::new("run.csv"));
        (files, fs::read_to_string(svg).expect("a picture"))
    };
    let (once, again) = (run("once"), run("again"));
    assert!(once == again);
    let names: Vec<_> = once.0.iter().map(|(name, _)| name.display().to_string()).collect();
    for name in ["processes.csv", "samples.csv", "working_sets.csv", "conditions.csv"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
    assert!(once.1.contains("Memory lists over time") && once.1.contains("seed 7"));
}

#[test]
fn each_picture_of_a_run_is_drawn_as_its_name_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = file(&folder, "run.toml", SCENARIO);
    for (shown, title) in [
        ("lists", "Memory lists over time"),
        ("faults", "Faults over time"),
        ("working-sets", "Working sets over time"),
    ] {
        let path = folder.path().join(format!("{shown}.svg"));
        done(&["sim", "run", &scenario, "--show", shown, "--picture", &name_of(&path)]);
        assert!(fs::read_to_string(path).expect("a picture").contains(title), "{title}");
    }
    let path = folder.path().join("lists.png");
    done(&["sim", "run", &scenario, "--picture", &name_of(&path)]);
    assert!(fs::read(path).expect("a picture").starts_with(b"\x89PNG"));
}

#[test]
fn a_picture_of_another_kind_is_refused_before_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = file(&folder, "run.toml", SCENARIO);
    let trace = file(&folder, "trace.txt", "1\n2\n1\n");
    for arguments in [["sim", "run", &scenario], ["sim", "fit", &trace]] {
        let output = memtide(&[&arguments[..], &["--picture", "a.gif"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        let said = "--picture: 'a.gif' is no name of a picture: expected one that ends in .svg";
        assert!(errors.contains(said), "{errors}");
        assert!(output.stdout.is_empty(), "nothing was run");
    }
}

#[test]
fn the_picture_of_a_fit_marks_the_knee_what_was_asked_for_and_what_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids: String = (0..1_000).map(|n| format!("{}\n", n % 10)).collect();
    let trace = file(&folder, "loop.txt", &ids);
    let path = folder.path().join("curve.svg");
    let arguments = ["sim", "fit", &trace, "--format", "ids", "--memory", "3p"];
    done(&[&arguments[..], &["--picture", &name_of(&path)]].concat());
    let svg = fs::read_to_string(path).expect("a picture");
    for words in [
        "1,000 references to 10 pages (40 KiB)",
        "knee: 40 KiB (10 pages), 1.00%",
        "asked for: 12 KiB (3 pages), 100.00%",
        "for a slow-down of 1.1: 40 KiB (10 pages), 1.00%",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}
