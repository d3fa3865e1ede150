//! A simulated run as JSON, CSV and text: one thing said three times.

use std::time::Duration;

use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::{Allocation, Call, Config, ListCommand, Refusal, Reply, SpaceConfig};
use memtide_sim::report::Report;
use memtide_sim::{Action, Context, Machine, Program, Reference, Simulation, Step};
use memtide_view::fields::{RUN, RUN_FILES, run_file};
use memtide_view::text::Style;
use memtide_view::{json, run};
use serde_json::Value;

/// Writes its pages one after the other, again and again.
struct Loop {
    pages: u64,
    rounds: u64,
    base: Option<u64>,
}

impl Program for Loop {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        let Some(base) = self.base else {
            let memory = Allocation::committed(self.pages * PAGE_SIZE);
            return Step::Call(Call::Allocate(context.space, memory));
        };
        if self.rounds == 0 {
            return Step::End;
        }
        self.rounds -= 1;
        let page = |page| Reference { address: base + page * PAGE_SIZE, access: Access::Write };
        references.extend((0..self.pages).map(page));
        Step::References
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        if let Ok(Reply::Address(base)) = reply {
            self.base = Some(base);
        }
    }
}

/// Three programs on a machine that is too small, whose disk fails now and then.
fn report(seed: u64) -> Report {
    let mut machine = Machine::new(Config::new(512).with_page_file(8_192, 8_192));
    machine.faults.read_error_permille = 2;
    let mut simulation = Simulation::new(&machine, seed).expect("a machine");
    for (name, pages, rounds) in [("a, \"b\"", 400, 20), ("large", 600, 9), ("small", 9, 900)] {
        let program = Box::new(Loop { pages, rounds, base: None });
        let config = SpaceConfig::default();
        simulation.spawn(name, config, Tick(1_000), program).expect("a process");
    }
    simulation.sample_every(Tick(500_000));
    simulation.schedule(Tick(4_000_000), Action::Command(ListCommand::EmptyWorkingSets));
    let ending = simulation.run_until(Tick(u64::MAX));
    Report::of(&simulation, ending)
}

/// A file as a header and its records.
fn parsed(report: &Report, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let text = run_file(report, name);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let strings = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let header = strings(reader.headers().expect("a header"));
    let records = reader.records().map(|record| strings(&record.expect("a record")));
    (header, records.collect())
}

fn sum((header, records): &(Vec<String>, Vec<Vec<String>>), column: &str) -> u64 {
    let at = header.iter().position(|name| name == column);
    let at = at.unwrap_or_else(|| panic!("{column} in {header:?}"));
    records.iter().map(|record| record[at].parse::<u64>().expect("a number")).sum()
}

#[test]
fn the_csv_files_parse_back_and_their_sums_are_the_reports() {
    let report = report(3);
    assert!(report.counters.hard > 0 && report.counters.soft > 0);
    let machine = parsed(&report, "run.csv");
    let processes = parsed(&report, "processes.csv");
    assert_eq!(machine.1.len(), 1);
    for column in ["references", "faults_all", "faults_demand_zero", "faults_soft", "faults_hard"] {
        assert_eq!(sum(&machine, column), sum(&processes, column), "{column}");
    }
    assert_eq!(sum(&machine, "faults_all"), report.counters.faults());
    assert_eq!(sum(&processes, "references"), report.references);
    assert_eq!(processes.1[0][1], "a, \"b\"", "a name is quoted where it must be");
    let disks = parsed(&report, "disks.csv");
    assert_eq!(sum(&disks, "read_bytes"), report.counters.pages_read * PAGE_SIZE);
    assert_eq!(sum(&disks, "written_bytes"), report.counters.pages_written * PAGE_SIZE);
    let (changes, conditions) = (parsed(&report, "changes.csv"), parsed(&report, "conditions.csv"));
    assert_eq!(changes.1.len(), report.changes.len());
    let sets = changes.1.iter().filter(|change| change[2] == "true").count();
    assert_eq!(sum(&conditions, "times_set"), sets as u64);
    assert_eq!(parsed(&report, "commands.csv").1.len(), 1);
    let samples = parsed(&report, "samples.csv");
    assert_eq!(samples.1.len(), report.samples.len());
    let memory = sum(&machine, "memory_bytes") * samples.1.len() as u64;
    let lists = ["active", "modified", "modified_no_write", "standby", "free", "zeroed", "bad"];
    let listed: u64 = lists.iter().map(|list| sum(&samples, &format!("{list}_bytes"))).sum();
    assert_eq!(listed, memory);
    let sets = parsed(&report, "working_sets.csv");
    let expected = report.samples.iter().flat_map(|sample| &sample.processes);
    let expected: u64 = expected.map(|process| u64::from(process.working_set)).sum();
    assert_eq!(sum(&sets, "working_set_bytes"), expected * PAGE_SIZE);
    assert_eq!(sets.0[0], "time_seconds");
}

#[test]
fn the_json_keeps_to_its_schema_and_says_what_the_report_says() {
    let report = report(3);
    let printed = json::record(&RUN.row(&report));
    let schema = json::schema("run", &RUN);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(printed["faults"]["hard"], report.counters.hard);
    assert_eq!(printed["samples"].as_array().map(Vec::len), Some(report.samples.len()));
    assert_eq!(printed["references_per_second"], Value::Null, "nobody measured it");
    let timed = json::record(&RUN.row(&report.took(Duration::from_millis(250))));
    assert_eq!(timed["elapsed"], 0.25);
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let (once, again, other) = (report(3), report(3), report(4));
    let written = |report: &Report| {
        let files: Vec<String> = RUN_FILES.iter().map(|name| run_file(report, name)).collect();
        (json::record(&RUN.row(report)).to_string(), files, run::text(report, Style::Plain))
    };
    assert!(written(&once) == written(&again));
    assert!(written(&once) != written(&other));
}

#[test]
fn the_text_names_each_process_each_kind_of_fault_and_each_condition() {
    let report = report(3);
    let text = run::text(&report, Style::Plain);
    for expected in [
        "seed 3",
        "large",
        "HARD",
        "SLOW-DOWN",
        "MaximumCommitCondition",
        "empty-working-sets",
        "nvme",
        "AVAILABLE",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    assert!(!text.contains("DECOMPRESSED"), "there is no store\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert!(!text.contains('\x1b'));
}
