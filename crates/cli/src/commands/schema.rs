//! `memtide schema COMMAND`.

use crate::args::{SchemaArgs, SchemaOf};
use crate::{Exit, output};
use memtide_view::{Schema, fields, json};

/// Prints the JSON Schema of a command's output.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let (title, table): (_, &dyn Schema) = match args.command {
        SchemaOf::Status => ("memtide status --json", &fields::STATUS),
        SchemaOf::Lists => ("memtide lists --json", &fields::LISTS),
        SchemaOf::Ps => ("memtide ps --json", &fields::PROCESSES),
        SchemaOf::Objects => ("memtide objects --json", &fields::OBJECTS),
        SchemaOf::Doctor => ("memtide doctor --json", &fields::DOCTOR),
        SchemaOf::Watch => ("a line of memtide watch --json", &fields::CHANGE),
        SchemaOf::Wait => ("memtide wait --json", &fields::WAITED),
        SchemaOf::Clean => ("memtide clean --json", &fields::CLEANED),
    };
    output::write(&format!("{:#}\n", json::schema(title, table)))?;
    Ok(Exit::Done)
}
