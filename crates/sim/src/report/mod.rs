//! What came of a run.
//!
//! Everything in a [`Report`] but its rate is decided by the seed: the same run gives the same
//! report, byte for byte, however it is written down.

mod conditions;
mod curve;
mod pictures;

use std::time::Duration;

use memtide_core::conditions::Condition;
use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{Counters, Manager};

use crate::disk::{Disk, DiskCounters};
use crate::process::{Process, ProcessState, TimeAccount};
use crate::sample::Sample;
use crate::simulation::{Ending, Simulation};
use crate::world::CommandDone;

pub use conditions::{ConditionChange, ConditionSpan};
pub use curve::miss_ratio;
pub use pictures::{faults, lists, working_sets};

/// What became of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessReport {
    /// Its number, from 0 in the order they began.
    pub number: usize,
    /// What it is called.
    pub name: String,
    /// When it began.
    pub began: Tick,
    /// Whether it lives, or how it ended.
    pub state: ProcessState,
    /// Where its time went.
    pub time: TimeAccount,
    /// References made.
    pub references: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// What happened to it.
    pub counters: Counters,
    /// The most pages that its working set held.
    pub working_set_peak: u32,
}

impl ProcessReport {
    fn of(number: usize, process: &Process, manager: &Manager) -> Self {
        let mut report = Self {
            number,
            name: process.name.clone(),
            began: process.began,
            state: process.state,
            time: process.time,
            references: process.references,
            refused: process.refused,
            counters: process.counters,
            working_set_peak: process.working_set_peak,
        };
        if process.state == ProcessState::Alive
            && let Ok(space) = manager.snapshot().space(process.space)
        {
            report.counters = space.counters;
            report.working_set_peak = space.working_set_peak;
        }
        report
    }

    /// When it ended, if it did.
    #[must_use]
    pub const fn ended(&self) -> Option<Tick> {
        match self.state {
            ProcessState::Alive => None,
            ProcessState::Done(at)
            | ProcessState::Killed(at)
            | ProcessState::Crashed(at, _)
            | ProcessState::Aborted(at, _) => Some(at),
        }
    }

    /// How many times as long it took as it would have with memory enough; `None` where it did
    /// nothing.
    #[must_use]
    pub fn slow_down(&self) -> Option<f64> {
        let (own, lost) = (self.time.own.0, self.time.lost().0);
        (own > 0).then(|| (own as f64 + lost as f64) / own as f64)
    }
}

/// What a disk did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskReport {
    /// Its number, from 0.
    pub number: usize,
    /// What it is called.
    pub name: String,
    /// What it did.
    pub counters: DiskCounters,
}

impl DiskReport {
    fn of(number: usize, disk: &Disk) -> Self {
        Self { number, name: disk.kind().name.clone(), counters: disk.counters() }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The seed that decided everything.
    pub seed: u64,
    /// Why the run ended.
    pub ending: Ending,
    /// The physical memory of the machine.
    pub memory: Bytes,
    /// Memory is low below this.
    pub low_memory: Option<Bytes>,
    /// Memory is high from this.
    pub high_memory: Option<Bytes>,
    /// How long it was on the machine.
    pub duration: Tick,
    /// References that all processes made.
    pub references: u64,
    /// What happened on the machine.
    pub counters: Counters,
    /// Standby pages that got another owner.
    pub repurposed: u64,
    /// The manager's work that no process waited for.
    pub system_time: Tick,
    /// Pages that could not be written.
    pub write_failures: u64,
    /// Errors that were injected.
    pub injected_errors: u64,
    /// The processes, in the order they began.
    pub processes: Vec<ProcessReport>,
    /// The disks.
    pub disks: Vec<DiskReport>,
    /// The conditions that changed, those set from the beginning included.
    pub changes: Vec<ConditionChange>,
    /// How each of the nine conditions fared.
    pub conditions: Vec<ConditionSpan>,
    /// The memory-list commands.
    pub commands: Vec<CommandDone>,
    /// The looks taken, and one at the end.
    pub samples: Vec<Sample>,
    /// How long the run took to simulate, which no seed decides.
    pub elapsed: Option<Duration>,
}

impl Report {
    /// What came of a simulation so far.
    #[must_use]
    pub fn of(simulation: &Simulation, ending: Ending) -> Self {
        let world = simulation.world();
        let manager = world.manager();
        let mark = |condition: Condition| manager.conditions()[condition.index()].threshold;
        let processes = simulation.processes().iter().enumerate();
        let processes: Vec<_> = processes
            .map(|(number, process)| ProcessReport::of(number, process, manager))
            .collect();
        let changes = world.readings().iter();
        let changes: Vec<_> =
            changes.map(|(at, reading)| ConditionChange { at: *at, reading: *reading }).collect();
        let mut samples = simulation.samples().to_vec();
        if samples.last().is_none_or(|sample| sample.at < world.now()) {
            samples.push(Sample::take(world, simulation.processes()));
        }
        Self {
            seed: simulation.seed(),
            ending,
            memory: Bytes::from_pages(u64::from(manager.config().frames)),
            low_memory: mark(Condition::LowMemory),
            high_memory: mark(Condition::HighMemory),
            duration: simulation.now(),
            references: processes.iter().map(|process| process.references).sum(),
            counters: *manager.counters(),
            repurposed: manager.list_counts().repurposed.iter().sum(),
            system_time: simulation.system_time(),
            write_failures: world.write_failures(),
            injected_errors: world.injected_errors(),
            processes,
            disks: (0..).zip(world.disks()).map(|(n, disk)| DiskReport::of(n, disk)).collect(),
            conditions: conditions::fared(&changes, &manager.conditions(), simulation.now()),
            changes,
            commands: world.commands().to_vec(),
            samples,
            elapsed: None,
        }
    }

    /// With how long it took to simulate.
    #[must_use]
    pub const fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed = Some(elapsed);
        self
    }

    /// References simulated in a second of real time.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.elapsed?.as_secs_f64();
        (seconds > 0.0).then(|| self.references as f64 / seconds)
    }
}

/// Pages that left a working set, or memory, and came back: from a list, the store or a disk. The
/// first read of a page of a file counts as one that came back.
#[must_use]
pub const fn refaults(counters: &Counters) -> u64 {
    counters.soft + counters.decompressed + counters.hard
}

/// A length of time in seconds.
#[must_use]
pub fn seconds(tick: Tick) -> f64 {
    tick.0 as f64 / 1e9
}
