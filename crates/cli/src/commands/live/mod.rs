//! `memtide live`: real memory with a budget, one file a command.

pub(crate) mod bench;
mod demo;

use crate::Exit;
use crate::args::live::{LiveArgs, LiveCommand};
use crate::output::Output;

/// Runs what was asked for.
///
/// # Errors
/// What the command says.
pub(crate) fn run(output: Output, args: &LiveArgs) -> anyhow::Result<Exit> {
    match &args.command {
        LiveCommand::Demo(args) => demo::run(output, args),
        LiveCommand::Bench(args) => bench::run(output, args),
    }
}
