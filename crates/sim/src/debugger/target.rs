//! What is debugged: a simulation that runs, a recorded run, or a saved state.

use std::collections::BTreeMap;
use std::io::Read;

use memtide_core::page::{Pfn, SpaceId, Tick};
use memtide_core::{Event, Manager};
use memtide_recording::{Replay, Saved};

use super::error::KdError;
use crate::process::{Process, ProcessState};
use crate::simulation::{Ending, Simulation};
use crate::trace::TraceOutcome;

/// Where a recorded run is read from.
type Source = Box<dyn Read + Send>;

enum Machine {
    Simulation(Box<Simulation>, Plan),
    Replay(Box<Replay<Source>>),
    Saved(Box<Saved>),
}

/// What a simulation was begun with.
#[derive(Default)]
pub struct Plan {
    /// When it is over, if processes are still running.
    pub end: Option<Tick>,
    /// Where the reading of each trace says what went wrong, with the name of its process.
    pub traces: Vec<(String, TraceOutcome)>,
}

impl Plan {
    /// What went wrong with a trace, if something did.
    fn failure(&self) -> Option<String> {
        let failure = |(name, outcome): &(String, TraceOutcome)| {
            Some(format!("the trace of {name} could not be read on: {}", outcome.take_failure()?))
        };
        self.traces.iter().find_map(failure)
    }
}

/// What is debugged.
pub struct Target {
    machine: Machine,
    /// What it was opened from.
    title: String,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// These events, each with its moment; none where programs only used what they have.
    Events(Vec<(Tick, Event)>),
    /// The next event lies behind the limit.
    TimeOut,
    /// There is nothing more to come, for this reason.
    Ended(String),
}

/// Resident accesses of a log that one step takes at most.
const TOUCHES: u32 = 1 << 16;

impl Target {
    /// A simulation; its title tells a reader what it is.
    #[must_use]
    pub fn simulation(title: &str, mut simulation: Simulation, plan: Plan) -> Self {
        simulation.world_mut().watch(true);
        Self { machine: Machine::Simulation(Box::new(simulation), plan), title: title.to_owned() }
    }

    /// A recorded run.
    #[must_use]
    pub fn replay(title: &str, replay: Replay<Source>) -> Self {
        Self { machine: Machine::Replay(Box::new(replay)), title: title.to_owned() }
    }

    /// A saved state, to look at.
    #[must_use]
    pub fn saved(title: &str, saved: Saved) -> Self {
        Self { machine: Machine::Saved(Box::new(saved)), title: title.to_owned() }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What it is, in words.
    pub(super) const fn word(&self) -> &'static str {
        match self.machine {
            Machine::Simulation(..) => "simulation",
            Machine::Replay(_) => "recorded run",
            Machine::Saved(_) => "snapshot",
        }
    }

    /// Whether it can go on.
    pub(super) const fn can_run(&self) -> bool {
        !matches!(self.machine, Machine::Saved(_))
    }

    pub(super) fn manager(&self) -> &Manager {
        match &self.machine {
            Machine::Simulation(simulation, _) => simulation.world().manager(),
            Machine::Replay(replay) => replay.manager(),
            Machine::Saved(saved) => &saved.manager,
        }
    }

    pub(super) fn now(&self) -> Tick {
        match &self.machine {
            Machine::Simulation(simulation, _) => simulation.now(),
            Machine::Replay(_) | Machine::Saved(_) => self.manager().now(),
        }
    }

    /// The name of a process, by its space.
    pub(super) fn name(&self, space: SpaceId) -> &str {
        let found = match &self.machine {
            Machine::Simulation(simulation, _) => {
                let living = |process: &&Process| {
                    process.space == space && process.state == ProcessState::Alive
                };
                simulation.processes().iter().find(living).map(|process| process.name.as_str())
            }
            Machine::Replay(replay) => replay.names().get(&space).map(String::as_str),
            Machine::Saved(saved) => saved.names.get(&space).map(String::as_str),
        };
        found.unwrap_or("unnamed")
    }

    /// The names of all processes that live.
    pub(super) fn names(&self) -> BTreeMap<SpaceId, String> {
        let snapshot = self.manager().snapshot();
        snapshot.spaces().map(|space| (space, self.name(space).to_owned())).collect()
    }

    /// The processes as the simulation knows them.
    pub(super) fn processes(&self) -> &[Process] {
        match &self.machine {
            Machine::Simulation(simulation, _) => simulation.processes(),
            Machine::Replay(_) | Machine::Saved(_) => &[],
        }
    }

    /// What a frame holds, where that is known.
    pub(super) fn contents(&self, frame: Pfn) -> Option<u64> {
        match &self.machine {
            Machine::Simulation(simulation, _) => simulation.world().word(frame),
            Machine::Replay(_) | Machine::Saved(_) => None,
        }
    }

    /// Lets a little happen, up to a moment.
    pub(super) fn step(&mut self, limit: Tick) -> Result<Stepped, KdError> {
        match &mut self.machine {
            Machine::Simulation(simulation, plan) => Ok(step_simulation(simulation, plan, limit)),
            Machine::Replay(replay) => step_replay(replay, limit),
            Machine::Saved(_) => Ok(Stepped::Ended("a snapshot is one moment".to_owned())),
        }
    }
}

fn step_simulation(simulation: &mut Simulation, plan: &Plan, limit: Tick) -> Stepped {
    let end = plan.end.unwrap_or(Tick(u64::MAX));
    let ending = simulation.step(limit.min(end));
    let seen = simulation.world_mut().take_seen();
    let why = match ending {
        None => return Stepped::Events(seen),
        Some(Ending::TimeOut) if limit < end => return Stepped::TimeOut,
        Some(Ending::TimeOut) => "the time of the scenario is over".to_owned(),
        Some(Ending::Done) => "every process has ended".to_owned(),
        Some(Ending::Stuck) => "threads wait, and nothing is under way to end it".to_owned(),
    };
    Stepped::Ended(plan.failure().unwrap_or(why))
}

fn step_replay(replay: &mut Replay<Source>, limit: Tick) -> Result<Stepped, KdError> {
    for _ in 0..TOUCHES {
        if replay.next_moment().is_some_and(|at| at > limit) {
            return Ok(Stepped::TimeOut);
        }
        let Some(replayed) = replay.step()? else {
            return Ok(Stepped::Ended("the recorded run is over".to_owned()));
        };
        let event = replayed.event;
        if !matches!(event, Event::Touch(..)) {
            return Ok(Stepped::Events(vec![(replay.manager().now(), event)]));
        }
    }
    Ok(Stepped::Events(Vec::new()))
}
