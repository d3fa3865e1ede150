//! `memtide live`: real memory with a budget, one file a command.

#[cfg(target_os = "linux")]
pub(crate) mod bench;
#[cfg(target_os = "linux")]
mod demo;

use crate::Exit;
use crate::args::live::LiveArgs;
#[cfg(target_os = "linux")]
use crate::args::live::LiveCommand;
use crate::output::Output;

/// Refuses: the spaces that it shows are Linux' so far.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_output: Output, args: &LiveArgs) -> anyhow::Result<Exit> {
    let name = args.command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let why = format!("'live {name}' shows and measures spaces, which this command has on Linux");
    Err(memtide_host::Error::Unsupported { what: "live", why }.into())
}

/// Runs what was asked for.
///
/// # Errors
/// What the command says.
#[cfg(target_os = "linux")]
pub(crate) fn run(output: Output, args: &LiveArgs) -> anyhow::Result<Exit> {
    match &args.command {
        LiveCommand::Demo(args) => demo::run(output, args),
        LiveCommand::Bench(args) => bench::run(output, args),
    }
}
