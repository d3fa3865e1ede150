//! What `sim policies` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim policies";

/// What `sim policies` takes.
#[derive(Debug, Args)]
pub(crate) struct PoliciesArgs {}
