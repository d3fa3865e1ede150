//! A memory-list command in a simulated run.

use memtide_core::ListCommand;
use memtide_sim::CommandDone;

use super::{pages, time};
use crate::fields::column;
use crate::{Table, Unit, Value};

/// A memory-list command in a simulated run.
pub static RUN_COMMAND: Table<CommandDone> = Table {
    id: "run_command",
    help: "A memory-list command that was carried out in a simulated run.",
    columns: &[
        column!("time", "TIME", Unit::Seconds, "When.", |c| time(c.at)),
        column!(
            "command",
            "COMMAND",
            Unit::Text,
            "Its name: capture-accessed-bits, capture-and-reset-accessed-bits, empty-working-sets, \
             flush-modified-list, purge-standby-list or purge-low-priority-standby-list.",
            |c| Value::text(name(c.command))
        ),
        column!(
            "memory",
            "MEMORY",
            Unit::Bytes,
            "How much it looked at or moved; for a flush how much is to be written.",
            |c| pages(c.pages)
        ),
    ],
};

const fn name(command: ListCommand) -> &'static str {
    match command {
        ListCommand::CaptureAccessedBits => "capture-accessed-bits",
        ListCommand::CaptureAndResetAccessedBits => "capture-and-reset-accessed-bits",
        ListCommand::EmptyWorkingSets => "empty-working-sets",
        ListCommand::FlushModifiedList => "flush-modified-list",
        ListCommand::PurgeStandbyList => "purge-standby-list",
        ListCommand::PurgeLowPriorityStandbyList => "purge-low-priority-standby-list",
    }
}
