//! How a command prints: JSON or text, in colour or not.

use crate::args::When;
use memtide_view::text::Style;
use memtide_view::{Row, json};
use std::io::{self, IsTerminal, Write};

/// How a command prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// JSON instead of text.
    pub(crate) json: bool,
    /// Whether text carries colour.
    pub(crate) style: Style,
}

impl Output {
    /// What the arguments and the terminal ask for.
    pub(crate) fn new(json: bool, color: When) -> Self {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = match color {
            When::Always => true,
            When::Never => false,
            When::Auto => allowed && io::stdout().is_terminal(),
        };
        Self { json, style: if colour { Style::Colour } else { Style::Plain } }
    }

    /// Prints a record as JSON, or as the text made of it.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub(crate) fn print(
        &self,
        row: &Row,
        text: impl FnOnce(&Row, Style) -> String,
    ) -> io::Result<()> {
        match self.json {
            true => write(&format!("{:#}\n", json::record(row))),
            false => write(&text(row, self.style)),
        }
    }
}

/// Writes to standard output, whole.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Whether whoever read our output has gone: no error of ours.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
