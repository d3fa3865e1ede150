//! What `memtide live` takes, one file a command.

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod demo;

#[cfg(target_os = "linux")]
pub(crate) use bench::BenchArgs;
#[cfg(target_os = "linux")]
pub(crate) use demo::{DemoArgs, path_name};

use clap::Args;
#[cfg(target_os = "linux")]
use clap::Subcommand;

/// What `live` takes where there are no spaces yet: anything, for it is refused.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// What to do with real memory.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// What `live` takes.
#[cfg(target_os = "linux")]
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// What to do with real memory.
    #[command(subcommand)]
    pub(crate) command: LiveCommand,
}

/// What to do with real memory.
#[cfg(target_os = "linux")]
#[derive(Debug, Subcommand)]
pub(crate) enum LiveCommand {
    /// Sort more than the memory it may use, and show what that takes.
    #[command(after_long_help = demo::HELP)]
    Demo(DemoArgs),
    /// Measure spaces beside kernel swap, zram and mapped files.
    #[command(after_long_help = bench::HELP)]
    Bench(BenchArgs),
}
