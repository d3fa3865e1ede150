//! Records as text for a terminal: aligned tables, and records as lines of title and value.

use crate::field::{Row, Schema, Unit, Value};
use std::fmt::Write as _;

/// Whether text carries colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    #[default]
    Plain,
    /// With the colours of a terminal.
    Colour,
}

const BOLD: &str = "\x1b[1m";
const SET: &str = "\x1b[1;33m";
const DIM: &str = "\x1b[2m";
const END: &str = "\x1b[0m";

impl Style {
    /// A heading.
    #[must_use]
    pub fn heading(self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    /// What asks for attention.
    #[must_use]
    pub fn alarm(self, text: &str) -> String {
        self.paint(SET, text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("{code}{text}{END}"),
        }
    }
}

/// A value as people read it.
#[must_use]
pub fn value(unit: Unit, value: &Value) -> String {
    match value {
        Value::Unknown => "unknown".to_owned(),
        Value::Nothing => "none".to_owned(),
        // Names come from other programs: a terminal must not obey what is in them.
        Value::Text(text) => printable(text),
        Value::Flag(flag) => match (unit, flag) {
            (Unit::State, true) => "set".to_owned(),
            (Unit::State, false) => "clear".to_owned(),
            (_, true) => "yes".to_owned(),
            (_, false) => "no".to_owned(),
        },
        Value::Count(count) => count.to_string(),
        Value::Bytes(bytes) => bytes.to_string(),
        Value::SignedBytes(delta) => delta.to_string(),
        Value::Percent(share) => share.to_string(),
        Value::Seconds(seconds) => duration(*seconds),
        Value::Nanoseconds(time) => nanoseconds(*time),
        Value::PerSecond(rate) => match rate {
            rate if *rate >= 1e6 => format!("{:.2} million/s", rate / 1e6),
            rate => format!("{rate:.1}/s"),
        },
        Value::Factor(factor) => format!("{factor:.2} times"),
        Value::Ratio(share) => format!("{:.3}%", share * 100.0),
        Value::Texts(texts) => texts.iter().map(|t| printable(t)).collect::<Vec<_>>().join(", "),
        Value::Record(_) => String::new(),
        Value::Records(rows) => rows.len().to_string(),
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s if s >= 0.000_001 => format!("{:.0} µs", s * 1e6),
        s if s > 0.0 => format!("{:.0} ns", s * 1e9),
        _ => "0 s".to_owned(),
    }
}

/// A short time, with three digits.
fn nanoseconds(time: f64) -> String {
    let (time, unit) = match time {
        t if t >= 1e6 => (t / 1e6, "ms"),
        t if t >= 1e3 => (t / 1e3, "µs"),
        t => (t, "ns"),
    };
    match time {
        t if t >= 100.0 => format!("{t:.0} {unit}"),
        t if t >= 10.0 => format!("{t:.1} {unit}"),
        t => format!("{t:.2} {unit}"),
    }
}

const fn is_number(unit: Unit) -> bool {
    !matches!(
        unit,
        Unit::Text | Unit::Texts | Unit::Flag | Unit::State | Unit::Record(_) | Unit::Records(_)
    )
}

/// Many records as an aligned table under a line of titles: of the fields named, or of all that
/// fit on a line (no nested records).
///
/// # Panics
/// When `only` names a field the table doesn't have: a mistake of the caller's source.
#[must_use]
pub fn table(schema: &dyn Schema, rows: &[Row], only: &[&str], style: Style) -> String {
    let fields: Vec<_> = match only {
        [] => {
            let nested = |u| matches!(u, Unit::Record(_) | Unit::Records(_));
            schema.fields().into_iter().filter(|field| !nested(field.unit)).collect()
        }
        _ => only
            .iter()
            .map(|id| {
                let found = schema.fields().into_iter().find(|field| field.id == *id);
                found.unwrap_or_else(|| panic!("the table {} has no field {id}", schema.id()))
            })
            .collect(),
    };
    let cells: Vec<Vec<(String, bool)>> = rows
        .iter()
        .map(|row| {
            let cell = |id: &str| {
                row.iter().find(|(field, _)| field.id == id).map_or_else(
                    Default::default,
                    |(f, v)| {
                        let set = matches!((f.unit, v), (Unit::State, Value::Flag(true)));
                        (value(f.unit, v), set)
                    },
                )
            };
            fields.iter().map(|field| cell(field.id)).collect()
        })
        .collect();
    let widths: Vec<usize> = fields
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let widest = cells.iter().map(|row| row[i].0.chars().count()).max().unwrap_or(0);
            widest.max(field.title.chars().count())
        })
        .collect();
    let mut text = String::new();
    let titles: Vec<_> = fields.iter().map(|f| (f.title.to_owned(), false)).collect();
    let numbers: Vec<bool> = fields.iter().map(|f| is_number(f.unit)).collect();
    let head = cells_line(&titles, &widths, &numbers, Style::Plain);
    let _ = writeln!(text, "{}", style.paint(DIM, &head));
    for row in &cells {
        let _ = writeln!(text, "{}", cells_line(row, &widths, &numbers, style));
    }
    text
}

