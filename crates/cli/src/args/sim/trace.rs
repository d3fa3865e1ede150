//! What `sim trace` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim trace";

/// What `sim trace` takes.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {}
