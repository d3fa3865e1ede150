//! One look at a running simulation.

use memtide_core::conditions::{Condition, Levels};
use memtide_core::page::Tick;
use memtide_core::{Counters, ListCounts};

use crate::process::{Process, ProcessId, ProcessState};
use crate::world::World;

/// A process at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessSample {
    /// Which process.
    pub process: ProcessId,
    /// Its working set, in pages.
    pub working_set: u32,
    /// Its private commit charge, in pages.
    pub commit: u64,
    /// What has happened to it.
    pub counters: Counters,
}

/// A machine at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The moment.
    pub at: Tick,
    /// Frames in use: in working sets, or held by the manager.
    pub active: u32,
    /// The lists, in pages.
    pub lists: ListCounts,
    /// The levels that the conditions are judged by.
    pub levels: Levels,
    /// Which conditions are set, in the order of [`Condition::ALL`].
    pub conditions: [bool; Condition::COUNT],
    /// What has happened so far.
    pub counters: Counters,
    /// The processes that live.
    pub processes: Vec<ProcessSample>,
}

impl Sample {
    /// A look now.
    pub(crate) fn take(world: &World, processes: &[Process]) -> Self {
        let manager = world.manager();
        let lists = manager.list_counts();
        let listed = [lists.zeroed, lists.free, lists.modified, lists.modified_no_write, lists.bad];
        let listed: u32 = listed.iter().chain(&lists.standby).sum();
        let snapshot = manager.snapshot();
        let living = processes.iter().enumerate();
        let living = living.filter(|(_, process)| process.state == ProcessState::Alive);
        let processes = living.filter_map(|(number, process)| {
            let view = snapshot.space(process.space).ok()?;
            let (working_set, commit, counters) = (view.working_set, view.commit, view.counters);
            Some(ProcessSample { process: ProcessId(number), working_set, commit, counters })
        });
        let is_set = |reading: memtide_core::conditions::Reading| {
            reading.state == memtide_core::conditions::State::Set
        };
        Self {
            at: world.now(),
            active: manager.config().frames - listed,
            lists,
            levels: manager.levels(),
            conditions: manager.conditions().map(is_set),
            counters: *manager.counters(),
            processes: processes.collect(),
        }
    }
}
