//! `memtide sim generate`.

use crate::Exit;
use crate::args::sim::GenerateArgs;
use crate::output::Output;

/// Make a trace of a pattern.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &GenerateArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
