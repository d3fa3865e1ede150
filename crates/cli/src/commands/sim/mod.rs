//! `memtide sim`: the manager on virtual time, one file a command.

pub(crate) mod campaign;
pub(crate) mod convert;
pub(crate) mod experiment;
pub(crate) mod fit;
pub(crate) mod generate;
pub(crate) mod policies;
mod reading;
#[cfg(unix)]
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
        #[cfg(unix)]
        SimCommand::Record(args) => record::run(output, args),
        #[cfg(not(unix))]
        SimCommand::Record(_) => Err(memtide_host::Error::Unsupported {
            what: "sim record",
            why: "it records through valgrind, which Windows lacks; read a trace made elsewhere \
                  with sim trace"
                .to_owned(),
        }
        .into()),
        SimCommand::Convert(args) => convert::run(output, args),
        SimCommand::Generate(args) => generate::run(output, args),
        SimCommand::Fit(args) => fit::run(output, args),
        SimCommand::Policies(args) => policies::run(output, args),
        SimCommand::Experiment(args) => experiment::run(output, args),
        SimCommand::Campaign(args) => campaign::run(output, args),
        SimCommand::Replay(args) => replay::run(output, args),
    }
}
