//! What is wrong with a trace, and where.

use std::fmt;
use std::io;

/// Why a trace could not be read: the file, the place, and the problem.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {problem}", at(*place))]
pub struct TraceError {
    /// The file, as it was named.
    pub file: String,
    /// Where in it, if anywhere.
    pub place: Option<Place>,
    /// What is wrong there.
    pub problem: Problem,
}

/// A place in a trace; of a compressed one, in what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a text, the first being 1.
    Line(u64),
    /// A byte, the first being 0.
    Byte(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// What is wrong with a trace.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be opened.
    #[error("cannot be opened: {0}")]
    Open(io::Error),
    /// The system did not give the bytes.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// It ends too early.
    #[error("it ends within {within}: expected {expected}")]
    Truncated {
        /// What is cut off.
        within: String,
        /// What should have followed.
        expected: &'static str,
    },
    /// What stands there is no part of such a trace.
    #[error("{found}: expected {expected}")]
    Malformed {
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// There is no reference in it.
    #[error("no reference in it{}: expected {expected}", others(*passed_over))]
    Empty {
        /// Lines that say something else.
        passed_over: u64,
        /// What a reference looks like.
        expected: &'static str,
    },
    /// It is a trace of no known kind.
    #[error(
        "it begins with {found}, which is no known trace: expected memtide, lackey, memref, \
         oracle-general or text; --format names the format where the content doesn't tell"
    )]
    UnknownFormat {
        /// Its first bytes.
        found: String,
    },
}

impl TraceError {
    /// Whether the trace is to blame, or the name given for it, and not the system.
    #[must_use]
    pub fn blames_input(&self) -> bool {
        match &self.problem {
            Problem::Open(error) => {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory)
            }
            Problem::Read(error) => error.kind() == io::ErrorKind::IsADirectory,
            _ => true,
        }
    }
}

/// A problem at a place of a trace whose name is added later.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) place: Option<Place>,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn malformed(place: Place, found: String, expected: &'static str) -> Self {
        Self { place: Some(place), problem: Problem::Malformed { found, expected } }
    }

    pub(super) fn truncated(
        place: Place,
        within: impl Into<String>,
        expected: &'static str,
    ) -> Self {
        Self { place: Some(place), problem: Problem::Truncated { within: within.into(), expected } }
    }

    pub(super) fn of(self, file: &str) -> TraceError {
        TraceError { file: file.to_owned(), place: self.place, problem: self.problem }
    }
}

fn others(lines: u64) -> String {
    match lines {
        0 => String::new(),
        _ => format!(", and {lines} lines that say something else"),
    }
}

fn at(place: Option<Place>) -> String {
    place.map(|place| format!(": {place}")).unwrap_or_default()
}

/// Bytes as a message may show them: quoted, short, and without what a terminal would obey.
pub(super) fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    let text = bytes[..bytes.len().min(SHOWN)].escape_ascii();
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!("\"{text}{more}\"")
}
