//! `memtide sim fit`.

use crate::Exit;
use crate::args::sim::FitArgs;
use crate::output::Output;

/// Find the memory that a trace needs.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &FitArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
