//! What `memtide ps` takes.

use super::parse_duration;
use clap::{Args, ValueEnum};
use std::time::Duration;

pub(super) const HELP: &str = "\
NAME is any part of a program's name, in any case. With --cgroup only the processes charged to that
cgroup, or to one below it, are shown.

--pss is dear: the kernel walks every page of each process. Measured: 20 µs for a small shell,
5 ms for 1 GiB resident, against 16 µs for everything else that is shown. So it is measured for
the processes shown, or for all that NAME leaves where they are sorted by it.

Rates are since each process started, or over --interval.

Examples:
  memtide ps --top 10
  memtide ps firefox --pss
  memtide ps --sort major-faults --interval 5s --top 5
  memtide ps --json | jq '.processes[] | select(.swap > 0) | .name'";

/// What `ps` takes.
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Only programs with one of these in their name.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// What to sort by, largest first.
    #[arg(long, value_name = "FIELD", default_value = "working-set", hide_default_value = true)]
    pub(crate) sort: Sort,
    /// Show at most so many.
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Measure how processes share their memory (dear: see below).
    #[arg(long)]
    pub(crate) pss: bool,
    /// Look twice, this far apart, and show the fault rates in between.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) interval: Option<Duration>,
    /// Show whole command lines.
    #[arg(long)]
    pub(crate) command_line: bool,
    /// Show the threads of the kernel too: they hold no memory of their own.
    #[arg(long)]
    pub(crate) kernel: bool,
}

/// What processes are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Memory mapped now (the default).
    WorkingSet,
    /// Memory of its own.
    Private,
    /// Memory it may share.
    Shared,
    /// Proportional share; implies --pss.
    Pss,
    /// Memory in the page file.
    Swap,
    /// Memory promised.
    Commit,
    /// Minor faults a second.
    MinorFaults,
    /// Major faults a second.
    MajorFaults,
    /// Threads.
    Threads,
    /// Age, youngest first.
    Age,
    /// Number, smallest first.
    Pid,
    /// Name, in the order of the alphabet.
    Name,
}
