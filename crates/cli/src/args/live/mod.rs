//! What `memtide live` takes, one file a command.

mod bench;

pub(crate) use bench::BenchArgs;

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
    /// Measure spaces beside kernel swap, zram and mapped files.
    #[command(after_long_help = bench::HELP)]
    Bench(BenchArgs),
}
