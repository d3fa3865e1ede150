//! `memtide sim run`.

use std::fs::{self, File};
use std::io::{BufWriter, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use memtide_core::page::Tick;
use memtide_sim::report::{self, Report, seconds};
use memtide_sim::scenario::{Scenario, Started};
use memtide_sim::{Ending, RunLog, Simulation, picture};
use memtide_view::fields;

use crate::Exit;
use crate::args::sim::{RunArgs, Shown};
use crate::config::BadConfig;
use crate::output::Output;
use crate::progress::Progress;

/// More than any scenario that somebody wrote; a larger file is something else.
const FILE_MAX: u64 = 4 << 20;

/// Steps of a run between two looks at the clock.
const STEPS: u32 = 256;

/// Runs a scenario and reports what happened.
///
/// # Errors
/// Where the scenario or an argument cannot be used, or a file cannot be written.
pub(crate) fn run(output: Output, args: &RunArgs) -> anyhow::Result<Exit> {
    if let Some(path) = &args.picture {
        picture::Format::of(path).map_err(|error| BadConfig::new(format!("--picture: {error}")))?;
    }
    let scenario = scenario_of(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let end = end(&scenario, args.duration)?;
    let unusable = |error: &dyn std::fmt::Display| {
        BadConfig::new(format!("{}: {error}", args.scenario.display()))
    };
    let mut simulation =
        Simulation::new(&scenario.machine, seed).map_err(|error| unusable(&error))?;
    let log = match &args.log {
        Some(path) => Some(RunLog::begin(&mut simulation, BufWriter::new(create(path)?))?),
        None => None,
    };
    let folder = args.scenario.parent().unwrap_or(Path::new(""));
    let started =
        scenario.begin(&mut simulation, seed, folder).map_err(|error| unusable(&error))?;
    let (ending, elapsed) = run_to(&mut simulation, end);
    if let (Some(log), Some(path)) = (log, &args.log) {
        log.finish(&mut simulation).with_context(|| path.display().to_string())?;
    }
    let report = Report::of(&simulation, ending).took(elapsed);
    print(output, &report)?;
    write_files(&report, args)?;
    failed_trace(&started, &args.scenario)?;
    anyhow::ensure!(ending != Ending::Stuck, "a thread waits for what never comes: please report");
    Ok(Exit::Done)
}

/// Reads a scenario.
///
/// # Errors
/// [`BadConfig`] with the file, the place, the key and what was expected.
pub(crate) fn scenario_of(path: &Path) -> Result<Scenario, BadConfig> {
    let bad =
        |error: &dyn std::fmt::Display| BadConfig::new(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| bad(&error))?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| bad(&error))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(bad(&"more than 4 MiB: expected a scenario, which a person has written"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        bad(&format!("the byte at {at} is no UTF-8: expected a text in TOML"))
    })?;
    Scenario::parse(&text).map_err(|error| BadConfig::new(format!("{}:{error}", path.display())))
}

fn end(scenario: &Scenario, said: Option<Duration>) -> Result<Option<Tick>, BadConfig> {
    let Some(said) = said else { return Ok(scenario.duration) };
    let nanoseconds = u64::try_from(said.as_nanos()).ok().filter(|time| *time > 0);
    let tick = nanoseconds.map(|time| Some(Tick(time)));
    tick.ok_or_else(|| {
        BadConfig::new(format!("--duration {said:?}: expected more than nothing, and 584 years"))
    })
}

/// Runs to the end; why it ended, and how long that took.
fn run_to(simulation: &mut Simulation, end: Option<Tick>) -> (Ending, Duration) {
    let mut progress = Progress::new(end.map(|end| end.0));
    let end = end.unwrap_or(Tick(u64::MAX));
    loop {
        for _ in 0..STEPS {
            if let Some(ending) = simulation.step(end) {
                return (ending, progress.elapsed());
            }
        }
        let now = simulation.now();
        progress.tell(now.0, |elapsed| {
            let made: u64 = simulation.processes().iter().map(|p| p.references).sum();
            let rate = made as f64 / elapsed.as_secs_f64() / 1e6;
            format!("{:.1} s simulated, {rate:.1} million references/s", seconds(now))
        });
    }
}

fn print(output: Output, report: &Report) -> anyhow::Result<()> {
    output.print(&fields::RUN.row(report), |_, style| memtide_view::run::text(report, style))?;
    Ok(())
}

fn write_files(report: &Report, args: &RunArgs) -> anyhow::Result<()> {
    if let Some(folder) = &args.csv {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for name in fields::RUN_FILES {
            let path = folder.join(name);
            fs::write(&path, fields::run_file(report, name))
                .with_context(|| path.display().to_string())?;
        }
    }
    if let Some(path) = &args.picture {
        let drawn = match args.show {
            Shown::Lists => report::lists(report),
            Shown::Faults => report::faults(report),
            Shown::WorkingSets => report::working_sets(report),
        };
        drawn.save(path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// A trace that could not be read to its end.
fn failed_trace(started: &Started, scenario: &Path) -> Result<(), BadConfig> {
    let failure = started
        .traces
        .iter()
        .find_map(|(process, trace)| trace.take_failure().map(|failure| (process, failure)));
    match failure {
        None => Ok(()),
        Some((process, failure)) => {
            let scenario = scenario.display();
            Err(BadConfig::new(format!("{scenario}: the process '{process}': {failure}")))
        }
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| path.display().to_string())
}
