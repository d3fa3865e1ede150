//! What `sim policies` takes.

use super::values::{format_parser, parse_disk, parse_frames, parse_tick};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use memtide_core::page::Tick;
use memtide_sim::DiskKind;
use memtide_sim::policies::PolicyName;
use memtide_sim::trace::Format;
use std::path::PathBuf;

/// The long help.
pub(crate) const HELP: &str = "\
The memory manager beside LRU, Clock, S3-FIFO and the optimum, each with the same memory on the same
trace. A miss is a first touch or a fault that reads; a soft fault is none. The column MEMTIDE says
how many times as often the memory manager misses as the policy of the line.

The optimum knows the future: for it the trace is kept in memory, at eight bytes a reference. The
trace is read once for all others, and once more for each run of the memory manager.

Exit codes: 0 done; 2 the trace or an argument cannot be used; 3 the trace could not be read.

Examples:
  memtide sim policies zipf.memtide --memory 100000p
  memtide sim policies sort.lackey.gz --memory 512K,1M,2M --policy memtide --policy lru
  memtide sim policies zipf.memtide --memory 10000p,100000p --json | jq .policies";

/// What `sim policies` takes.
#[derive(Debug, Args)]
pub(crate) struct PoliciesArgs {
    /// The trace, a file; what gzip or zstd compressed is read as it is.
    #[arg(value_name = "TRACE")]
    pub(crate) trace: PathBuf,
    /// Its format (default: by its content, or else by its name).
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    /// The memory, such as 64M or 1000p for pages; several are compared in turn.
    #[arg(long, value_name = "SIZE", required = true, value_delimiter = ',')]
    #[arg(value_parser = parse_frames)]
    pub(crate) memory: Vec<u32>,
    /// Compare only this policy; may be repeated.
    #[arg(long, value_name = "POLICY", value_parser = policy_parser())]
    pub(crate) policy: Vec<PolicyName>,
    /// The disk of the memory manager's page file: hdd, sata-ssd, nvme or network.
    #[arg(long, value_name = "DISK", default_value = "nvme", value_parser = parse_disk)]
    pub(crate) disk: DiskKind,
    /// The time of a reference to a page in memory, with what the program computes between two.
    #[arg(long, value_name = "DURATION", default_value = "10ns", value_parser = parse_tick)]
    pub(crate) reference_time: Tick,
}

fn policy_parser() -> impl TypedValueParser<Value = PolicyName> {
    let possible =
        PolicyName::ALL.map(|policy| PossibleValue::new(policy.name()).help(policy.explanation()));
    PossibleValuesParser::new(possible).try_map(|name| {
        PolicyName::ALL.into_iter().find(|policy| policy.name() == name).ok_or("it is no policy")
    })
}
