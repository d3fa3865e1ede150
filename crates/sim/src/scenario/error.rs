//! What is wrong with a scenario, and where.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Why a text is no scenario: the place, the key, the value, and what was expected.
///
/// It prints as `LINE:COLUMN: KEY: PROBLEM`; a file's name and a colon go before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {}{problem}", prefix(.key.as_deref()))]
pub struct ScenarioError {
    /// The line, from 1 on.
    pub line: usize,
    /// The column, in characters from 1 on.
    pub column: usize,
    /// The key, such as `process[0].phase[2].alpha`; none where the text is no TOML.
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

fn prefix(key: Option<&str>) -> String {
    key.map_or_else(String::new, |key| format!("{key}: "))
}

/// Something wrong at a range of the text, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    span: Range<usize>,
    text: String,
}

impl Problem {
    pub(super) fn new(span: Range<usize>, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }

    /// What the deserializer says, with the nearest name for a name that nobody knows.
    pub(super) fn from_toml(error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        // The deserializer lists names in backquotes: the unknown one, then those it knows.
        let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let text = match names.split_first() {
            Some((unknown, known)) if message.starts_with("unknown") => {
                match nearest(unknown, known) {
                    Some(name) => format!("{message}; the nearest is `{name}`"),
                    None => message.to_owned(),
                }
            }
            _ => message.to_owned(),
        };
        Self { span, text }
    }

    /// The problem with its place in the text.
    pub(super) fn locate(self, text: &str) -> ScenarioError {
        let start = text.floor_char_boundary(self.span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ScenarioError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: DeTable::parse(text).ok().and_then(|table| key_at(table.get_ref(), start)),
            problem: self.text.trim().replace('\n', ", "),
        }
    }
}

/// The name that is likest to one that nobody knows.
pub(super) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(unknown, name);
    let best = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.7).then_some(best)
}

/// The path of the key, or of the key's value, that holds a place of the text.
fn key_at(table: &DeTable<'_>, at: usize) -> Option<String> {
    let holds = |span: Range<usize>| span.contains(&at) || span.start == at;
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        if holds(key.span()) {
            return Some(name.to_string());
        }
        match value_at(value.get_ref(), at) {
            Some(inner) => Some(format!("{name}{inner}")),
            None => holds(value.span()).then(|| name.to_string()),
        }
    })
}

fn value_at(value: &DeValue<'_>, at: usize) -> Option<String> {
    match value {
        DeValue::Table(table) => key_at(table, at).map(|key| format!(".{key}")),
        DeValue::Array(array) => {
            array.iter().enumerate().find_map(|(number, value)| {
                match value_at(value.get_ref(), at) {
                    Some(inner) => Some(format!("[{number}]{inner}")),
                    None => value.span().contains(&at).then(|| format!("[{number}]")),
                }
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_by_line_column_and_key() {
        let text = "seed = 1\n[[process]]\nname = 'ä'\n[[process]]\nphase = [{ pattern = 'x' }]\n";
        let at = |wanted: &str| {
            let start = text.rfind(wanted).expect("it is there");
            Problem::new(start..start + 1, "bad").locate(text).to_string()
        };
        assert_eq!(at("1"), "1:8: seed: bad");
        assert_eq!(at("'ä'"), "3:8: process[0].name: bad");
        assert_eq!(at("'x'"), "5:22: process[1].phase[0].pattern: bad");
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("memry", &["memory", "processors"]), Some("memory"));
        assert_eq!(nearest("zzz", &["memory", "processors"]), None);
    }
}
