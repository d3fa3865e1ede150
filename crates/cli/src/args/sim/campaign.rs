//! What `sim campaign` takes.

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "Example: memtide sim campaign";

/// What `sim campaign` takes.
#[derive(Debug, Args)]
pub(crate) struct CampaignArgs {}
