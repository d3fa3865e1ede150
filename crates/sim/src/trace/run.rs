//! A trace on a machine of its own: one process, as much memory as is said, and a page file as
//! large as is needed.

use std::time::{Duration, Instant};

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{Config, Counters, Refusal, SpaceConfig};

use super::{Format, Progress, Trace, TraceFailure, TraceOutcome, TraceProgram};
use crate::disk::{DiskCounters, DiskKind};
use crate::machine::Machine;
use crate::process::{ProcessState, TimeAccount};
use crate::simulation::{Ending, Simulation};

/// A machine on which nothing has to leave memory: 1 TiB, which costs little until it is used.
const FRAMES_PLENTY: u32 = 1 << 28;

/// The pages of a page file that is never full: 16 TiB.
const PAGE_FILE: u32 = u32::MAX;

/// Steps between two looks at how far it has come: enough to cost nothing where each is a fault,
/// few enough for some looks a second where each takes a thousandth of one.
const STEPS: u32 = 64;

/// On what a trace runs.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceRun {
    /// Physical pages; `None` is enough for everything.
    pub frames: Option<u32>,
    /// The disk of the page file.
    pub disk: DiskKind,
    /// The time of a reference to a page in memory.
    pub reference_time: Tick,
}

/// What came of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceReport {
    /// Its format.
    pub format: Option<Format>,
    /// Physical pages of the machine; `None` was enough for everything.
    pub frames: Option<u32>,
    /// References made.
    pub references: u64,
    /// Lines that are no references.
    pub passed_over: u64,
    /// What happened to the process.
    pub counters: Counters,
    /// What the disk did.
    pub disk: DiskCounters,
    /// The largest working set, in pages.
    pub peak: u32,
    /// Where the time of the process went.
    pub time: TimeAccount,
    /// How long the simulation took, by the clock on the wall.
    pub elapsed: Duration,
}

/// Why a trace could not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum TraceRunError {
    /// The trace cannot be read, or the machine has no memory for its program.
    #[error(transparent)]
    Failed(#[from] TraceFailure),
    /// There is no such machine.
    #[error(transparent)]
    Machine(#[from] memtide_core::ConfigError),
    /// There is no room for a process.
    #[error("the process of the trace: {0}")]
    Process(#[from] Refusal),
    /// The process did not come to its end.
    #[error("the process of the trace ended as {0:?}, {1:?}: this is a defect of Memtide")]
    Unfinished(Ending, ProcessState),
}

impl TraceRun {
    /// The machine.
    #[must_use]
    pub fn machine(&self) -> Machine {
        let mut config = Config::new(self.frames.unwrap_or(FRAMES_PLENTY));
        config = config.with_page_file(PAGE_FILE, PAGE_FILE);
        // Page tables and descriptors are counted in the pool, and are not what is asked about.
        config.nonpaged_pool = Bytes(u64::MAX / 2);
        Machine { disks: vec![self.disk.clone()], ..Machine::new(config) }
    }

    /// The machine, with the process of a trace that has made no reference yet.
    ///
    /// # Errors
    /// [`TraceRunError`] where there is no such machine, or no room in it for a process.
    pub fn begin(&self, trace: Trace) -> Result<(Simulation, TraceOutcome), TraceRunError> {
        self.begin_on(&self.machine(), trace)
    }

    fn begin_on(
        &self,
        machine: &Machine,
        trace: Trace,
    ) -> Result<(Simulation, TraceOutcome), TraceRunError> {
        let mut simulation = Simulation::new(machine, 0)?;
        let (program, outcome) = TraceProgram::new(trace);
        let program = Box::new(program);
        simulation.spawn("trace", SpaceConfig::default(), self.reference_time, program)?;
        Ok((simulation, outcome))
    }

    /// Runs a trace to its end; `tell` is called often, to look how far it has come.
    ///
    /// # Errors
    /// [`TraceRunError`].
    pub fn run(
        &self,
        trace: Trace,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<TraceReport, TraceRunError> {
        self.run_on(&self.machine(), trace, tell)
    }

    /// The same on a machine that was changed.
    ///
    /// # Errors
    /// [`TraceRunError`].
    pub fn run_on(
        &self,
        machine: &Machine,
        trace: Trace,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<TraceReport, TraceRunError> {
        let progress = trace.progress();
        let (mut simulation, outcome) = self.begin_on(machine, trace)?;
        let begin = Instant::now();
        let ending = loop {
            let ending = (0..STEPS).find_map(|_| simulation.step(Tick(u64::MAX)));
            if let Some(ending) = ending {
                break ending;
            }
            tell(&progress);
        };
        let elapsed = begin.elapsed();
        if let Some(failure) = outcome.take_failure() {
            return Err(failure.into());
        }
        let process = &simulation.processes()[0];
        if !matches!(process.state, ProcessState::Done(_)) {
            return Err(TraceRunError::Unfinished(ending, process.state));
        }
        Ok(TraceReport {
            format: outcome.format(),
            frames: self.frames,
            references: process.references,
            passed_over: outcome.passed_over(),
            counters: process.counters,
            disk: simulation.world().disks()[0].counters(),
            peak: process.working_set_peak,
            time: process.time,
            elapsed,
        })
    }
}

impl TraceRunError {
    /// Whether the trace or what was asked for is to blame, and not the system.
    #[must_use]
    pub fn blames_input(&self) -> bool {
        match self {
            Self::Failed(TraceFailure::Trace(error)) => error.blames_input(),
            Self::Failed(TraceFailure::Refused(_)) | Self::Machine(_) | Self::Process(_) => true,
            Self::Unfinished(..) => false,
        }
    }
}

impl TraceReport {
    /// Different pages.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.counters.demand_zero
    }

    /// First touches and hard faults over references; a soft fault is no miss.
    #[must_use]
    pub fn miss_ratio(&self) -> f64 {
        let misses = self.counters.demand_zero + self.counters.hard;
        misses as f64 / self.references.max(1) as f64
    }

    /// References a second of the simulation; none where it took no time that a clock shows.
    #[must_use]
    pub fn references_per_second(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        (seconds > 0.0).then(|| self.references as f64 / seconds)
    }

    /// How many times as long it took as without any fault.
    #[must_use]
    pub fn slow_down(&self) -> f64 {
        let own = self.time.own.0.max(1) as f64;
        (own + self.time.lost().0 as f64) / own
    }
}
