//! `memtide sim policies`.

use crate::Exit;
use crate::args::sim::PoliciesArgs;
use crate::output::Output;

/// Compare replacement policies on a trace.
///
/// # Errors
/// Where the input cannot be used.
pub(crate) fn run(_output: Output, _args: &PoliciesArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
