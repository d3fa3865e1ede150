//! `memtide live bench`: the same work under Memtide and under what the kernel offers.

use crate::Exit;
use crate::args::live::BenchArgs;
use crate::config::BadConfig;
use crate::output::Output;
use crate::progress::Progress;
use memtide_compare::{CompareError, Launch, Pattern, Plan, Report, System, compare};
use memtide_view::fields::{BENCH, BENCH_ROW, BenchRow};
use memtide_view::text::{self, Style};
use memtide_view::{Row, Value};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What of a row stands in its pattern's table.
const COLUMNS: [&str; 6] = [
    "system",
    "ns_per_access",
    "ns_per_access_least",
    "ns_per_access_most",
    "ratio_to_swap_file",
    "ratio_to_zram",
];

/// What of all is told before.
const SUMMARY: [&str; 4] = ["budget", "content", "seed", "directory"];

/// Measures what the arguments ask for.
///
/// # Errors
/// Where an argument cannot be used, a system got a byte wrong, or what was set up could not be
/// undone.
pub(crate) fn run(output: Output, args: &BenchArgs) -> anyhow::Result<Exit> {
    if args.worker {
        memtide_compare::work()?;
        return Ok(Exit::Done);
    }
    if args.keeper {
        memtide_compare::keep()?;
        return Ok(Exit::Done);
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let plan = plan(args);
    let mut progress = Progress::new(Some(plan.runs_in_all()));
    let mut tell = |made, next: &str| progress.tell(made, |_| next.to_owned());
    let report = match compare(&plan, &launch()?, &interrupted, &mut tell) {
        Ok(report) => report,
        Err(CompareError::Plan(bad)) => return Err(BadConfig::new(bad.to_string()).into()),
        Err(error) => return Err(error.into()),
    };
    drop(progress);
    output.print(&BENCH.row(&report), |row, style| shown(row, &report, style))?;
    Ok(if report.interrupted { Exit::Interrupted } else { Exit::Done })
}

fn launch() -> anyhow::Result<Launch> {
    let arguments = |role: &str| ["live", "bench", role].map(str::to_owned).to_vec();
    let program = std::env::current_exe()?;
    Ok(Launch { program, worker: arguments("--worker"), keeper: arguments("--keeper") })
}

fn plan(args: &BenchArgs) -> Plan {
    let (mut data, mut patterns, mut systems) =
        (args.data.clone(), args.pattern.clone(), args.system.clone());
    if patterns.is_empty() {
        patterns = Pattern::ALL.to_vec();
    }
    if systems.is_empty() {
        systems = System::ALL.to_vec();
    }
    data.sort_unstable();
    data.dedup();
    patterns.sort_unstable();
    patterns.dedup();
    systems.sort_unstable();
    systems.dedup();
    Plan {
        budget: args.budget,
        data,
        patterns,
        systems,
        runs: args.runs,
        content: args.content,
        seed: args.seed,
        directory: args.directory.clone(),
    }
}

/// A table a pattern, and below it what was not measured and why.
fn shown(row: &Row, report: &Report, style: Style) -> String {
    let rows = BenchRow::all(report);
    let mut text = format!("{}\n", text::line(row, &SUMMARY));
    let alike = |a: &BenchRow, b: &BenchRow| {
        (a.outcome.pattern, a.outcome.multiple) == (b.outcome.pattern, b.outcome.multiple)
    };
    for set in rows.chunk_by(alike) {
        let first = &set[0].outcome;
        let heading =
            format!("{} · {} of data ({})", first.pattern.name(), first.data, first.multiple);
        let measured: Vec<Row> = set
            .iter()
            .filter(|row| !row.outcome.runs.is_empty())
            .map(|row| BENCH_ROW.row(row))
            .collect();
        let _ = writeln!(text, "\n{}", style.heading(&heading));
        if !measured.is_empty() {
            text += &text::table(&BENCH_ROW, &measured, &COLUMNS, style);
        }
        for outcome in set.iter().map(|row| &row.outcome) {
            if let Some(reason) = &outcome.reason {
                let reason = text::value(memtide_view::Unit::Text, &Value::text(reason.as_str()));
                let made = outcome.runs.len();
                let _ = writeln!(text, "{}: {made} runs: {reason}", outcome.system.name());
            }
        }
    }
    text
}
