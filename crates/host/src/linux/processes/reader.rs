//! Reads the files of one process after the other.

use super::users::Users;
use super::{SmapsRollup, Stat, Status};
use crate::linux::cgroup::parse_proc_cgroup;
use crate::linux::process_files::{FileReader, Missing, ProcDirectory};
use crate::processes::{Detail, FaultRate, Faults, Kind, Options, Process, User};
use memtide_core::units::Bytes;
use rustix::fd::OwnedFd;
use std::time::Duration;

/// A name of this length may have been cut by the kernel. Source: `TASK_COMM_LEN`.
const CUT_NAME: usize = 15;

/// What a look is taken with, the same for every process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) proc: &'a ProcDirectory,
    pub(super) options: &'a Options,
    pub(super) users: &'a Users,
    /// Counted from the start of the machine.
    pub(super) taken: Duration,
    pub(super) ticks_per_second: u64,
}

/// Reads processes with the buffer of one thread.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a mut FileReader);

impl Reader<'_> {
    /// One process as far as it may be read.
    pub(super) fn process(&mut self, pid: u32, look: &Look<'_>) -> Result<Process, Missing> {
        match look.options.detail {
            Detail::Brief => self.brief(pid, look),
            Detail::Full => self.full(pid, look),
        }
    }

    fn brief(&mut self, pid: u32, look: &Look<'_>) -> Result<Process, Missing> {
        let path = format!("{pid}/status");
        let status = Status::parse(self.0.read(look.proc, path)?);
        let mut process = Process { pid, kind: Kind::Unknown, ..Process::default() };
        fill_status(&mut process, &status, look.users);
        Ok(process)
    }

    /// Through the process' own directory: should it end and its number be given to another
    /// between two files, the second says so instead of telling of the other.
    fn full(&mut self, pid: u32, look: &Look<'_>) -> Result<Process, Missing> {
        let directory = look.proc.process(pid)?;
        let mut process = Process { pid, kind: Kind::Unknown, ..Process::default() };
        let status = Status::parse(self.0.read(&directory, c"status")?);
        fill_status(&mut process, &status, look.users);
        match self.0.read(&directory, c"stat") {
            Ok(text) => {
                if let Some(stat) = Stat::parse(text) {
                    fill_stat(&mut process, &stat, look);
                }
            }
            Err(Missing::Gone) => return Err(Missing::Gone),
            Err(Missing::Closed) => {}
        }
        if process.kind == Kind::Kernel && !look.options.kernel_threads {
            return Ok(process);
        }
        if let Ok(text) = self.0.read(&directory, c"cgroup") {
            let (v1, v2) = parse_proc_cgroup(text);
            process.cgroup = v1.or(v2);
        }
        let cut = status.name.is_some_and(|name| name.len() == CUT_NAME);
        if look.options.command_lines || cut {
            self.command_line(&directory, &mut process, look.options.command_lines);
        }
        Ok(process)
    }

    fn command_line(&mut self, directory: &OwnedFd, process: &mut Process, wanted: bool) {
        let Ok(text) = self.0.read(directory, c"cmdline") else { return };
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        // The kernel cuts a name after 15 bytes; the first argument may have the rest.
        let first = text.split(|b| *b == 0).next().unwrap_or_default();
        let base = String::from_utf8_lossy(first.rsplit(|b| *b == b'/').next().unwrap_or_default());
        if process.name.as_ref().is_some_and(|name| base.starts_with(name.as_str())) {
            process.name = Some(base.into_owned());
        }
        if wanted && !text.is_empty() {
            let spaced: Vec<u8> = text.iter().map(|b| if *b == 0 { b' ' } else { *b }).collect();
            process.command_line = Some(String::from_utf8_lossy(&spaced).into_owned());
        }
    }

    /// How a process shares its memory; `None` where that may not be measured.
    pub(super) fn rollup(&mut self, proc: &ProcDirectory, pid: u32) -> Option<SmapsRollup> {
        let directory = proc.process(pid).ok()?;
        let rollup = SmapsRollup::parse(self.0.read(&directory, c"smaps_rollup").ok()?);
        rollup.proportional.is_some().then_some(rollup)
    }
}

pub(super) fn user(id: u32, users: &Users) -> User {
    User { id, name: users.name(id).map(str::to_owned) }
}

fn fill_status(process: &mut Process, status: &Status, users: &Users) {
    process.kind = kind(status);
    process.name = status.name.as_deref().map(|name| String::from_utf8_lossy(name).into_owned());
    process.user = status.user.map(|id| user(id, users));
    process.threads = status.threads;
    // Without an address space there is nothing to count, and that is known.
    let nothing = matches!(process.kind, Kind::Kernel | Kind::Zombie).then_some(Bytes::ZERO);
    process.working_set = status.resident.or(nothing);
    process.private = status.anonymous.or(nothing);
    process.shared = status.shared().or(nothing);
    process.swap = status.swap.or(nothing);
    process.commit = status.commit().or(nothing);
}

pub(super) fn fill_rollup(process: &mut Process, rollup: &SmapsRollup) {
    process.proportional = rollup.proportional;
    process.working_set = rollup.resident.or(process.working_set);
    process.private = rollup.private().or(process.private);
    process.shared = rollup.shared().or(process.shared);
    process.swap = rollup.swap.or(process.swap);
}

fn kind(status: &Status) -> Kind {
    match (status.state, status.kernel_thread, status.resident) {
        (None, ..) => Kind::Unknown,
        (Some(b'Z' | b'X'), ..) => Kind::Zombie,
        (_, Some(true), _) => Kind::Kernel,
        (_, Some(false), _) | (_, _, Some(_)) => Kind::Program,
        // A kernel that doesn't say: only its own threads have no memory.
        (_, None, None) => Kind::Kernel,
    }
}

fn fill_stat(process: &mut Process, stat: &Stat<'_>, look: &Look<'_>) {
    let faults = Faults { minor: stat.minor_faults, major: stat.major_faults };
    let started = ticks(stat.started_ticks, look.ticks_per_second);
    process.faults = Some(faults);
    process.started = Some(started);
    process.age = Some(look.taken.saturating_sub(started));
    process.fault_rate = process.age.and_then(|age| FaultRate::new(faults, age));
    process.threads = process.threads.or(Some(stat.threads));
    if stat.is_kernel_thread() {
        process.kind = Kind::Kernel;
    }
}

fn ticks(count: u64, per_second: u64) -> Duration {
    let per_second = per_second.max(1);
    let rest_ns = (count % per_second) * 1_000_000_000 / per_second;
    Duration::from_secs(count / per_second) + Duration::from_nanos(rest_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_time_exactly() {
        assert_eq!(ticks(197_163, 100), Duration::from_millis(1_971_630));
        assert_eq!(ticks(u64::MAX, 0), Duration::from_secs(u64::MAX));
    }
}
