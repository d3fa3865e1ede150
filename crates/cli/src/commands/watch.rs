//! `memtide watch`: a line at each change, and a command.

use crate::args::WatchArgs;
use crate::config::Context;
use crate::output::Output;
use crate::{Exit, output};
use memtide_core::conditions::{ConditionSet, State};
use memtide_core::units::Bytes;
use memtide_host::conditions::{Change, Conditions};
use memtide_view::{fields, json, text};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

/// Watches until standard output is closed or a signal ends it.
///
/// # Errors
/// Where the machine cannot be read, or standard output cannot be written.
pub(crate) fn run(context: &Context, args: &WatchArgs) -> anyhow::Result<Exit> {
    let wanted: ConditionSet = match args.conditions.as_slice() {
        [] => ConditionSet::ALL,
        named => named.iter().copied().collect(),
    };
    let conditions = Conditions::open(&context.options)?;
    let changes = conditions.changes(wanted);
    // The commands have a thread and a queue of their own: a slow one delays only its successors.
    let commands = args.exec.clone().map(|command| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || run_commands(&command, &receiver));
        sender
    });
    while let Some(change) = changes.next_within(None) {
        output::write(&line(context.output, &change))?;
        if let Some(commands) = &commands {
            let _ = commands.send(change);
        }
    }
    Ok(Exit::Done)
}

/// A change as a line.
pub(crate) fn line(output: Output, change: &Change) -> String {
    let row = fields::CHANGE.row(change);
    if output.json {
        return format!("{}\n", json::record(&row));
    }
    let shown = |id: &str| {
        let found = row.iter().find(|(field, _)| field.id == id);
        found.map(|(field, value)| text::value(field.unit, value)).unwrap_or_default()
    };
    let state = format!("{:<7}", shown("set"));
    let state = match change.reading.state {
        State::Set => output.style.alarm(&state),
        State::Clear | State::Unknown => state,
    };
    format!(
        "{}  {:<25}  {state}  {:>9}  threshold {:>9}  {}\n",
        shown("time"),
        shown("name"),
        shown("value"),
        shown("threshold"),
        shown("reason"),
    )
}

fn run_commands(command: &str, changes: &Receiver<Change>) {
    for change in changes {
        let status = shell(command).envs(environment(&change)).status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => eprintln!("memtide: --exec '{command}': {status}"),
            Err(error) => eprintln!("memtide: --exec '{command}': {error}"),
        }
    }
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

/// The command goes to cmd as it is: it takes quotes as they are written.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd");
    shell.raw_arg("/C").raw_arg(command);
    shell
}

fn environment(change: &Change) -> [(&'static str, String); 5] {
    let reading = &change.reading;
    let bytes = |bytes: Option<Bytes>| bytes.map(|b| b.0.to_string()).unwrap_or_default();
    let state = match reading.state {
        State::Set => "set",
        State::Clear => "clear",
        State::Unknown => "unknown",
    };
    [
        ("MEMTIDE_CONDITION", reading.condition.name().to_owned()),
        ("MEMTIDE_STATE", state.to_owned()),
        ("MEMTIDE_VALUE", bytes(reading.value)),
        ("MEMTIDE_THRESHOLD", bytes(reading.threshold)),
        ("MEMTIDE_REASON", reading.reason.word().to_owned()),
    ]
}
