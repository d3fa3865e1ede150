//! Scenarios that make no sense: the place, the key, the value, and what was expected.

use memtide_sim::scenario::Scenario;

/// The beginning of a scenario that makes sense, in seven lines.
const GOOD: &str = "\
duration = '1s'
machine = { memory = '64MiB' }
process = [
  { name = 'a', memory = '1MiB', phase = [{ pattern = 'loop' }] },
]
";

fn refused(text: &str) -> String {
    match Scenario::parse(text) {
        Ok(scenario) => panic!("it was taken: {scenario:?}"),
        Err(error) => error.to_string(),
    }
}

/// What is said about a good scenario with some tables behind it.
fn refused_with(tables: &str) -> String {
    refused(&format!("{GOOD}{tables}"))
}

/// What is said about a scenario with a process of such keys and such phases.
fn refused_process(keys: &str, phase: &str) -> String {
    refused(&format!(
        "duration = '1s'\nmachine.memory = '64MiB'\n[[section]]\nname = 'lib'\nsize = '1MiB'\n\
         [[process]]\nname = 'a'\n{keys}\n[[process.phase]]\n{phase}\n"
    ))
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message}\nexpected: {part}");
    }
}

#[test]
fn a_good_scenario_is_taken() {
    Scenario::parse(GOOD).expect("it makes sense");
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    says(&refused("machine = {\n  memory = '64MiB\n"), &["2:18: unclosed inline table"]);
    says(&refused("seed = 1\nseed = 2\n"), &["2:1: ", "duplicate key"]);
    says(&refused(""), &["1:1: ", "missing field `machine`"]);
}

#[test]
fn an_unknown_key_lists_the_known_ones_and_the_nearest() {
    let message = refused("[machine]\nmemry = '64MiB'\n");
    says(&message, &["2:1: machine.memry: ", "unknown field `memry`", "`processors`"]);
    says(&message, &["; the nearest is `memory`"]);
    says(&refused_process("memori = '1MiB'", "pattern = 'loop'"), &["8:1: process[0].memori: "]);
    says(
        &refused_with("[thresholds]\nlow = 1\n"),
        &["7:1: thresholds.low: ", "LowMemoryThreshold"],
    );
}

#[test]
fn a_value_of_another_type_names_what_was_expected() {
    says(&refused("machine.memory = 512\n"), &["1:18: machine.memory: ", "in quotes", "512MiB"]);
    says(&refused("duration = 5\nmachine.memory = '1G'\n"), &["1:12: duration: ", "\"10s\""]);
    let message = refused_process("memory = '1MiB'\nthreads = 'two'", "pattern = 'loop'");
    says(&message, &["process[0].threads: ", "\"two\"", "a whole number"]);
}

