//! What `sim experiment` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim experiment";

/// What `sim experiment` takes.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {}
