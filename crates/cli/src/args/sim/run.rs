//! What `sim run` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim run";

/// What `sim run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {}
