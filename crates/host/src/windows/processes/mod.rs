//! The processes of this machine, from one list of the system.
//!
//! The list needs no privilege and tells the memory of every process; whose a process is and how
//! it was called is asked of each, and unknown where it may not be opened.

mod command_line;
mod record;
mod user;

pub(crate) use record::{Record, parse};

use super::answer::Answer;
use super::native::process::{Access, ProcessHandle};
use super::native::system_information;
use crate::Error;
use crate::processes::{FaultRate, Faults, Kind, Options, Process, Processes};
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use user::Users;

/// SystemProcessInformation.
const PROCESSES: i32 = 5;
/// SystemTimeOfDayInformation.
const TIMES: i32 = 3;

/// Times are counted in units of 100 ns.
const NANOSECONDS_A_TICK: u32 = 100;

/// The processes that are the kernel's own: the idle process and the system process.
const KERNEL: [u32; 2] = [0, 4];

pub(crate) fn list(options: &Options) -> Result<Processes, Error> {
    let mut list = read(options)?;
    let mut users = Users::default();
    for process in &mut list.list {
        ask(process, options, &mut users);
    }
    Ok(list)
}

pub(crate) fn largest(count: usize) -> Result<Processes, Error> {
    let options = Options::default();
    let mut list = read(&options)?;
    list.list.sort_by_key(|process| std::cmp::Reverse(process.working_set));
    list.list.truncate(count);
    let mut users = Users::default();
    for process in &mut list.list {
        ask(process, &options, &mut users);
    }
    Ok(list)
}

/// The processes as the system lists them, by number.
pub(crate) fn records() -> Result<Vec<Record>, Error> {
    let list = system_information::query_list(PROCESSES)
        .map_err(|status| Error::call("NtQuerySystemInformation", status))?;
    let mut records = parse(&Answer::from(list));
    records.sort_unstable_by_key(|record| record.pid);
    Ok(records)
}

pub(crate) fn cgroup_path(directory: &Path) -> Result<PathBuf, Error> {
    Err(Error::NotACgroup { path: directory.to_path_buf(), needs: "Linux" })
}

/// The system counts how many share a page up to seven only, so shares cannot be had; private and
/// shared memory are page by page already.
pub(crate) fn measure_shares(_processes: &mut [Process]) {}

fn read(options: &Options) -> Result<Processes, Error> {
    let clock = Clock::read()?;
    let records = records()?;
    let wanted = |record: &&Record| options.kernel_threads || !KERNEL.contains(&record.pid);
    let list = records.iter().filter(wanted).map(|record| process(record, &clock)).collect();
    Ok(Processes { list, closed: 0, others_hidden: false, taken: clock.since_start() })
}

fn process(record: &Record, clock: &Clock) -> Process {
    let working_set = Bytes(record.working_set);
    let private = record.private_working_set.map(Bytes);
    let faults = record
        .faults
        .map(|(all, hard)| Faults { minor: all.saturating_sub(hard).into(), major: hard.into() });
    let age = clock.age(record.created);
    Process {
        pid: record.pid,
        kind: kind(record),
        name: record.name.clone().or_else(|| kernel_name(record.pid)),
        working_set: Some(working_set),
        private,
        shared: private.map(|private| working_set.saturating_sub(private)),
        commit: record.commit.map(Bytes),
        faults,
        fault_rate: faults.zip(age).and_then(|(faults, age)| FaultRate::new(faults, age)),
        threads: Some(record.threads),
        started: clock.started(record.created),
        age,
        ..Process::default()
    }
}

fn kind(record: &Record) -> Kind {
    if KERNEL.contains(&record.pid) {
        return Kind::Kernel;
    }
    // Somebody has a handle to it still.
    let ended = record.threads == 0 && record.working_set == 0;
    if ended { Kind::Zombie } else { Kind::Program }
}

fn kernel_name(pid: u32) -> Option<String> {
    (pid == 0).then(|| "System Idle Process".to_owned())
}

/// Asks the process itself; what may not be asked stays unknown.
fn ask(process: &mut Process, options: &Options, users: &mut Users) {
    if process.pid == 0 {
        return;
    }
    let opened = ProcessHandle::open(process.pid, Access::Look);
    process.user = opened.as_ref().ok().and_then(|handle| users.of(handle));
    if options.command_lines {
        process.command_line = match &opened {
            Ok(handle) => command_line::of(handle, process.pid),
            Err(_) => None,
        };
    }
}

/// When the system started, and what time it is.
struct Clock {
    started: u64,
    now: u64,
}

impl Clock {
    fn read() -> Result<Self, Error> {
        // Setting the clock moves the start, too; what is told of a process must not move with it,
        // since it is known again by when it started.
        static STARTED: OnceLock<u64> = OnceLock::new();
        let [started, now] = system_information::query::<[u64; 2]>(TIMES)
            .map_err(|status| Error::call("NtQuerySystemInformation", status))?;
        Ok(Self { started: *STARTED.get_or_init(|| started), now })
    }

    fn since_start(&self) -> Duration {
        ticks(self.now.saturating_sub(self.started))
    }

    fn started(&self, created: u64) -> Option<Duration> {
        (created > 0).then(|| ticks(created.saturating_sub(self.started)))
    }

    fn age(&self, created: u64) -> Option<Duration> {
        (created > 0).then(|| ticks(self.now.saturating_sub(created)))
    }
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(NANOSECONDS_A_TICK.into()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
