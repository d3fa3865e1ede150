//! `memtide sim fit` as a user runs it.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").output().expect("memtide runs")
}

fn fit(trace: &Path, arguments: &[&str]) -> Output {
    let trace = trace.to_str().expect("a name");
    memtide(&[&["sim", "fit", trace], arguments].concat())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(output));
    let printed = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema = memtide(&["schema", "sim fit"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    printed
}

/// Ten pages, referenced in order a hundred times.
fn a_loop(directory: &tempfile::TempDir) -> PathBuf {
    let path = directory.path().join("loop.txt");
    let lines: String = (0..1000).map(|n| format!("{}\n", n % 10)).collect();
    fs::write(&path, lines).expect("written");
    path
}

#[test]
fn the_memory_that_a_loop_needs_is_the_loop() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = a_loop(&directory);
    let printed = json(&fit(&trace, &["--format", "ids", "--json"]));
    assert_eq!((&printed["references"], &printed["pages"]), (&1000.into(), &10.into()));
    assert_eq!(printed["needed"]["pages"], 10);
    assert_eq!(printed["needed"]["memory"], 40_960);
    assert_eq!(printed["needed"]["miss_ratio"], 0.01);
    assert_eq!(printed["knee"]["pages"], 10);
    let sizes = printed["sizes"].as_array().expect("sizes");
    assert!(sizes.iter().filter(|size| size["pages"] != 10).all(|s| s["hard_faults"] == 990));
}

#[test]
fn a_larger_bound_or_a_faster_disk_needs_less_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = a_loop(&directory);
    // 990 faults in 1000 references of 1 ms: 0.08 ms each with nvme, 12.3 ms each with hdd.
    let slow = ["--format", "ids", "--reference-time", "1ms", "--json"];
    let needed = |more: &[&str]| json(&fit(&trace, &[&slow, more].concat()))["needed"].clone();
    assert_eq!(needed(&["--slow-down", "1.1"])["pages"], 1);
    assert_eq!(needed(&["--slow-down", "1.05"])["pages"], 10);
    assert_eq!(needed(&["--slow-down", "1.1", "--disk", "hdd"])["pages"], 10);
    assert_eq!(needed(&["--slow-down", "14", "--disk", "hdd"])["pages"], 1);
}

#[test]
fn sizes_can_be_asked_for_in_pages_and_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = a_loop(&directory);
    let printed = json(&fit(&trace, &["--format", "ids", "--memory", "1M,3p,36K", "--json"]));
    let pages: Vec<_> = printed["sizes"].as_array().expect("sizes").iter().collect();
    let pages: Vec<_> = pages.iter().map(|size| size["pages"].as_u64().expect("pages")).collect();
    assert_eq!(pages, [3, 9, 256]);
}

#[test]
fn text_shows_what_is_needed_and_the_curve() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = fit(&a_loop(&directory), &["--format", "ids"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for expected in ["needed", "knee", "40 KiB", "1.000%", "SLOW-DOWN", "nvme"] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
}

#[test]
fn what_cannot_be_used_is_told_with_what_was_expected() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = a_loop(&directory);
    let cases: [(&[&str], &str); 7] = [
        (&["--slow-down", "0.9"], "a slow-down of 0.9: expected a factor of 1"),
        (&["--slow-down", "NaN"], "a slow-down of NaN"),
        (&["--slow-down", "fast"], "'fast' is no factor, such as 1.1"),
        (&["--memory", "0"], "'0' is no memory: expected at least a page"),
        (&["--memory", "manyp"], "or a number of pages, such as 1000p"),
        (&["--disk", "tape"], "expected one of hdd, sata-ssd, nvme, network"),
        (&["--reference-time", "0s"], "expected at least 1ns"),
    ];
    for (arguments, expected) in cases {
        let output = fit(&trace, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_trace_that_is_missing_or_none_is_told_with_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("nothing.bin");
    let missing = fit(&path, &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("nothing.bin"), "{}", stderr(&missing));
    fs::write(&path, "no trace at all\n").expect("written");
    let none = fit(&path, &[]);
    assert_eq!(none.status.code(), Some(2));
    assert!(stderr(&none).contains("nothing.bin"), "{}", stderr(&none));
}
