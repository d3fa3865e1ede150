//! `memtide live bench` as root, who may set up swap and memory cgroups; and that all of it is
//! undone, however the command ends.
#![cfg(target_os = "linux")]

mod live_bench_support;

use live_bench_support::{command, disk, json, rows};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Swap areas, zram devices and memory cgroups of this machine that a benchmark might have made.
fn traces() -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    let swaps = fs::read_to_string("/proc/swaps").expect("/proc/swaps");
    let names = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    traces.extend(names.map(str::to_owned));
    for (directory, prefix) in [
        ("/sys/block", "zram"),
        ("/sys/fs/cgroup/memory", "memtide-compare"),
        ("/sys/fs/cgroup", "memtide-compare"),
    ] {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        traces.extend(names.filter(|name| name.starts_with(prefix)));
    }
    traces
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A benchmark of swap to a file that has set it up and does not end soon.
fn started(directory: &Path) -> Child {
    let directory = directory.to_str().expect("a name");
    let mut child = command(&["live", "bench", "--system", "swap-file", "--budget", "16M"])
        .args(["--pattern", "sort", "--data", "4x", "--runs", "1000", "--directory", directory])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("memtide starts");
    until("the swap file is in use", || {
        assert_eq!(child.try_wait().expect("a child"), None, "it has ended before");
        fs::read_to_string("/proc/swaps").expect("/proc/swaps").contains(directory)
    });
    child
}

#[test]
#[ignore = "needs root, swap and a memory cgroup: cargo xtask privileged"]
fn what_the_kernel_offers_is_measured_with_the_same_results_and_nothing_is_left() {
    let before = traces();
    let arguments = ["--budget", "16M", "--runs", "2", "--pattern", "sequential-read,zipf-write"];
    let systems = "swap-file,swap-zram,mapped-file,memory";
    let printed = json(&[&arguments[..], &["--system", systems]].concat());
    assert_eq!(traces(), before);
    for row in rows(&printed) {
        if row["system"] == "swap-zram" && row["runs"] == 0 {
            // Not every kernel has it.
            let reason = row["reason"].as_str().expect("a reason");
            assert!(reason.contains("zram"), "{row}");
            continue;
        }
        assert_eq!((&row["runs"], row["reason"].is_null()), (&2.into(), true), "{row}");
        let is_limited = row["system"] != "memory";
        let has_read = row["read"].as_u64().expect("bytes") > 1 << 20;
        assert_eq!(has_read, is_limited, "{row}");
        // One may have read ahead of many accesses.
        let has_waited = row["major_faults"].as_u64().expect("faults") > 0;
        assert!(has_waited || !is_limited, "{row}");
    }
}

#[test]
#[ignore = "needs root, swap and a memory cgroup: cargo xtask privileged"]
fn an_interrupted_benchmark_leaves_nothing_and_says_so() {
    let (before, disk) = (traces(), disk());
    let mut child = started(disk.path());
    signal(&child, "INT");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert_eq!(traces(), before);
    assert_eq!(fs::read_dir(disk.path()).expect("a listing").count(), 0);
}

#[test]
#[ignore = "needs root, swap and a memory cgroup: cargo xtask privileged"]
fn a_killed_benchmark_leaves_nothing() {
    let (before, disk) = (traces(), disk());
    let mut child = started(disk.path());
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    until("nothing is left", || {
        traces() == before && fs::read_dir(disk.path()).expect("a listing").count() == 0
    });
}

fn signal(child: &Child, name: &str) {
    let mut kill = std::process::Command::new("kill");
    let status = kill.arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(status.expect("kill runs").success());
}
