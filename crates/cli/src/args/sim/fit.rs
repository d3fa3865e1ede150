//! What `sim fit` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim fit";

/// What `sim fit` takes.
#[derive(Debug, Args)]
pub(crate) struct FitArgs {}
