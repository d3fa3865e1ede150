//! Traces: the references that a program made, read from files in constant memory.
//!
//! [`Trace`] reads every [`Format`], and gives batches of [`Reference`]s whose addresses a program
//! of 64-bit Windows may use; what is compressed with gzip or zstd is decompressed on the way.
//! [`TraceWriter`] writes Memtide's own format. docs/TRACES.md describes the formats.
//!
//! ```
//! use memtide_core::page::Access;
//! use memtide_sim::trace::{Format, Trace};
//!
//! let lines = b"I  04001090,3\n L 1ffeffe7e0,8\n".to_vec();
//! let mut trace = Trace::of_bytes(lines, None)?;
//! assert_eq!(trace.format(), Format::Lackey);
//! let mut batch = Vec::new();
//! while trace.read(&mut batch)? {
//!     assert_eq!(batch[1].address, 0x1f_fef_fe7e0);
//!     assert_eq!(batch[1].access, Access::Read);
//! }
//! # Ok::<(), memtide_sim::trace::TraceError>(())
//! ```

mod addresses;
mod error;
mod format;
mod input;
mod lackey;
mod lines;
mod memref;
mod memtide;
mod oracle_general;
mod program;
mod run;
mod text;
mod zstd;

use std::io::Read;
use std::path::Path;

pub use addresses::OBJECTS;
pub use error::{Place, Problem, TraceError};
pub use format::Format;
pub use input::Progress;
pub use memtide::{TraceWriter, Unit, Written};
pub use oracle_general::write_oracle_general;
pub use program::{TraceFailure, TraceOutcome, TraceProgram};
pub use run::{TraceReport, TraceRun, TraceRunError};

use crate::Reference;
use error::{Fault, quoted};
use input::Input;
use lackey::Lackey;
use memref::Memref;
use memtide::Memtide;
use oracle_general::OracleGeneral;
use text::{Numbers, Text};

/// References of a batch; a few more where the last ones cross pages.
const BATCH: usize = 1 << 15;

/// As much of the beginning as is looked at to recognise a format.
const FIRST: usize = 1 << 16;

/// A trace that is being read.
#[derive(Debug)]
pub struct Trace {
    parser: Parser,
    progress: Progress,
}

#[derive(Debug)]
enum Parser {
    Memtide(Memtide),
    Lackey(Lackey),
    Memref(Memref),
    OracleGeneral(OracleGeneral),
    Text(Text),
}

/// What was found so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Lines or records that are references.
    lines: u64,
    /// Lines that are not, such as messages.
    passed_over: u64,
}

impl Tally {
    /// A trace without a reference is none.
    fn end(&self, expected: &'static str) -> Result<(), Fault> {
        if self.lines > 0 {
            return Ok(());
        }
        let problem = Problem::Empty { passed_over: self.passed_over, expected };
        Err(Fault { place: None, problem })
    }
}

impl Trace {
    /// Opens a file; without a format it is recognised by its content, or else by its name.
    ///
    /// # Errors
    /// Where it cannot be read, is empty, or its format is not known.
    pub fn open(path: &Path, format: Option<Format>) -> Result<Self, TraceError> {
        Self::new(Input::open(path)?, path, format)
    }

    /// Reads what a source gives, such as a pipe; the name is for messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_source(
        name: &str,
        source: impl Read + Send + 'static,
        format: Option<Format>,
    ) -> Result<Self, TraceError> {
        Self::new(Input::new(name.to_owned(), source, None)?, Path::new(name), format)
    }

    /// Reads bytes that are in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_bytes(bytes: Vec<u8>, format: Option<Format>) -> Result<Self, TraceError> {
        Self::new(Input::of_bytes(bytes)?, Path::new("bytes"), format)
    }

    fn new(mut input: Input, path: &Path, format: Option<Format>) -> Result<Self, TraceError> {
        let format = match format {
            Some(format) => format,
            None => recognised(&mut input, path)?,
        };
        let progress = input.progress();
        let parser = match format {
            Format::Memtide => Parser::Memtide(Memtide::new(input)?),
            Format::Lackey => Parser::Lackey(Lackey::new(input)),
            Format::Memref => Parser::Memref(Memref::new(input)),
            Format::OracleGeneral => Parser::OracleGeneral(OracleGeneral::new(input)),
            Format::Text => Parser::Text(Text::new(input, Numbers::AsTheFirst)),
            Format::Addresses => Parser::Text(Text::new(input, Numbers::Addresses)),
            Format::Ids => Parser::Text(Text::new(input, Numbers::Ids)),
        };
        Ok(Self { parser, progress })
    }

    /// Replaces what is in `into` by the next references, in their order; whether there are any.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no such trace; what came before is good.
    pub fn read(&mut self, into: &mut Vec<Reference>) -> Result<bool, TraceError> {
        into.clear();
        match &mut self.parser {
            Parser::Memtide(trace) => trace.read(into),
            Parser::Lackey(trace) => trace.read(into),
            Parser::Memref(trace) => trace.read(into),
            Parser::OracleGeneral(trace) => trace.read(into),
            Parser::Text(trace) => trace.read(into),
        }?;
        self.progress.add_references(into.len() as u64);
        Ok(!into.is_empty())
    }

    /// Its format; of a text that says so by its first line, once that was read.
    #[must_use]
    pub const fn format(&self) -> Format {
        match &self.parser {
            Parser::Memtide(_) => Format::Memtide,
            Parser::Lackey(_) => Format::Lackey,
            Parser::Memref(_) => Format::Memref,
            Parser::OracleGeneral(_) => Format::OracleGeneral,
            Parser::Text(text) => match text.numbers() {
                Numbers::AsTheFirst => Format::Text,
                Numbers::Addresses => Format::Addresses,
                Numbers::Ids => Format::Ids,
            },
        }
    }

    /// Lines so far that are no references: messages, a program's own output, markers.
    #[must_use]
    pub const fn passed_over(&self) -> u64 {
        self.tally().passed_over
    }

    /// How much of the file was read; it goes on to tell when the trace is moved elsewhere.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    const fn tally(&self) -> &Tally {
        match &self.parser {
            Parser::Memtide(trace) => trace.tally(),
            Parser::Lackey(trace) => trace.tally(),
            Parser::Memref(trace) => trace.tally(),
            Parser::OracleGeneral(trace) => trace.tally(),
            Parser::Text(trace) => trace.tally(),
        }
    }
}

fn recognised(input: &mut Input, path: &Path) -> Result<Format, TraceError> {
    let first = input.fill(FIRST)?;
    let first = &first[..first.len().min(FIRST)];
    if let Some(format) = Format::detect(first, path) {
        return Ok(format);
    }
    let problem = match first {
        [] => Problem::Empty { passed_over: 0, expected: "a trace" },
        first => Problem::UnknownFormat { found: quoted(&first[..first.len().min(16)]) },
    };
    Err(Fault { place: None, problem }.of(input.name()))
}
