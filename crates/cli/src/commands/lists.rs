//! `memtide lists`.

use crate::Exit;
use crate::config::Context;
use memtide_host::Machine;
use memtide_view::{fields, text};

/// Prints the page lists.
///
/// # Errors
/// Where the machine cannot be read.
pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let sample = Machine::open(&context.options.scope)?.sample()?;
    context.output.print(&fields::LISTS.row(&sample.lists), text::record)?;
    Ok(Exit::Done)
}
