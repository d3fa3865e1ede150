//! `memtide schema COMMAND`.

use crate::args::SchemaArgs;
use crate::{Exit, output};
use memtide_view::fields::OUTPUTS;
use memtide_view::json;

/// Prints the JSON Schema of a command's output.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    for output in OUTPUTS.iter().filter(|output| output.command == args.command) {
        let title = format!("memtide {} --json", output.command);
        output::write(&format!("{:#}\n", json::schema(&title, output.table)))?;
    }
    Ok(Exit::Done)
}
