//! `memtide sim experiment`.

use crate::Exit;
use crate::args::sim::ExperimentArgs;
use crate::output::Output;

/// Show an experiment of the book.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &ExperimentArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
