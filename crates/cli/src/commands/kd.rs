//! `memtide kd`: the debugger.

use crate::Exit;
use crate::args::kd::KdArgs;
use crate::output::Output;

/// Opens what is to be debugged and takes commands.
///
/// # Errors
/// Where it cannot be opened.
pub(crate) fn run(_output: Output, _args: &KdArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
