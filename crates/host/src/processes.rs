//! The processes of this machine, and what each holds of its memory.
//!
//! [`Processes::list`] takes one look; [`Processes::rate_since`] compares it with an earlier one;
//! [`Processes::measure_shares`] adds what is dear to learn, for as many processes as are shown.

use crate::{Error, Scope, system};
use memtide_core::units::Bytes;
use std::path::PathBuf;
use std::time::Duration;

/// What a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A program.
    #[default]
    Program,
    /// A thread of the kernel: it has no memory of its own.
    Kernel,
    /// A program that has ended and that its parent hasn't asked after: it holds no memory.
    Zombie,
    /// The system doesn't say.
    Unknown,
}

/// Who a process runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// The number of the user; on Windows the last number of the security identifier, which tells
    /// the accounts of one machine apart.
    pub id: u32,
    /// The name; `None` for a user that the machine's own list doesn't name. On Windows
    /// `DOMAIN\NAME`, or the security identifier where nobody knows the account.
    pub name: Option<String>,
}

/// Page faults since a process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Resolved in memory: demand zero, copy on write, standby pages (Windows' soft faults).
    pub minor: u64,
    /// Resolved by reading from a disk (Windows' hard faults).
    pub major: u64,
}

/// How fast a process takes page faults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultRate {
    /// Minor faults a second.
    pub minor_per_s: f64,
    /// Major faults a second.
    pub major_per_s: f64,
    /// The time it is the average of.
    pub over: Duration,
}

/// One process; `None` is what cannot be known, or was not asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// What it is.
    pub kind: Kind,
    /// The name of the program; bytes that are not UTF-8 are replaced.
    pub name: Option<String>,
    /// The whole command, its arguments separated by spaces.
    pub command_line: Option<String>,
    /// Who it runs as.
    pub user: Option<User>,
    /// Memory mapped into it now, shared or not.
    pub working_set: Option<Bytes>,
    /// The part of the working set that it alone can have written. Until
    /// [`Processes::measure_shares`], anonymous memory shared since a fork counts here too.
    pub private: Option<Bytes>,
    /// The rest: files and shared memory, whoever else maps them.
    pub shared: Option<Bytes>,
    /// Its working set with each page divided by the number of processes that map it (PSS).
    pub proportional: Option<Bytes>,
    /// Its memory that lies in the page file.
    pub swap: Option<Bytes>,
    /// Private writable memory promised to it, whether touched or not. On Linux it includes what
    /// was mapped with `MAP_NORESERVE`, which the machine's commit charge leaves out.
    pub commit: Option<Bytes>,
    /// Its page faults since it started.
    pub faults: Option<Faults>,
    /// How fast it takes them: since it started, until [`Processes::rate_since`].
    pub fault_rate: Option<FaultRate>,
    /// How many threads it has.
    pub threads: Option<u32>,
    /// When it started, counted from the start of the machine.
    pub started: Option<Duration>,
    /// How long ago that was when it was looked at.
    pub age: Option<Duration>,
    /// The memory cgroup it is charged to, from the top of the tree that this process sees.
    pub cgroup: Option<PathBuf>,
}

/// How much is read of each process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Name, user, working set, private, shared, swap, commit and threads: one file a process.
    Brief,
    /// Everything but what [`Processes::measure_shares`] and the options add.
    #[default]
    Full,
}

/// What a look at the processes includes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// How much of each.
    pub detail: Detail,
    /// Whether to read whole command lines.
    pub command_lines: bool,
    /// Whether threads of the kernel are listed.
    pub kernel_threads: bool,
}

/// One look at the processes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processes {
    /// Those seen, by number.
    pub list: Vec<Process>,
    /// How many of them could not be read for want of a privilege: all but the number is unknown.
    pub closed: usize,
    /// Whether the system hides processes of other users altogether (Linux: hidepid).
    pub others_hidden: bool,
    /// When it was taken, counted from the start of the machine.
    pub taken: Duration,
}

