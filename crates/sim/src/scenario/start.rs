//! From a scenario to a machine that runs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use memtide_core::page::{SectionId, Tick};
use memtide_core::{Call, ConfigError, Refusal, Reply, SpaceConfig};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Scenario;
use super::event::Deed;
use super::process::{ProcessPlan, Work};
use crate::process::ProcessId;
use crate::program::Program;
use crate::programs::Script;
use crate::simulation::{Action, Simulation};
use crate::trace::{Trace, TraceError, TraceOutcome, TraceProgram};
use crate::workload::WorkloadError;

/// Why a scenario cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The machine.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A section that the machine has no memory for.
    #[error("the section '{0}': {1}")]
    Section(String, Refusal),
    /// A process that the machine has no memory for.
    #[error("the process '{0}': {1}")]
    Process(String, Refusal),
    /// A trace that cannot be read.
    #[error("the process '{0}': {1}")]
    Trace(String, TraceError),
    /// A pattern that makes no sense.
    #[error("the process '{0}': {1}")]
    Workload(String, WorkloadError),
}

/// What was begun.
#[derive(Debug, Default)]
pub struct Started {
    /// How the reading of each trace goes, with the name of its process.
    pub traces: Vec<(String, TraceOutcome)>,
}

/// The processes of a run and the world draw from different numbers.
const STREAM: u64 = 0x7e3a_11d3_0000_0001;

impl Scenario {
    /// A machine on which everything is begun; traces are looked for in the current folder.
    ///
    /// # Errors
    /// [`StartError`] with what cannot be begun.
    pub fn start(&self, seed: u64) -> Result<Simulation, StartError> {
        let mut simulation = Simulation::new(&self.machine, seed)?;
        self.begin(&mut simulation, seed, Path::new(""))?;
        Ok(simulation)
    }

    /// Begins everything on a new machine: sections, processes, events, samples. Traces are looked
    /// for in a folder, such as the one of the scenario's file.
    ///
    /// # Errors
    /// [`StartError`] with what cannot be begun.
    pub fn begin(
        &self,
        simulation: &mut Simulation,
        seed: u64,
        folder: &Path,
    ) -> Result<Started, StartError> {
        let sections: Arc<[SectionId]> = self.create_sections(simulation)?.into();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ STREAM);
        let mut started = Started::default();
        let mut spawned: Vec<Vec<ProcessId>> = Vec::new();
        for plan in &self.processes {
            let mut ids = Vec::new();
            for number in 0..plan.count {
                let name = match plan.count {
                    1 => plan.name.clone(),
                    _ => format!("{} {}", plan.name, number + 1),
                };
                let mut seeds = || random.random();
                let seeds: Vec<u64> = (0..plan.threads).map(|_| seeds()).collect();
                let programs = match &plan.work {
                    Work::Plan(script) => Script::threads(script, &sections, &seeds)
                        .map_err(|error| StartError::Workload(name.clone(), error))?,
                    Work::Trace(path, format) => {
                        let trace = Trace::open(&folder.join(path), *format)
                            .map_err(|error| StartError::Trace(name.clone(), error))?;
                        let (program, outcome) = TraceProgram::new(trace);
                        started.traces.push((name.clone(), outcome));
                        vec![Box::new(program) as Box<dyn Program>]
                    }
                };
                let later = u64::from(number).saturating_mul(plan.start_every.0);
                let at = plan.start.after(Tick(later));
                ids.push(spawn(simulation, plan, name, at, programs)?);
            }
            spawned.push(ids);
        }
        self.schedule(simulation, &spawned);
        simulation.sample_every(self.sample);
        Ok(started)
    }

    /// The files that traces are read from, as the scenario names them.
    pub fn traces(&self) -> impl Iterator<Item = &PathBuf> {
        self.processes.iter().filter_map(|plan| match &plan.work {
            Work::Trace(path, _) => Some(path),
            Work::Plan(_) => None,
        })
    }

    fn create_sections(&self, simulation: &mut Simulation) -> Result<Vec<SectionId>, StartError> {
        let world = simulation.world_mut();
        let sections = self.sections.iter().map(|(name, config)| {
            match world.call(&Call::CreateSection(*config)) {
                Ok(Reply::Section(section)) => Ok(section),
                Ok(other) => unreachable!("a section was made, and {other:?} came back"),
                Err(refusal) => Err(StartError::Section(name.clone(), refusal)),
            }
        });
        sections.collect()
    }

    fn schedule(&self, simulation: &mut Simulation, spawned: &[Vec<ProcessId>]) {
        for event in &self.events {
            let actions: Vec<Action> = match event.deed {
                Deed::Command(command) => vec![Action::Command(command)],
                Deed::EmptyWorkingSet(table) => {
                    spawned[table].iter().map(|id| Action::EmptyWorkingSet(*id)).collect()
                }
                Deed::Kill(table) => spawned[table].iter().map(|id| Action::Kill(*id)).collect(),
            };
            for action in actions {
                simulation.schedule_at(event.moments, action);
            }
        }
    }
}

fn spawn(
    simulation: &mut Simulation,
    plan: &ProcessPlan,
    name: String,
    at: Tick,
    programs: Vec<Box<dyn Program>>,
) -> Result<ProcessId, StartError> {
    let config = SpaceConfig { page_priority: plan.page_priority, ..SpaceConfig::default() };
    let process = simulation
        .create_process(&name, config, plan.reference_time)
        .map_err(|refusal| StartError::Process(name, refusal))?;
    if plan.is_background {
        simulation.put_in_background(process);
    }
    for program in programs {
        simulation.add_thread_at(at, process, program);
    }
    Ok(process)
}
