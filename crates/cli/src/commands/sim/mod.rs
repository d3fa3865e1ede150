//! `memtide sim`: the manager on virtual time, one file a command.

pub(crate) mod campaign;
pub(crate) mod convert;
pub(crate) mod experiment;
pub(crate) mod fit;
pub(crate) mod generate;
pub(crate) mod policies;
mod reading;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod trace;
mod writing;

use crate::Exit;
use crate::args::sim::{SimArgs, SimCommand};
use crate::output::Output;

/// Runs what was asked for.
///
/// # Errors
/// What the command says.
pub(crate) fn run(output: Output, args: &SimArgs) -> anyhow::Result<Exit> {
    match &args.command {
        SimCommand::Run(args) => run::run(output, args),
        SimCommand::Trace(args) => trace::run(output, args),
        SimCommand::Record(args) => record::run(output, args),
        SimCommand::Convert(args) => convert::run(output, args),
        SimCommand::Generate(args) => generate::run(output, args),
        SimCommand::Fit(args) => fit::run(output, args),
        SimCommand::Policies(args) => policies::run(output, args),
        SimCommand::Experiment(args) => experiment::run(output, args),
        SimCommand::Campaign(args) => campaign::run(output, args),
        SimCommand::Replay(args) => replay::run(output, args),
    }
}
