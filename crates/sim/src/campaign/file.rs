//! A run in a file: TOML, a step a line.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::machine::Hardware;
use super::run::Run;
use super::step::Step;

/// No number of pages or times in a file may be larger: every step is proved, page by page.
const NUMBER_MOST: i64 = 65_536;

/// The keys of those numbers.
const BOUNDED: [&str; 5] = ["page", "pages", "first", "most", "times"];

/// A file that holds no run.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not TOML, or not of a run.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A number that no run has.
    #[error("step {step}: {key} is {value}: expected 0 to {NUMBER_MOST}")]
    Number {
        /// Which step, from 0.
        step: usize,
        /// What is that number.
        key: String,
        /// The number.
        value: i64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    machine: Hardware,
    run: Steps,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    steps: Vec<Step>,
}

impl Run {
    /// The run as TOML, with comments at its head.
    ///
    /// # Panics
    /// Never: everything in a run can be written as TOML.
    #[must_use]
    pub fn to_toml(&self, comments: &str) -> String {
        let mut text = String::new();
        for line in comments.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let machine = Machine { machine: &self.machine };
        let machine = toml::to_string(&machine).expect("a machine can be written as TOML");
        let _ = write!(text, "\n{machine}\n[run]\nsteps = [\n");
        for step in &self.steps {
            let step = toml::Value::try_from(step).expect("a step can be written as TOML");
            let _ = writeln!(text, "    {step},");
        }
        text.push_str("]\n");
        text
    }

    /// Reads a run from TOML.
    ///
    /// # Errors
    /// [`FileError`], with the line and what was expected.
    pub fn from_toml(text: &str) -> Result<Self, FileError> {
        let File { machine, run } = toml::from_str(text)?;
        for (step, found) in run.steps.iter().enumerate() {
            let Ok(toml::Value::Table(fields)) = toml::Value::try_from(found) else { continue };
            let numbers = fields.iter().filter(|(key, _)| BOUNDED.contains(&key.as_str()));
            for (key, value) in numbers {
                if let Some(value) = value.as_integer().filter(|value| *value > NUMBER_MOST) {
                    return Err(FileError::Number { step, key: key.clone(), value });
                }
            }
        }
        Ok(Self { machine, steps: run.steps })
    }
}

#[derive(Serialize)]
struct Machine<'a> {
    machine: &'a Hardware,
}
