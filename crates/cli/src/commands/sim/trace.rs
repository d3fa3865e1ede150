//! `memtide sim trace`.

use crate::Exit;
use crate::args::sim::TraceArgs;
use crate::output::Output;

/// Run a trace of a real program and count its faults.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &TraceArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
