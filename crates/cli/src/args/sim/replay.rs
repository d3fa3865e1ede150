//! What `sim replay` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim replay";

/// What `sim replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {}
