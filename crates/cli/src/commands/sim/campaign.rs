//! `memtide sim campaign`.

use crate::Exit;
use crate::args::sim::CampaignArgs;
use crate::output::Output;

/// Run random programs with faults injected, and check every byte.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &CampaignArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
