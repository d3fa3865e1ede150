//! What `kd` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide kd scenario.toml";

/// What `kd` takes.
#[derive(Debug, Args)]
pub(crate) struct KdArgs {}