#[test]
fn a_size_a_time_or_a_share_that_is_none_is_named() {
    says(&refused("machine.memory = '64XB'\n"), &["'64XB' is not a size", "1000p"]);
    says(&refused("machine.memory = '-3p'\n"), &["'-3p' is not a number of pages"]);
    says(&refused("duration = 'soon'\nmachine.memory = '1G'\n"), &["'soon' is not a time"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'loop'\nwrite_share = 1.5");
    says(&message, &["phase[0].write_share: ", "`1.5`", "0 to 1"]);
    says(&refused_with("[faults]\nread_error = 0.0001\n"), &["faults.read_error", "thousandth"]);
}

#[test]
fn huge_counts_are_refused() {
    says(&refused("machine.memory = '20000P'\n"), &["machine.memory", "more than"]);
    says(&refused("machine.memory = '17T'\n"), &["machine.memory", "expected one page to 16 TiB"]);
    let huge = refused_process("count = 1000000000", "pattern = 'idle'\nduration = '1s'");
    says(&huge, &["process[0].count: 1000000000 processes: expected 1 to 1000"]);
    let huge = refused_process("threads = -1", "pattern = 'idle'\nduration = '1s'");
    says(&huge, &["process[0].threads: -1 threads: expected 1 to 1000"]);
    says(
        &refused("machine = { memory = '1G', processors = 9999 }\n"),
        &["1:41: machine.processors: 9999 processors: expected 1 to 256"],
    );
    says(&refused("duration = '400days'\nmachine.memory = '1G'\n"), &["at most 366 days"]);
    let samples = refused(&format!("sample = '1ns'\n{GOOD}"));
    says(&samples, &["1:10: sample: 1000000000 looks", "1000000 at most"]);
}

#[test]
fn names_that_nobody_has_are_told_with_those_that_are_known() {
    let message = refused_process("view = [{ section = 'libs' }]", "pattern = 'loop'");
    says(&message, &["view[0].section: 'libs' is no section: expected lib; the nearest is 'lib'"]);
    let message = refused_with("[[page_file]]\ninitial = '1MiB'\ndisk = 'c'\n");
    says(&message, &["8:8: page_file[0].disk: 'c': there is no disk"]);
    let message = refused_with("[[event]]\nat = '1s'\ndo = 'kill'\nprocess = 'b'\n");
    says(&message, &["event[0].process: 'b' is no process: expected a"]);
    let message = refused_with("[[disk]]\nname = 'c'\nkind = 'ssd'\n");
    says(&message, &["disk[0].kind: 'ssd' is no kind of disk: expected hdd, sata-ssd, nvme, net"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'loop'\nsection = 'lib'");
    says(&message, &["phase[0].section: 'lib': there is no section that the process maps"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'lop'");
    says(&message, &["phase[0].pattern: unknown variant `lop`", "nearest is `loop`"]);
    let event = "[[event]]\nevery = '1s'\ndo = 'purge-standby'\nonly_while = 'low-mem'\n";
    says(&refused_with(event), &["event[0].only_while: 'low-mem' is no condition", "'low-memory'"]);
}

#[test]
fn a_name_is_given_once() {
    let twice = "[[section]]\nname = 'x'\nsize = '1p'\n[[section]]\nname = 'x'\nsize = '1p'\n";
    says(&refused_with(twice), &["10:8: section[1].name: 'x': expected a name that no other"]);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let marks = "[thresholds]\nLowMemoryThreshold = 20\nHighMemoryThreshold = 10\n";
    says(
        &refused_with(marks),
        &["8:23: thresholds.HighMemoryThreshold: 10 MB", "LowMemoryThreshold, 20 MB"],
    );
    says(
        &refused_with("[thresholds]\nLowMemoryThreshold = 64\n"),
        &["LowMemoryThreshold is 64 MB: expected less than the 64 MiB"],
    );
    let shrinking = "[[page_file]]\ninitial = '2MiB'\nmaximum = '1MiB'\n";
    says(&refused_with(shrinking), &["page_file[0].maximum: a maximum of 1 MiB", "2 MiB"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'loop'\nfrom = '2MiB'");
    says(&message, &["phase[0].from: 2 MiB: expected less than 1 MiB"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'loop'\nsize = '2MiB'");
    says(&message, &["phase[0].size: 2 MiB (512 pages): expected one page to 1 MiB"]);
    let message = refused_process("", "pattern = 'loop'");
    says(&message, &["the process has no memory to reference"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'loop'\nalpha = 1.0");
    says(&message, &["alpha: it means nothing for the pattern 'loop'", "section, from, size"]);
    let view = "view = [{ section = 'lib' }]";
    let message = refused_process(view, "pattern = 'loop'\nsection = 'lib'\nwrite_share = 0.5");
    says(&message, &["phase[0].write_share: the process may only read the section"]);
}

#[test]
fn what_is_missing_is_named() {
    says(&refused("[machine]\n"), &["1:1: machine: `memory` is missing"]);
    let message = refused_process("memory = '1MiB'", "pattern = 'leak'");
    says(&message, &["`amount` is missing"]);
    let message = refused_process("memory = '1MiB'", "references = 1");
    says(&message, &["`pattern` is missing"]);
    says(&refused_with("[[event]]\ndo = 'purge-standby'\n"), &["expected `at`, `every` or both"]);
    let message = refused("machine.memory = '1G'\n[[process]]\nname = 'a'\n");
    says(&message, &["it does nothing: expected at least one [[process.phase]]"]);
    says(&refused("machine.memory = '1G'\n"), &["expected at least one [[process]]"]);
}

#[test]
fn a_run_that_would_never_end_is_refused() {
    let endless = GOOD.replace("duration = '1s'\n", "");
    says(&refused(&endless), &["the process 'a' never ends", "`duration` is missing"]);
    let message = refused_process(
        "memory = '1MiB'",
        "pattern = 'loop'\n[[process.phase]]\npattern = 'idle'\nduration = '1s'",
    );
    says(&message, &["phase[0]", "it never ends, and phases follow"]);
}
