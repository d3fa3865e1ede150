//! A simulated run as text for a terminal.

use std::fmt::Write as _;

use memtide_core::Counters;
use memtide_sim::report::Report;

use crate::fields::{FAULTS, RUN, RUN_COMMAND, RUN_CONDITION, RUN_DISK, RUN_PROCESS, RUN_SAMPLE};
use crate::text::{Style, line, table};
use crate::{Field, Row, Schema, Value};

/// More lines than this of one kind are for a file.
const LINES_MAX: usize = 16;

/// What became of a process, as fits on a line.
const PROCESS: [&str; 10] = [
    "name",
    "state",
    "references",
    "own",
    "serviced",
    "waited",
    "lost",
    "slow_down",
    "refaults",
    "working_set_peak",
];

/// Where memory was, as fits on a line.
const SAMPLE: [&str; 7] = ["time", "active", "modified", "standby", "free", "zeroed", "available"];

/// The report of a run: what it was, then a table a kind of record.
#[must_use]
pub fn text(report: &Report, style: Style) -> String {
    let run = RUN.row(report);
    let mut text = style.heading(&line(&run, &["seed", "ending", "duration", "references"]));
    let _ = write!(text, "\n{}\n", line(&run, &["memory", "low_memory", "high_memory"]));
    let _ = writeln!(text, "{}", line(&run, &["refaults", "repurposed", "system_time"]));
    if report.elapsed.is_some() {
        let _ = writeln!(text, "{}", line(&run, &["elapsed", "references_per_second"]));
    }
    if report.injected_errors > 0 || report.write_failures > 0 {
        let _ = writeln!(text, "{}", line(&run, &["injected_errors", "write_failures"]));
    }
    let processes = RUN_PROCESS.rows(&report.processes);
    section(&mut text, style, "Processes", &RUN_PROCESS, &processes, &PROCESS);
    for (name, reason) in reasons(&processes) {
        let _ = writeln!(text, "{}", style.alarm(&format!("{name}: {reason}")));
    }
    let faults = faults(report, &processes);
    let kinds = kinds(&faults);
    section(&mut text, style, "Faults", &FaultsByProcess, &faults, &kinds);
    section(&mut text, style, "Disks", &RUN_DISK, &RUN_DISK.rows(&report.disks), &[]);
    let conditions = RUN_CONDITION.rows(&report.conditions);
    section(&mut text, style, "Conditions", &RUN_CONDITION, &conditions, &[]);
    let commands = RUN_COMMAND.rows(&report.commands);
    section(&mut text, style, "Commands", &RUN_COMMAND, &commands, &[]);
    section(&mut text, style, "Lists", &RUN_SAMPLE, &samples(report), &SAMPLE);
    text
}

fn section(
    text: &mut String,
    style: Style,
    title: &str,
    schema: &dyn Schema,
    rows: &[Row],
    only: &[&str],
) {
    if rows.is_empty() {
        return;
    }
    let shown = &rows[..rows.len().min(LINES_MAX)];
    let _ = write!(text, "\n{}\n{}", style.heading(title), table(schema, shown, only, style));
    let more = rows.len() - shown.len();
    if more > 0 {
        let _ = writeln!(text, "… {more} more as JSON or CSV");
    }
}

/// Why processes ended that did not end by themselves.
fn reasons(processes: &[Row]) -> impl Iterator<Item = (String, String)> {
    let of = |row: &Row, id: &str| match value(row, id) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    processes.iter().filter_map(move |row| Some((of(row, "name")?, of(row, "reason")?)))
}

fn value<'r>(row: &'r Row, id: &str) -> Option<&'r Value> {
    row.iter().find(|(field, _)| field.id == id).map(|(_, value)| value)
}

/// The faults of the machine and of each process, a line each.
struct FaultsByProcess;

impl Schema for FaultsByProcess {
    fn id(&self) -> &'static str {
        "faults_by_process"
    }

    fn help(&self) -> &'static str {
        "The faults of a process, by kind."
    }

    fn fields(&self) -> Vec<&'static Field> {
        let name = RUN_PROCESS.fields().into_iter().filter(|field| field.id == "name");
        name.chain(FAULTS.fields()).collect()
    }
}

fn faults(report: &Report, processes: &[Row]) -> Vec<Row> {
    let named = |name: Value, counters: &Counters| {
        let field = FaultsByProcess.fields()[0];
        [(field, name)].into_iter().chain(FAULTS.row(counters)).collect::<Row>()
    };
    let machine = named(Value::text("(machine)"), &report.counters);
    let processes = processes.iter().zip(&report.processes).map(|(row, process)| {
        named(value(row, "name").cloned().unwrap_or(Value::Unknown), &process.counters)
    });
    [machine].into_iter().chain(processes).collect()
}

/// The kinds of faults that there were.
fn kinds(rows: &[Row]) -> Vec<&'static str> {
    let fields = FaultsByProcess.fields().into_iter().map(|field| field.id);
    let is_shown = |id: &&str| {
        let always = ["name", "all"].contains(id);
        always || rows.iter().any(|row| matches!(value(row, id), Some(Value::Count(1..))))
    };
    fields.filter(is_shown).collect()
}

/// Looks that are about as far from each other, the first and the last among them.
fn samples(report: &Report) -> Vec<Row> {
    let last = report.samples.len().saturating_sub(1);
    let shown = last.min(LINES_MAX - 1);
    let places = (0..=shown).map(|place| place * last / shown.max(1));
    RUN_SAMPLE.rows(places.filter_map(|place| report.samples.get(place)))
}
