//! Torture: threads, random calls and accesses, pressure, and disks that fail. Each word that is
//! read is the one that was written, or its page was lost to a fault that was injected and the
//! access said so.
//!
//! `MEMTIDE_TORTURE_SECONDS` says how long, `MEMTIDE_SEED` with which round it begins;
//! `cargo xtask torture` sets both.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod losses;
#[path = "../model/mod.rs"]
mod model;
mod plan;
mod random;
mod round;
#[path = "../support/mod.rs"]
mod support;
mod watch;
mod worker;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plan::Plan;
use round::Came;

fn number(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name} is {given:?}: expected a number")))
}

/// Rounds, one after the other, until the time is out.
fn torture(seconds: u64, first: u64) {
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut all = Came::default();
    let mut rounds = 0;
    // Short rounds see more machines, long ones deeper states.
    let time = Duration::from_millis((seconds * 1000 / 12).clamp(500, 10_000));
    for seed in first.. {
        if Instant::now() >= until {
            break;
        }
        let plan = Plan::new(seed);
        eprintln!("{plan:?}");
        let began = resources();
        let came = round::run(&plan, time).unwrap_or_else(|found| {
            eprintln!("{plan:?}: {found}\nMEMTIDE_SEED={seed} repeats the round");
            std::process::exit(1);
        });
        assert_eq!(resources(), began, "seed {seed}: descriptors and mappings are left");
        eprintln!("    {came:?}");
        rounds += 1;
        all.steps += came.steps;
        all.injected += came.injected;
        all.in_page += came.in_page;
        all.lost += came.lost;
        all.no_memory += came.no_memory;
        all.read += came.read;
        all.written += came.written;
        all.compressed += came.compressed;
    }
    eprintln!("torture: {rounds} rounds, no byte wrong: {all:?}");
    assert!(all.steps > 0 && all.written > 0, "nothing was done: {all:?}");
}

/// Open descriptors, and threads.
fn resources() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).expect("a folder").count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

const CHILD: &str = "MEMTIDE_TORTURE_CHILD";

/// In a process of its own, so that its death is told with what it said.
fn alone(test: &str, seconds: u64, first: u64, said: impl Fn() -> Stdio) {
    if std::env::var_os(CHILD).is_some() {
        let limit = u32::try_from(seconds + 180).expect("a time that an alarm can have");
        // SAFETY: the call takes no pointer.
        unsafe { libc::alarm(limit) };
        return torture(seconds, first);
    }
    let program = std::env::current_exe().expect("the path of the test");
    let output = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1", "--include-ignored"])
        .env(CHILD, "1")
        .stderr(said())
        .output()
        .expect("the test can be started again");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
}

#[test]
fn some_seconds_of_torture_lose_no_byte() {
    alone(
        "some_seconds_of_torture_lose_no_byte",
        12,
        number("MEMTIDE_SEED").unwrap_or(0),
        Stdio::piped,
    );
}

#[test]
#[ignore = "it takes as long as it is told: cargo xtask torture"]
fn torture_as_long_as_it_is_told_loses_no_byte() {
    let seconds = number("MEMTIDE_TORTURE_SECONDS").unwrap_or(300);
    let first = number("MEMTIDE_SEED").unwrap_or(0);
    alone("torture_as_long_as_it_is_told_loses_no_byte", seconds, first, Stdio::inherit);
}
