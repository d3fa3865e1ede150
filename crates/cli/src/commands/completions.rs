//! `memtide completions SHELL`.

use crate::args::{Cli, CompletionsArgs};
use crate::{Exit, output};
use clap::CommandFactory;

/// Prints the completion script.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "memtide", &mut script);
    output::write(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
