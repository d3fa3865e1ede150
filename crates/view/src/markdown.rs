//! The fields as a document: docs/JSON.md.

use crate::field::{Schema, Unit};
use crate::fields::OUTPUTS;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: &str = "\
# The JSON of every command

Every command takes `--json`. Names and units are stable: fields may be added, and what a name \
means does not change. Amounts are in bytes, times in seconds, shares in percent, ratios from 0 to \
1. What cannot be known is `null`, never zero.

`memtide schema COMMAND` prints the JSON Schema (draft 2020-12) of a command's output \
(`memtide schema 'sim run'`); a test holds it against what the command prints. This file is \
made from the same tables: `MEMTIDE_BLESS=1 cargo test -p memtide-view` writes it anew.
";

/// The document.
#[must_use]
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    let mut told = BTreeSet::new();
    for output in &OUTPUTS {
        let _ = writeln!(text, "\n## memtide {}", output.command);
        if output.command == "watch" {
            let _ = writeln!(text, "\nOne object a line.");
        }
        describe(output.table, &mut text, &mut told);
    }
    text
}

fn describe(table: &dyn Schema, text: &mut String, told: &mut BTreeSet<&'static str>) {
    if !told.insert(table.id()) {
        let _ = writeln!(text, "\n`{}`: as above.", table.id());
        return;
    }
    let _ = writeln!(text, "\n`{}`: {}\n", table.id(), table.help());
    let _ = writeln!(text, "| field | what it is | meaning |\n|---|---|---|");
    for field in table.fields() {
        let _ = writeln!(text, "| `{}` | {} | {} |", field.id, kind(field.unit), field.help);
    }
    for field in table.fields() {
        if let Unit::Record(inner) | Unit::Records(inner) = field.unit
            && !told.contains(inner.id())
        {
            describe(inner, text, told);
        }
    }
}

fn kind(unit: Unit) -> String {
    match unit {
        Unit::Text => "text".to_owned(),
        Unit::Flag | Unit::State => "true or false".to_owned(),
        Unit::Count => "number".to_owned(),
        Unit::Bytes => "bytes".to_owned(),
        Unit::SignedBytes => "bytes, signed".to_owned(),
        Unit::Percent => "percent".to_owned(),
        Unit::Seconds => "seconds".to_owned(),
        Unit::Nanoseconds => "nanoseconds".to_owned(),
        Unit::PerSecond => "a second".to_owned(),
        Unit::Factor => "factor".to_owned(),
        Unit::Ratio => "share of 1".to_owned(),
        Unit::Texts => "list of texts".to_owned(),
        Unit::Record(inner) => format!("`{}`", inner.id()),
        Unit::Records(inner) => format!("list of `{}`", inner.id()),
    }
}
