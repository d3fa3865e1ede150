//! `memtide live demo` as a user runs it.
#![cfg(target_os = "linux")]

mod live_bench_support;

use live_bench_support::{command, disk, memtide, stderr};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

const MIB: u64 = 1 << 20;

/// Runs the demo with its page file in a directory of ours.
fn demo(arguments: &[&str]) -> Output {
    let directory = disk();
    let name = directory.path().to_str().expect("a name");
    let output = memtide(&[&["live", "demo", "--directory", name], arguments].concat());
    let left = directory.path().read_dir().expect("a listing").count();
    assert_eq!(left, 0, "files are left behind");
    output
}

/// What it prints as JSON, held against its schema.
fn records(arguments: &[&str]) -> Vec<Value> {
    let output = demo(&[arguments, &["--json"]].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    let schema = memtide(&["schema", "live demo"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let records = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let records: Vec<Value> = records.collect();
    for record in &records {
        let errors: Vec<_> = validator.iter_errors(record).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    records
}

fn count(record: &Value, path: &str) -> u64 {
    let found = record.pointer(path).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number {path} in {record}"))
}

/// A demo that does not end soon, and what it prints.
fn started(directory: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let directory = directory.to_str().expect("a name");
    let mut child = command(&["live", "demo", "--budget", "8M", "--data", "64x", "--json"])
        .args(["--directory", directory])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("memtide starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    (child, lines)
}

/// How a demo ends, which it must soon.
fn ended(mut child: Child, mut meanwhile: impl FnMut()) -> Output {
    let end = Instant::now() + PATIENCE;
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            panic!("it does not end");
        }
        meanwhile();
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("a child")
}

#[test]
fn every_stage_is_told_and_the_last_record_has_what_came_of_it() {
    let records = records(&["--budget", "4M", "--data", "3x"]);
    let mut stages: Vec<&str> = records.iter().filter_map(|r| r["stage"].as_str()).collect();
    stages.dedup();
    assert_eq!(stages, ["filling", "sorting", "checking", "done"]);
    let (last, before) = records.split_last().expect("records");
    assert!(before.iter().all(|record| record["result"].is_null()));
    let result = &last["result"];
    assert_eq!((&result["in_order"], &result["complete"]), (&true.into(), &true.into()));
    assert_eq!(count(result, "/records"), 12 * MIB / 32);
    assert_eq!((count(result, "/data"), count(result, "/budget")), (12 * MIB, 4 * MIB));
    // What does not fit was written and read again.
    assert!(count(result, "/written") >= 8 * MIB, "{result}");
    assert!(count(result, "/read") >= 8 * MIB, "{result}");
    assert_eq!(count(result, "/written"), 4096 * count(last, "/paging/pages_written"));
}

#[test]
fn each_record_has_the_budget_the_lists_the_counters_and_nine_conditions() {
    let records = records(&["--budget", "4M", "--data", "2x"]);
    let own = count(&records[0], "/resident");
    for pair in records.windows(2) {
        let (before, record) = (&pair[0], &pair[1]);
        let lists = &record["lists"];
        let parts = ["in_use", "standby", "modified", "modified_no_write", "free", "zeroed", "bad"];
        let sum: u64 = parts.iter().map(|list| count(lists, &format!("/{list}"))).sum();
        assert_eq!(sum, count(lists, "/total"), "{lists}");
        assert!(sum <= 4 * MIB, "{lists}");
        assert_eq!(record["conditions"].as_array().map(Vec::len), Some(9), "{record}");
        assert!(record["conditions"][0]["set"].is_boolean(), "{record}");
        for path in ["/faults/all", "/faults/hard", "/paging/pages_written"] {
            assert!(count(record, path) >= count(before, path), "{path}: {record}");
        }
        assert!(record["faults_per_second"].is_number(), "{record}");
        // The command itself takes some, and the first record was made before the space was used.
        assert!(count(record, "/resident") < own + 4 * MIB + MIB, "{record}");
    }
    assert!(count(records.last().expect("records"), "/faults/demand_zero") > 0);
}

#[test]
fn pages_are_compressed_where_that_is_asked_for() {
    let all = records(&["--budget", "4M", "--data", "2x", "--compression", "50"]);
    let last = all.last().expect("records");
    assert_eq!(last["compression"], 50.0);
    assert!(count(last, "/result/compressed") > 4 * MIB, "{last}");
    assert!(count(last, "/faults/decompressed") > 0, "{last}");
    let halved = |record: &Value| {
        let (from, to) = (count(record, "/stored"), count(record, "/store"));
        from > 0 && to < from * 3 / 5
    };
    assert!(all.iter().any(halved), "{all:?}");
}

#[test]
fn faults_are_handled_by_threads_or_it_says_what_would_enable_that() {
    let output = demo(&["--budget", "4M", "--data", "2x", "--path", "handler"]);
    let said = stderr(&output);
    match output.status.code() {
        Some(0) => assert!(String::from_utf8_lossy(&output.stdout).contains("faults handler")),
        Some(3) => assert!(said.contains("userfaultfd"), "{said}"),
        other => panic!("{other:?}: {said}"),
    }
}

#[test]
fn on_a_pipe_there_is_a_line_a_step_and_what_came_of_it() {
    let output = demo(&["--budget", "4M", "--data", "2x"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    let first =
        "budget 4 MiB · data 8 MiB · faults in-thread · compression none\n\n ELAPSED  STAGE";
    assert!(text.starts_with(first), "{text}");
    for stage in ["filling", "sorting", "checking", "done"] {
        let is_of_stage = |line: &&str| line.split_whitespace().nth(2) == Some(stage);
        let mut lines = text.lines().filter(is_of_stage);
        let is_size = |word: &str| ["B", "KiB", "MiB"].contains(&word);
        let told = lines
            .any(|line| line.split_whitespace().any(is_size) && line.contains("HighPagedPool"));
        assert!(told, "no {stage} with its lists and conditions in {text}");
    }
    for told in ["in order", "all there, whole", "sorted in", "to page file"] {
        assert!(text.lines().any(|line| line.starts_with(told)), "{told}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn what_cannot_be_used_is_told_with_what_was_expected() {
    let cases: [(&[&str], &str); 7] = [
        (&["--budget", "1M"], "'1M' is no budget: expected 4 MiB to 1 TiB"),
        (&["--budget", "much"], "as in 4096, 512M"),
        (&["--data", "4"], "'4' is no size of data: expected times the budget from 0.1x to 64x"),
        (&["--compression", "0"], "1..=100"),
        (&["--compression", "half"], "invalid digit"),
        (&["--path", "kernel"], "in-thread, handler"),
        (&["--directory", "nowhere"], "expected a directory where files can be made"),
    ];
    for (arguments, expected) in cases {
        let output = memtide(&[&["live", "demo"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn an_interrupted_demo_says_so_by_its_exit_code() {
    let directory = disk();
    let (child, mut lines) = started(directory.path());
    let first = lines.next().expect("a line").expect("UTF-8");
    assert!(first.contains("filling"), "{first}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it lives");
    // Until it ends: a reader that left would be another end.
    let reader = std::thread::spawn(move || lines.count());
    let output = ended(child, || ());
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(reader.join().expect("no panic") < 60);
    assert_eq!(directory.path().read_dir().expect("a listing").count(), 0);
}

#[test]
fn a_page_that_the_disk_changes_ends_the_demo_with_an_error() {
    let directory = disk();
    let (child, mut lines) = started(directory.path());
    let sorting = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("sorting")));
    assert!(sorting.is_some(), "it ended before");
    let descriptors = PathBuf::from(format!("/proc/{}/fd", child.id()));
    let inside = directory.path().to_str().expect("a name");
    let page_file = descriptors.read_dir().expect("its files").find_map(|entry| {
        let path = entry.expect("an entry").path();
        let is_ours = fs::read_link(&path).is_ok_and(|link| link.starts_with(inside));
        is_ours.then(|| fs::OpenOptions::new().write(true).open(path).expect("the page file"))
    });
    let page_file = page_file.expect("a page file without a name");
    let reader = std::thread::spawn(move || lines.count());
    let noise = vec![0xa5; 1 << 20];
    let output = ended(child, || {
        let bytes = page_file.metadata().expect("its size").len();
        for place in (0..bytes).step_by(noise.len()) {
            page_file.write_all_at(&noise, place).expect("written");
        }
    });
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("the sort cannot go on: in-page error at 0x"), "{said}");
    assert!(reader.join().expect("no panic") < 60);
}
