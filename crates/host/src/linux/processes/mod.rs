//! /proc/PID: the processes of this machine.
//!
//! The parsers are public; each takes the bytes of a file and never panics.

pub mod capabilities;
mod reader;
mod smaps_rollup;
mod stat;
mod statm;
mod status;
mod users;

pub use smaps_rollup::SmapsRollup;
pub use stat::Stat;
pub use statm::Statm;
pub use status::Status;
pub use users::parse_passwd;

use super::cgroup::Location;
use super::process_files::{FIRST_PID, Missing, ProcDirectory, pids};
use super::shared_work::share_work;
use crate::Error;
use crate::processes::{Detail, Kind, Options, Process, Processes};
use reader::{Look, Reader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use users::Users;

pub(crate) fn list(options: &Options) -> Result<Processes, Error> {
    list_at(Path::new("/"), options)
}

/// Looks at the processes of a tree that stands for a machine: a directory with `proc` in it.
///
/// # Errors
/// As [`Processes::list`].
pub fn list_at(root: &Path, options: &Options) -> Result<Processes, Error> {
    read(root, &pids(root)?, options)
}

pub(crate) fn largest(count: usize) -> Result<Processes, Error> {
    let brief = Options { detail: Detail::Brief, ..Options::default() };
    let Processes { mut list, closed, others_hidden, .. } = list(&brief)?;
    // Which of the unknown are large is unknown too.
    list.retain(|process| process.working_set.is_some());
    list.sort_by_key(|process| std::cmp::Reverse(process.working_set));
    let pids: Vec<u32> = list.iter().take(count).map(|process| process.pid).collect();
    let mut largest = read(Path::new("/"), &pids, &Options::default())?;
    largest.list.sort_by_key(|process| std::cmp::Reverse(process.working_set));
    Ok(Processes { closed, others_hidden, ..largest })
}

fn read(root: &Path, pids: &[u32], options: &Options) -> Result<Processes, Error> {
    let proc = ProcDirectory::open(root)?;
    let users = Users::read(root);
    let look = Look {
        proc: &proc,
        options,
        users: &users,
        taken: since_start(),
        ticks_per_second: rustix::param::clock_ticks_per_second(),
    };
    let looked = share_work(pids, |files, pid| match Reader(files).process(*pid, &look) {
        Ok(process) => Some((process, false)),
        Err(Missing::Gone) => None,
        Err(Missing::Closed) => {
            let user = look.proc.owner(*pid).map(|id| reader::user(id, look.users));
            Some((Process { pid: *pid, kind: Kind::Unknown, user, ..Process::default() }, true))
        }
    });
    let wanted = looked.into_iter().flatten();
    let wanted = wanted.filter(|(p, _)| p.kind != Kind::Kernel || options.kernel_threads);
    let (mut list, mut closed) = (Vec::with_capacity(pids.len()), 0);
    for (process, is_closed) in wanted {
        closed += usize::from(is_closed);
        list.push(process);
    }
    list.sort_unstable_by_key(|process| process.pid);
    let others_hidden = !pids.contains(&FIRST_PID);
    Ok(Processes { list, closed, others_hidden, taken: look.taken })
}

pub(crate) fn measure_shares(processes: &mut [Process]) {
    let Ok(proc) = ProcDirectory::open(Path::new("/")) else { return };
    let pids: Vec<u32> = processes.iter().map(|process| process.pid).collect();
    let measured = share_work(&pids, |files, pid| (*pid, Reader(files).rollup(&proc, *pid)));
    let measured: BTreeMap<u32, SmapsRollup> =
        measured.into_iter().filter_map(|(pid, rollup)| Some((pid, rollup?))).collect();
    for process in processes {
        if let Some(rollup) = measured.get(&process.pid) {
            reader::fill_rollup(process, rollup);
        }
    }
}

/// The name that /proc/PID/cgroup has for a cgroup's directory.
pub(crate) fn cgroup_path(directory: &Path) -> Result<PathBuf, Error> {
    let location = Location::at(directory)?;
    let below = location.directory.strip_prefix(&location.top).unwrap_or(Path::new(""));
    Ok(Path::new("/").join(below))
}

fn since_start() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(now).unwrap_or_default()
}
