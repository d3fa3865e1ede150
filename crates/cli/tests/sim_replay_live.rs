//! `memtide sim replay` of the log of a live run.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::process::Command;

use memtide_core::units::Bytes;
use memtide_live::{FaultPath, MachineOptions, PagedVec, RunLog, Space, SpaceOptions};
use serde_json::Value;

/// Writes more than the budget holds, and reads it back.
fn work(space: &Space, words: u64) {
    let mut memory = PagedVec::zeroed(space, usize::try_from(words).expect("64 bits"));
    let memory = memory.as_mut().expect("memory");
    (0..words).zip(memory.iter_mut()).for_each(|(number, word)| *word = number);
    assert!((0..words).eq(memory.iter().copied()));
}

#[test]
fn a_live_run_replays_on_the_command_line_to_the_state_that_it_led_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.log");
    let file = File::create(&path).expect("a file");
    let mut options = MachineOptions::new(Bytes::from_mib(4));
    options.compression = Some(20);
    let log = RunLog::begin(&options, file).expect("a machine");
    let machine = log.machine().clone();
    let spaces = [FaultPath::InThread, FaultPath::Handler].map(|path| {
        let options = SpaceOptions { path, ..SpaceOptions::default() };
        machine.create_space(&options).expect("a space")
    });
    std::thread::scope(|scope| {
        for space in &spaces {
            scope.spawn(|| work(space, 1 << 20));
        }
    });
    let end = log.finish().expect("a whole log");
    let counters = machine.counters();
    drop(spaces);

    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    let output = command.args(["sim", "replay", "--json"]).arg(&path).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["events"], end.events, "{told}");
    assert_eq!(told["digest"], format!("{:016x}", end.digest), "{told}");
    assert_eq!(told["same"], true, "{told}");
    assert_eq!(told["faults"]["hard"], counters.hard, "{told}");
    assert_eq!(told["paging"]["pages_written"], counters.pages_written, "{told}");
}
