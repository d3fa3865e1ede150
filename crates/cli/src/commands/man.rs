//! `memtide man [DIRECTORY]`.

use crate::args::{Cli, ManArgs};
use crate::{Exit, output};
use anyhow::Context as _;
use clap::CommandFactory;

/// Prints the manual page, or writes one a command.
///
/// # Errors
/// Where standard output or the directory cannot be written.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    match &args.directory {
        Some(directory) => clap_mangen::generate_to(Cli::command(), directory)
            .with_context(|| format!("writing manual pages into {}", directory.display()))?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            output::write(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Done)
}
