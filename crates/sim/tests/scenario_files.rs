//! What the scenarios of the repository show.

use std::fs;
use std::path::PathBuf;

use memtide_core::conditions::{Condition, State};
use memtide_core::page::Tick;
use memtide_core::{Counters, Refusal};
use memtide_sim::report::{ProcessReport, Report};
use memtide_sim::scenario::Scenario;
use memtide_sim::{Ending, ProcessState};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn text(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn run(text: &str) -> Report {
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut simulation = scenario.start(scenario.seed).expect("it begins");
    let ending = simulation.run_until(scenario.duration.unwrap_or(Tick(u64::MAX)));
    assert_ne!(ending, Ending::Stuck);
    simulation.world().manager().verify().expect("a sound state");
    Report::of(&simulation, ending)
}

/// A text without what stands from a line to the next empty one.
fn without(text: &str, line: &str) -> String {
    let start = text.find(&format!("\n{line}\n")).unwrap_or_else(|| panic!("there is no {line}"));
    let length = text[start..].find("\n\n").unwrap_or(text.len() - start);
    format!("{}{}", &text[..start], &text[start + length..])
}

fn process<'a>(report: &'a Report, name: &str) -> &'a ProcessReport {
    let found = report.processes.iter().find(|process| process.name == name);
    found.unwrap_or_else(|| panic!("there is no process {name}"))
}

/// When a condition was first set.
fn set_at(report: &Report, condition: Condition) -> Option<Tick> {
    let mut spans = report.conditions.iter();
    spans.find(|span| span.reading.condition == condition)?.first_set
}

/// What happened to a process up to a moment.
fn counters_at(report: &Report, name: &str, second: u64) -> Counters {
    let number = process(report, name).number;
    let at = |sample: &&memtide_sim::Sample| sample.at.0 >= second * Tick::SECOND.0;
    let sample = report.samples.iter().find(at).expect("a look");
    let found = sample.processes.iter().find(|process| process.process.0 == number);
    found.expect("it lives").counters
}

#[test]
fn every_scenario_makes_sense_and_says_what_it_shows() {
    let mut files = 0;
    for entry in fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a text");
        let scenario = Scenario::parse(&text);
        let scenario = scenario.unwrap_or_else(|error| panic!("{}:{error}", path.display()));
        assert!(!scenario.description.is_empty(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 5, "{files} scenarios");
}

#[test]
fn on_a_desktop_the_idle_program_gives_its_pages_and_pays_when_it_is_looked_at() {
    let report = run(&text("desktop.toml"));
    let low = set_at(&report, Condition::LowMemory).expect("memory was low");
    assert!(low.0 > 10 * Tick::SECOND.0, "{low:?} is after the photo editor came");
    let before = counters_at(&report, "mail", 29);
    assert!(before.trimmed > 3_000, "most of 6144 idle pages went: {}", before.trimmed);
    let mail = process(&report, "mail");
    let came_back = mail.counters.soft + mail.counters.hard;
    assert!(came_back > 3_000, "and came back when it was looked at: {came_back}");
    let player = process(&report, "player");
    assert!(player.counters.hard < 512, "{} hard faults", player.counters.hard);
    assert!(player.references > 299_000, "it kept up: {}", player.references);
}

#[test]
fn a_cache_that_reacts_saves_itself_and_its_neighbour_from_hard_faults() {
    let text = text("cache.toml");
    let (reacting, holding) = (run(&text), run(&without(&text, "[process.cache]")));
    assert_eq!(reacting.counters.hard, 0);
    assert!(holding.counters.hard > 10_000, "{} hard faults", holding.counters.hard);
    let lost = |report: &Report| process(report, "batch job").time.lost();
    let (least, most) = (lost(&reacting), lost(&holding));
    assert!(least.0 * 10 < most.0, "the batch job lost {least:?} and {most:?}");
}

#[test]
fn a_leak_goes_from_high_to_maximum_commit_and_dies_while_its_neighbour_waits() {
    let report = run(&text("leak.toml"));
    let high = set_at(&report, Condition::HighCommit).expect("the charge was high");
    let maximum = set_at(&report, Condition::MaximumCommit).expect("and at its maximum");
    let ProcessState::Aborted(died, refusal) = process(&report, "service").state else {
        panic!("{:?}", process(&report, "service").state)
    };
    assert!(high < maximum && maximum < died, "{high:?}, {maximum:?}, {died:?}");
    assert!(matches!(refusal, Refusal::CommitmentLimit { .. }), "{refusal:?}");
    let neighbour = process(&report, "neighbour");
    assert!(neighbour.ended().is_none_or(|end| end > died), "{:?}", neighbour.state);
    assert!(neighbour.refused > 0, "it was refused as well, and waited");
    let last = report.samples.last().expect("a look");
    assert!(!last.conditions[Condition::MaximumCommit.index()], "all came back");
}

#[test]
fn a_scan_passes_through_a_database_and_the_queries_hardly_notice() {
    let text = text("database.toml");
    let quiet = text.replace("start = \"10s\"", "start = \"1000s\"");
    let faults = |text: &str| {
        let report = run(text);
        let until = counters_at(&report, "queries", 39).hard;
        until - counters_at(&report, "queries", 9).hard
    };
    let (with, without) = (faults(&text), faults(&quiet));
    assert!(with * 10 < without * 12, "{with} hard faults with the scan, {without} without");
}

#[test]
fn a_build_shares_its_compiler_and_loses_little_time() {
    let report = run(&text("build.toml"));
    assert_eq!(report.ending, Ending::Done);
    let jobs = report.processes.iter();
    assert!(jobs.clone().all(|job| matches!(job.state, ProcessState::Done(_))));
    let read = report.disks[0].counters.pages_read;
    assert!(read <= 24 * 256, "{read} pages: compiler and headers were read once");
    let shared: u64 = jobs.clone().map(|job| job.counters.prototype).sum();
    assert!(shared > 30 * 5_000, "{shared} faults found their page in memory");
    let late = jobs.skip(4).map(|job| job.time.lost().0 * 100 / job.time.own.0).max();
    assert!(late < Some(10), "{late:?} percent lost");
}
