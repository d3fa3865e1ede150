//! `memtide sim record`.

use crate::Exit;
use crate::args::sim::RecordArgs;
use crate::output::Output;

/// Make a trace from a real program.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &RecordArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
