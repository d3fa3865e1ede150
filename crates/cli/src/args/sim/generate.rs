//! What `sim generate` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim generate";

/// What `sim generate` takes.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {}
