//! `memtide objects`: the nine events as WinObj shows them, and who listens.

use crate::Exit;
use crate::config::Context;
use memtide_host::look;
use memtide_host::objects::{Listeners, NOT_FOUND, Objects};
use memtide_view::text::{self, Style};
use memtide_view::{Value, fields};
use std::fmt::Write as _;

/// What looks into every process.
#[cfg(windows)]
const LOOK_INTO_ALL: &str = "run as administrator, who has SeDebugPrivilege";
#[cfg(not(windows))]
const LOOK_INTO_ALL: &str = "run as root, with CAP_SYS_PTRACE";

/// What was searched.
const SEARCH: &str = if cfg!(windows) { "a search of handles" } else { "a search of open files" };

/// Prints the nine objects, with those who listen under each.
///
/// # Errors
/// Where the machine or its list of processes cannot be read.
pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let readings = look(&context.options)?.readings;
    let mut listeners = Listeners::find()?;
    // What this command has open itself is of no interest to anyone.
    listeners.found.retain(|listener| listener.pid != std::process::id());
    let objects = Objects::new(&readings, &listeners);
    let row = fields::OBJECTS.row(&objects);
    context.output.print(&row, |_, style| show(&objects, style))?;
    Ok(Exit::Done)
}

fn show(objects: &Objects, style: Style) -> String {
    let readings = objects.objects.iter().map(|object| &object.reading);
    let table = text::table(&fields::CONDITION, &fields::CONDITION.rows(readings), &[], style);
    let mut lines = table.lines();
    let mut shown =
        format!("{}\n{}\n", style.heading("\\KernelObjects"), lines.next().unwrap_or(""));
    // The lines of the table are those of the objects, in order.
    for (object, line) in objects.objects.iter().zip(lines) {
        let _ = writeln!(shown, "{line}");
        for row in fields::LISTENER.rows(&object.listeners) {
            let _ = writeln!(shown, "    {}", listener(&row));
        }
    }
    let _ = writeln!(shown, "\n{} processes searched.", objects.searched);
    if objects.closed > 0 {
        let _ = writeln!(
            shown,
            "{} processes could not be looked into: {LOOK_INTO_ALL}.",
            objects.closed
        );
    }
    if objects.others_hidden {
        let _ = writeln!(shown, "Processes of other users are hidden (hidepid): run as root.");
    }
    for remark in &objects.remarks {
        let _ = writeln!(shown, "{remark}");
    }
    let _ = writeln!(shown, "Not found by {SEARCH}: {}.", NOT_FOUND.join("; "));
    shown
}

fn listener(row: &memtide_view::Row) -> String {
    let value = |id: &str| {
        let found = row.iter().find(|(field, _)| field.id == id);
        found.map(|(field, value)| (text::value(field.unit, value), value))
    };
    let shown = |id: &str| value(id).map(|(text, _)| text).unwrap_or_default();
    let waiters = match value("waiters") {
        Some((count, Value::Count(_))) => format!(", {count} waiting"),
        _ => String::new(),
    };
    format!(
        "{} ({}) {} {}{waiters}, of the {}",
        shown("process"),
        shown("pid"),
        shown("access"),
        shown("file"),
        shown("domain")
    )
}
