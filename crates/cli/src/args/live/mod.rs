//! What `memtide live` takes, one file a command.

mod bench;
mod demo;

pub(crate) use bench::BenchArgs;
pub(crate) use demo::{DemoArgs, path_name};

use clap::{Args, Subcommand};

/// What `live` takes.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// What to do with real memory.
    #[command(subcommand)]
    pub(crate) command: LiveCommand,
}

/// What to do with real memory.
#[derive(Debug, Subcommand)]
pub(crate) enum LiveCommand {
    /// Sort more than the memory it may use, and show what that takes.
    #[command(after_long_help = demo::HELP)]
    Demo(DemoArgs),
    /// Measure spaces beside kernel swap, zram and mapped files.
    #[command(after_long_help = bench::HELP)]
    Bench(BenchArgs),
}
