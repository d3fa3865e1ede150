//! `!object` and `!conditions`: the nine memory conditions as event objects, and why they are as
//! they are.

use memtide_core::conditions::{Condition, Reading, State};
use memtide_core::units::Bytes;

use super::arguments::Arguments;
use super::error::{KdError, usage};
use super::format::Columns;
use super::target::Target;

/// The directory that holds them.
pub(super) const DIRECTORY: &str = "\\KernelObjects";

pub(super) fn object(target: &Target, mut arguments: Arguments<'_>) -> Result<String, KdError> {
    let path = arguments.need("the object")?;
    arguments.end()?;
    let readings = target.manager().conditions();
    let Some(rest) = path.strip_prefix(DIRECTORY) else {
        return usage(format!("there is no object '{path}': expected {DIRECTORY}[\\NAME]"));
    };
    let name = rest.trim_start_matches('\\');
    if name.is_empty() {
        return Ok(directory(&readings));
    }
    match readings.iter().find(|reading| reading.condition.name() == name) {
        Some(reading) => Ok(event(reading)),
        None => {
            let names = Condition::ALL.map(Condition::name).join(", ");
            usage(format!("there is no object '{name}' in {DIRECTORY}: expected {names}"))
        }
    }
}

fn directory(readings: &[Reading]) -> String {
    let mut columns = Columns::new(&["type", "name", "state"], &[0, 1, 2]);
    for reading in readings {
        let name = reading.condition.name().to_owned();
        columns.row(vec!["Event".to_owned(), name, signal(reading.state).to_owned()]);
    }
    format!("Object: {DIRECTORY}  Type: Directory\n    {} objects\n\n{columns}", readings.len())
}

fn event(reading: &Reading) -> String {
    let bytes = |found: Option<Bytes>| {
        found.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} bytes", bytes.0))
    };
    format!(
        "Object: {DIRECTORY}\\{}  Type: Event (notification)\n    State   {}\n    \
         Level   {}\n    Mark    {}\n    Judged by {}\n",
        reading.condition.name(),
        signal(reading.state),
        bytes(reading.value),
        bytes(reading.threshold),
        reading.reason.word()
    )
}

const fn signal(state: State) -> &'static str {
    match state {
        State::Set => "Signalled",
        State::Clear => "Not signalled",
        State::Unknown => "Unknown",
    }
}

pub(super) fn conditions(target: &Target, arguments: &Arguments<'_>) -> Result<String, KdError> {
    arguments.end()?;
    let titles = ["condition", "state", "level", "mark", "judged by"];
    let mut columns = Columns::new(&titles, &[0, 1, 4]);
    for reading in target.manager().conditions() {
        let bytes = |found: Option<Bytes>| {
            found.map_or_else(|| "unknown".to_owned(), |bytes| bytes.0.to_string())
        };
        columns.row(vec![
            reading.condition.name().to_owned(),
            word(reading.state).to_owned(),
            bytes(reading.value),
            bytes(reading.threshold),
            reading.reason.word().to_owned(),
        ]);
    }
    Ok(columns.to_string())
}

/// The word for a state.
pub(super) const fn word(state: State) -> &'static str {
    match state {
        State::Set => "set",
        State::Clear => "clear",
        State::Unknown => "unknown",
    }
}
