//! What `sim record` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim record";

/// What `sim record` takes.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {}
