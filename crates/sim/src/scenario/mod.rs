//! Scenarios: a machine, its processes and what is done to it, read from a file in TOML.
//!
//! docs/SCENARIOS.md lists every key. A scenario and a seed give the same run, always.
//!
//! ```
//! use memtide_core::page::Tick;
//! use memtide_sim::Ending;
//! use memtide_sim::scenario::Scenario;
//!
//! let scenario = Scenario::parse(
//!     "[machine]
//!      memory = '4MiB'
//!      [[page_file]]
//!      initial = '16MiB'
//!      [[process]]
//!      name = 'editor'
//!      memory = '6MiB'
//!      [[process.phase]]
//!      pattern = 'random'
//!      references = 10_000",
//! )?;
//! let mut simulation = scenario.start(scenario.seed)?;
//! assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
//! assert!(simulation.processes()[0].counters.hard > 0, "it does not fit");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod event;
mod file;
mod machine;
mod names;
mod phase;
mod policy;
mod process;
mod section;
mod start;
mod thresholds;
mod value;

pub use error::ScenarioError;
pub use event::{Deed, Event};
pub use process::{ProcessPlan, Work};
pub use start::{StartError, Started};

use memtide_core::SectionConfig;
use memtide_core::page::Tick;

use crate::machine::Machine;
use error::Problem;
use file::File;
use process::PROCESSES_MAX;
use toml::Spanned;
use value::{some_time, whole};

/// A scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows, in words.
    pub description: String,
    /// What decides all that is random, unless another seed is given.
    pub seed: u64,
    /// When it is over, if processes are still running.
    pub duration: Option<Tick>,
    /// How long it is from one look at the machine to the next.
    pub sample: Tick,
    /// The machine.
    pub machine: Machine,
    /// The sections, with their names.
    pub sections: Vec<(String, SectionConfig)>,
    /// The processes.
    pub processes: Vec<ProcessPlan>,
    /// What is done to the machine.
    pub events: Vec<Event>,
}

const SEED_MAX: u64 = i64::MAX.unsigned_abs();
const SAMPLE: Tick = Tick(100_000_000);

/// Looks at a machine that a run may take.
const SAMPLES_MAX: u64 = 1_000_000;
const SECTIONS_MAX: usize = 1_000;
const EVENTS_MAX: usize = 1_000;

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] with the place, the key, and what was expected.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let file = toml::from_str(text).map_err(|error| Problem::from_toml(&error));
        file.and_then(|file| Self::read(&file)).map_err(|problem| problem.locate(text))
    }

    fn read(file: &File) -> Result<Self, Problem> {
        few(&file.disk, SECTIONS_MAX, "disks")?;
        few(&file.section, SECTIONS_MAX, "sections")?;
        few(&file.event, EVENTS_MAX, "events")?;
        names::unique(file.section.iter().map(|table| &table.get_ref().name), "section")?;
        let names = file.process.iter().map(|table| &table.get_ref().name);
        let names = names::unique(names, "process")?;
        let sections: Vec<_> = file.section.iter().map(section::read).collect::<Result<_, _>>()?;
        let processes = file.process.iter().map(|table| process::read(table, &sections));
        let mut scenario = Self {
            description: file.description.clone(),
            seed: whole(&file.seed, 1, 0..=SEED_MAX, "as a seed")?,
            duration: file.duration.as_ref().map(|placed| placed.get_ref().0),
            sample: some_time(&file.sample, SAMPLE)?,
            machine: machine::read(file)?,
            processes: processes.collect::<Result<_, _>>()?,
            sections,
            events: Vec::new(),
        };
        for (number, table) in file.event.iter().enumerate() {
            match event::read(table, number, &names)? {
                event::Read::Event(event) => scenario.events.push(event),
                event::Read::Process(process) => scenario.processes.push(process),
            }
        }
        scenario.check(file)?;
        Ok(scenario)
    }

    fn check(&self, file: &File) -> Result<(), Problem> {
        let at = file.process.last().map_or(0..0, Spanned::span);
        let total: u32 = self.processes.iter().map(|process| process.count).sum();
        let threads = self.processes.iter().map(|process| process.count * process.threads);
        let threads: u32 = threads.sum();
        if file.process.is_empty() {
            let text = "`process` is missing: expected at least one [[process]]";
            return Err(Problem::new(at, text));
        }
        for (what, count) in [("processes", total), ("threads", threads)] {
            let most = if what == "processes" { PROCESSES_MAX } else { 10 * PROCESSES_MAX };
            if count > most {
                return Err(Problem::new(at, format!("{count} {what} in all: expected {most}")));
            }
        }
        let Some(duration) = &file.duration else { return self.ends(file) };
        let time = some_time(&file.duration, Tick(0))?;
        if time.0 / self.sample.0 > SAMPLES_MAX {
            let placed = file.sample.as_ref().map_or(duration.span(), Spanned::span);
            let text = format!(
                "{} looks at the machine: expected a `sample` of which {SAMPLES_MAX} at most fit \
                 in the duration",
                time.0 / self.sample.0
            );
            return Err(Problem::new(placed, text));
        }
        Ok(())
    }

    /// Without a duration, every process that is not in the background must end by itself.
    fn ends(&self, file: &File) -> Result<(), Problem> {
        let endless = self.processes.iter().zip(&file.process).find(|(process, _)| {
            let Work::Plan(plan) = &process.work else { return false };
            let is_endless = plan.rounds.is_none() || plan.phases.iter().any(|phase| !phase.ends());
            is_endless && !process.is_background
        });
        let Some((process, table)) = endless else { return Ok(()) };
        let text = format!(
            "the process '{}' never ends, and `duration` is missing at the top of the file: \
             expected one of both",
            process.name
        );
        Err(Problem::new(table.span(), text))
    }
}

fn few<T>(tables: &[Spanned<T>], most: usize, what: &str) -> Result<(), Problem> {
    let Some(beyond) = tables.get(most) else { return Ok(()) };
    let text = format!("{} {what}: expected at most {most}", tables.len());
    Err(Problem::new(beyond.span(), text))
}
