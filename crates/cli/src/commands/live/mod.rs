//! `memtide live`: real memory with a budget, one file a command.

pub(crate) mod bench;

use crate::Exit;
use crate::args::live::{LiveArgs, LiveCommand};
use crate::output::Output;

/// Runs what was asked for.
///
/// # Errors
/// What the command says.
pub(crate) fn run(output: Output, args: &LiveArgs) -> anyhow::Result<Exit> {
    match &args.command {
        LiveCommand::Bench(args) => bench::run(output, args),
    }
}
