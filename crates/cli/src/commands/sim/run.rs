//! `memtide sim run`.

use crate::Exit;
use crate::args::sim::RunArgs;
use crate::output::Output;

/// Run a scenario and report what happened.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &RunArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
