//! What `memtide service` takes.

use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(super) const HELP: &str = "\
The service watches the conditions and writes a line to its log at each change, as watch does. It
runs as LocalService, which may do nothing but that, and starts with Windows; a folder that --log
names must let LocalService make a file. What is said of profile, thresholds and configuration when
it is installed holds for it.

On Linux systemd runs memtide watch as a service; see memtide service install there.

Exit codes: 0 done; 2 usage; 3 the service manager refused, with its error.

Examples:
  memtide service install
  memtide --profile early-warning service install --log D:\\logs\\memory.log
  sc start Memtide
  memtide service uninstall";

/// What `service` takes.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// What to do with the service.
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

/// What to do with the service.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Tell the service manager of it; takes an administrator.
    Install(LogArgs),
    /// Stop it and take it away; takes an administrator.
    Uninstall,
    /// What the service manager runs; on a console, watch shows the same.
    Run(LogArgs),
}

/// Where the log goes.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The log (default: Memtide\\conditions.log in the folder of ProgramData).
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}
