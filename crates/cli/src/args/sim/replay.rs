//! What `sim replay` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "\
A recorded run holds a machine and everything that happened to it, and the digest of the state that
it led to. The replay must lead to the same state, which is proved sound: lists, page tables, counts
and charges.

Exit codes: 0 the same state; 1 another one, or one that is not sound; 2 the log cannot be used;
130 interrupted.

Examples:
  memtide sim replay run.log
  memtide sim replay run.log --until 2.5s --verify-every 1000
  memtide sim replay run.log --json | jq -r .digest";

/// What `sim replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recorded run.
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Stop before the first event behind this moment, such as 2s or 150ms.
    #[arg(long, value_name = "TIME", value_parser = crate::args::parse_duration)]
    pub(crate) until: Option<Duration>,
    /// Prove the state after every so many events too, not only at the end.
    #[arg(long, value_name = "EVENTS")]
    pub(crate) verify_every: Option<std::num::NonZeroU64>,
}
