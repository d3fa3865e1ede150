//! `memtide sim replay`.

use crate::Exit;
use crate::args::sim::ReplayArgs;
use crate::output::Output;

/// Replay a recorded run.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &ReplayArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
