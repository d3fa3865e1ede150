//! `memtide status`: one look.

use crate::Exit;
use crate::config::Context;
use memtide_host::look;
use memtide_view::{fields, text};

/// Prints one look at the machine.
///
/// # Errors
/// Where the machine cannot be read, or the thresholds cannot be used.
pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let look = look(&context.options)?;
    context.output.print(&fields::STATUS.row(&look), text::record)?;
    Ok(Exit::Done)
}
