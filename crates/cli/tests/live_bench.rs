//! `memtide live bench` as a user runs it.
#![cfg(target_os = "linux")]

mod live_bench_support;

use live_bench_support::{bench, json, memtide, rows, stderr};

#[test]
fn every_pattern_is_measured_and_keeps_to_the_schema() {
    let printed = json(&["--system", "memory", "--runs", "2", "--budget", "8M", "--data", "0.5x"]);
    assert_eq!(printed["budget"], 8 << 20);
    assert_eq!(printed["interrupted"], false);
    let rows = rows(&printed);
    let patterns: Vec<&str> = rows.iter().filter_map(|row| row["pattern"].as_str()).collect();
    let expected = [
        "sequential-write",
        "sequential-read",
        "random-read",
        "zipf-read",
        "zipf-write",
        "strided",
        "sort",
        "hash-join",
    ];
    assert_eq!(patterns, expected);
    for row in rows {
        assert_eq!((&row["system"], &row["runs"]), (&"memory".into(), &2.into()), "{row}");
        assert_eq!((&row["data"], &row["multiple"]), (&(4 << 20).into(), &"0.5x".into()), "{row}");
        let time = |part: &str| row[part].as_f64().expect("a time");
        assert!(time("ns_per_access_least") <= time("ns_per_access"), "{row}");
        assert!(time("ns_per_access") <= time("ns_per_access_most"), "{row}");
        // There is nothing to compare with.
        assert!(row["ratio_to_swap_file"].is_null() && row["reason"].is_null(), "{row}");
    }
}

#[test]
fn sizes_are_measured_in_turn_each_once() {
    let arguments = ["--system", "memory", "--pattern", "sort", "--runs", "1", "--budget", "8M"];
    let printed = json(&[&arguments[..], &["--data", "1x,0.5x,1x"]].concat());
    let multiples: Vec<_> = rows(&printed).iter().map(|row| row["multiple"].clone()).collect();
    assert_eq!(multiples, ["0.5x", "1x"]);
}

#[test]
fn the_text_is_a_table_a_pattern() {
    let directory = live_bench_support::disk();
    let arguments = ["--system", "memory", "--pattern", "strided,sort", "--runs", "1"];
    let output = bench(directory.path(), &[&arguments[..], &["--budget", "8M"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("budget 8 MiB · content compressible · seed 1"), "{text}");
    for heading in ["strided · 16 MiB of data (2x)", "sort · 16 MiB of data (2x)"] {
        assert!(text.lines().any(|line| line == heading), "{text}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("memory ")).count(), 2, "{text}");
}

#[test]
fn what_cannot_be_used_is_told_with_what_was_expected() {
    let cases: [(&[&str], &str); 9] = [
        (&["--budget", "4K"], "'4K' is no budget: expected 8 MiB to 1 TiB"),
        (&["--budget", "much"], "as in 4096, 512M"),
        (&["--data", "2"], "'2' is no size of data: expected times the budget from 0.1x to 64x"),
        (&["--data", "0x"], "'0x' is no size of data"),
        (&["--pattern", "backwards"], "sequential-write"),
        (&["--system", "floppy"], "mapped-file"),
        (&["--runs", "0"], "1..=1000"),
        (&["--content", "white"], "compressible, random"),
        (&["--directory", "nowhere"], "nowhere: expected a directory"),
    ];
    for (arguments, expected) in cases {
        let output = memtide(&[&["live", "bench"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_worker_that_is_told_nothing_ends() {
    let directory = live_bench_support::disk();
    let output = bench(directory.path(), &["--worker"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", stderr(&output));
}
