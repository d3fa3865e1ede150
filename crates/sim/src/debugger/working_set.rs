//! `!ws`: the entries of a working set.

use memtide_core::page::SpaceId;

use super::arguments::{Arguments, process};
use super::error::{KdError, usage};
use super::format::{Columns, address};
use super::target::Target;

/// Entries shown where nothing else is said.
const SHOWN: usize = 32;

pub(super) fn working_set(
    target: &Target,
    context: Result<SpaceId, KdError>,
    mut arguments: Arguments<'_>,
) -> Result<String, KdError> {
    let shown = arguments.count(SHOWN)?;
    let space = match arguments.next() {
        Some(word) => process(word, target)?,
        None => context?,
    };
    arguments.end()?;
    let entries = match target.manager().snapshot().working_set(space) {
        Ok(entries) => entries,
        Err(refusal) => return usage(refusal.to_string()),
    };
    let mut columns = Columns::new(&["index", "virtual address", "pfn", "age", "flags"], &[4]);
    for entry in entries.iter().take(shown) {
        let flags = [
            (entry.is_locked, "locked"),
            (entry.is_newcomer, "newcomer"),
            (entry.is_shared, "shared"),
            (entry.is_dirty, "dirty"),
        ];
        let set: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
        columns.row(vec![
            format!("{:x}", entry.index),
            address(entry.page.address()),
            format!("{:x}", entry.frame.0),
            entry.age.to_string(),
            set.join(", "),
        ]);
    }
    let rows = if columns.is_empty() { String::new() } else { columns.to_string() };
    let title = format!("process {:x} ({})\n", space.0, target.name(space));
    Ok(format!("{title}{rows}{}", tail(entries.len(), shown, "entries")))
}

/// How many there are, and how to see more of them.
pub(super) fn tail(all: usize, shown: usize, what: &str) -> String {
    match all.checked_sub(shown) {
        None | Some(0) => format!("{what}: {all}\n"),
        Some(left) => format!("{what}: {all}, {left} of them not shown: L{all:x} shows all\n"),
    }
}
