//! What `memtide sim` takes, one file a command.

mod campaign;
mod experiment;
mod fit;
mod generate;
mod policies;
mod record;
mod replay;
mod run;
mod trace;
mod values;

pub(crate) use campaign::CampaignArgs;
pub(crate) use experiment::{ExperimentArgs, LIST};
pub(crate) use fit::FitArgs;
pub(crate) use generate::{GenerateArgs, GeneratedFormat, PatternName};
pub(crate) use policies::PoliciesArgs;
pub(crate) use record::{ConvertArgs, RecordArgs};
pub(crate) use replay::ReplayArgs;
pub(crate) use run::{RunArgs, Shown};
pub(crate) use trace::{Memory, TraceArgs};
pub(crate) use values::parse_frames;

use clap::{Args, Subcommand};

/// What `sim` takes.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// What to simulate.
    #[command(subcommand)]
    pub(crate) command: SimCommand,
}

/// What to simulate.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Run a scenario and report what happened.
    #[command(after_long_help = run::HELP)]
    Run(RunArgs),
    /// Run a trace of a real program and count its faults.
    #[command(after_long_help = trace::HELP)]
    Trace(TraceArgs),
    /// Make a trace from a real program.
    #[command(after_long_help = record::HELP)]
    Record(RecordArgs),
    /// Write a trace in Memtide's own format.
    #[command(after_long_help = record::CONVERT_HELP)]
    Convert(ConvertArgs),
    /// Make a trace of a pattern.
    #[command(after_long_help = generate::HELP)]
    Generate(GenerateArgs),
    /// Find the memory that a trace needs.
    #[command(after_long_help = fit::HELP)]
    Fit(FitArgs),
    /// Compare replacement policies on a trace.
    #[command(after_long_help = policies::HELP)]
    Policies(PoliciesArgs),
    /// Show an experiment of the book.
    #[command(after_long_help = experiment::HELP)]
    Experiment(ExperimentArgs),
    /// Run random programs with faults injected, and check every byte.
    #[command(after_long_help = campaign::HELP)]
    Campaign(CampaignArgs),
    /// Replay a recorded run.
    #[command(after_long_help = replay::HELP)]
    Replay(ReplayArgs),
}