impl Processes {
    /// Looks at the processes of this machine.
    ///
    /// A process that ends meanwhile is left out. Work: one to three files a process, shared by
    /// as many threads as there are processors.
    ///
    /// # Errors
    /// Where the list of processes itself cannot be read.
    pub fn list(options: &Options) -> Result<Self, Error> {
        system::processes::list(options)
    }

    /// The processes with the largest working sets, the largest first, in full.
    ///
    /// A process that ends meanwhile is left out. Work: one file a process, three of each kept.
    ///
    /// # Errors
    /// Where the list of processes itself cannot be read.
    pub fn largest(count: usize) -> Result<Self, Error> {
        system::processes::largest(count)
    }

    /// Replaces each fault rate by the one since an earlier look.
    ///
    /// A process that started in between keeps its rate since then.
    pub fn rate_since(&mut self, before: &Self) {
        let over = self.taken.saturating_sub(before.taken);
        for process in &mut self.list {
            let earlier = before.list.binary_search_by_key(&process.pid, |p| p.pid);
            let Some(earlier) = earlier.ok().map(|place| &before.list[place]) else { continue };
            // A number is given to another process once its owner is gone.
            let same = earlier.started.is_some() && earlier.started == process.started;
            let (Some(now), Some(then), true) = (process.faults, earlier.faults, same) else {
                continue;
            };
            let faults = Faults {
                minor: now.minor.saturating_sub(then.minor),
                major: now.major.saturating_sub(then.major),
            };
            process.fault_rate = FaultRate::new(faults, over);
        }
    }

    /// Keeps the processes that are charged to a memory cgroup or to one below it; any other scope
    /// keeps all.
    ///
    /// # Errors
    /// [`Error::NotACgroup`] where the directory has no memory controller.
    pub fn retain_in(&mut self, scope: &Scope) -> Result<(), Error> {
        if let Scope::Cgroup(directory) = scope {
            let path = system::processes::cgroup_path(directory)?;
            self.list.retain(|p| p.cgroup.as_ref().is_some_and(|cgroup| cgroup.starts_with(&path)));
        }
        Ok(())
    }

    /// Measures how these processes share their memory: [`Process::proportional`], and
    /// [`Process::private`] and [`Process::shared`] page by page instead of by kind.
    ///
    /// Dear: the kernel walks every page of each. What may not be measured is left as it is; on
    /// Windows that is all, for it counts who shares a page no further than seven.
    pub fn measure_shares(processes: &mut [Process]) {
        system::processes::measure_shares(processes);
    }
}

impl FaultRate {
    /// The rate of so many faults in a time; `None` where no time passed.
    #[must_use]
    pub fn new(faults: Faults, over: Duration) -> Option<Self> {
        let seconds = over.as_secs_f64();
        // Counts are far below 2⁵³, where this is exact.
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
        let rate = |count: u64| count as f64 / seconds;
        (seconds > 0.0).then(|| Self {
            minor_per_s: rate(faults.minor),
            major_per_s: rate(faults.major),
            over,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, started: u64, minor: u64) -> Process {
        Process {
            pid,
            started: Some(Duration::from_secs(started)),
            faults: Some(Faults { minor, major: 0 }),
            ..Process::default()
        }
    }

    #[test]
    fn a_rate_is_taken_between_two_looks_at_the_same_process() {
        let look = |taken, list| Processes {
            list,
            taken: Duration::from_secs(taken),
            ..Processes::default()
        };
        let before = look(10, vec![process(1, 0, 100), process(2, 1, 100)]);
        let mut after = look(12, vec![process(1, 0, 150), process(2, 11, 7), process(3, 11, 7)]);
        after.rate_since(&before);
        let rate = after.list[0].fault_rate.expect("both looks saw it");
        assert_eq!((rate.minor_per_s, rate.over), (25.0, Duration::from_secs(2)));
        assert_eq!(after.list[1].fault_rate, None, "its number was given to another process");
        assert_eq!(after.list[2].fault_rate, None, "it started in between");
    }

    #[test]
    fn no_time_gives_no_rate() {
        assert_eq!(FaultRate::new(Faults { minor: 1, major: 1 }, Duration::ZERO), None);
    }
}