fn cells_line(
    cells: &[(String, bool)],
    widths: &[usize],
    numbers: &[bool],
    style: Style,
) -> String {
    let mut text = String::new();
    for (i, (cell, set)) in cells.iter().enumerate() {
        let fill = " ".repeat(widths[i].saturating_sub(cell.chars().count()));
        let painted = if *set { style.paint(SET, cell) } else { cell.clone() };
        let separator = if i == 0 { "" } else { "  " };
        let _ = match numbers[i] {
            true => write!(text, "{separator}{fill}{painted}"),
            false => write!(text, "{separator}{painted}{fill}"),
        };
    }
    text.trim_end().to_owned()
}

/// Some fields of a record on one line, each as title and value.
///
/// # Panics
/// When `only` names a field the record doesn't have: a mistake of the caller's source.
#[must_use]
pub fn line(row: &Row, only: &[&str]) -> String {
    let shown = only.iter().map(|id| {
        let found = row.iter().find(|(field, _)| field.id == *id);
        let (field, inner) = found.unwrap_or_else(|| panic!("the record has no field {id}"));
        format!("{} {}", field.title, value(field.unit, inner))
    });
    shown.collect::<Vec<_>>().join(" · ")
}

/// A record as lines of title and value; records within it stand indented below their title.
#[must_use]
pub fn record(row: &Row, style: Style) -> String {
    let mut text = String::new();
    write_record(&mut text, row, 0, style);
    text
}

fn write_record(text: &mut String, row: &Row, indent: usize, style: Style) {
    let widest = row.iter().map(|(field, _)| field.title.chars().count()).max().unwrap_or(0);
    let margin = " ".repeat(indent);
    for (field, inner) in row {
        match (field.unit, inner) {
            (_, Value::Record(inner)) => {
                let _ = writeln!(text, "{margin}{}", field.title);
                write_record(text, inner, indent + 2, style);
            }
            (Unit::Records(schema), Value::Records(rows)) => {
                let _ = writeln!(text, "{margin}{}", field.title);
                for line in table(schema, rows, &[], style).lines() {
                    let _ = writeln!(text, "{margin}  {line}");
                }
            }
            _ => {
                let fill = " ".repeat(widest - field.title.chars().count());
                let shown = value(field.unit, inner);
                let shown = match is_number(field.unit) {
                    true => format!("{shown:>10}"),
                    false => shown,
                };
                let _ = writeln!(text, "{margin}{}{fill}  {shown}", field.title);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Field, Table};
    use memtide_core::units::Bytes;

    struct Thing(&'static str, Option<u64>, bool);

    static THINGS: Table<Thing> = Table {
        id: "thing",
        help: "A thing.",
        columns: &[
            Column {
                field: Field { id: "name", title: "NAME", unit: Unit::Text, help: "Its name." },
                get: |t| Value::text(t.0),
            },
            Column {
                field: Field { id: "size", title: "SIZE", unit: Unit::Bytes, help: "Its size." },
                get: |t| Value::bytes(t.1.map(Bytes)),
            },
            Column {
                field: Field { id: "set", title: "STATE", unit: Unit::State, help: "Its state." },
                get: |t| Value::Flag(t.2),
            },
        ],
    };

    #[test]
    fn tables_align_words_left_and_numbers_right() {
        let things = [Thing("a", Some(1 << 20), true), Thing("longer", None, false)];
        let text = table(&THINGS, &THINGS.rows(&things), &[], Style::Plain);
        assert_eq!(text, "NAME       SIZE  STATE\na         1 MiB  set\nlonger  unknown  clear\n");
    }

    #[test]
    fn colour_only_where_it_is_asked_for() {
        let rows = THINGS.rows(&[Thing("a", None, true)]);
        assert!(!table(&THINGS, &rows, &["name", "set"], Style::Plain).contains('\x1b'));
        assert!(table(&THINGS, &rows, &["name", "set"], Style::Colour).contains(SET));
    }

    #[test]
    fn short_times_have_three_digits() {
        let shown = |time| value(Unit::Nanoseconds, &Value::Nanoseconds(time));
        assert_eq!([0.5, 12.34, 850.0].map(shown), ["0.50 ns", "12.3 ns", "850 ns"]);
        assert_eq!([1e3, 44_321.0, 2e8].map(shown), ["1.00 µs", "44.3 µs", "200 ms"]);
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let text = value(Unit::Text, &Value::text("evil\x1b[2J\n"));
        assert_eq!(text, "evil\u{fffd}[2J\u{fffd}");
    }
}
