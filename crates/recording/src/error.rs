//! Why a recording cannot be used.

use std::io;

use memtide_core::{ConfigError, Unsound};

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("not a {expected} of Memtide: it does not begin with {magic:?}")]
    Magic {
        /// What was expected.
        expected: &'static str,
        /// How such a file begins.
        magic: String,
    },
    /// It was written by another version.
    #[error("a {what} of layout {found}: this Memtide reads layout {expected}")]
    Version {
        /// What it is.
        what: &'static str,
        /// The layout found.
        found: u32,
        /// The layout that can be read.
        expected: u32,
    },
    /// The file ends before its end mark.
    #[error("the {what} is cut off at byte {offset}, in chunk {chunk}: its end is missing")]
    Truncated {
        /// What it is.
        what: &'static str,
        /// Where the file ends, in bytes.
        offset: u64,
        /// In which chunk, counted from 0.
        chunk: u64,
    },
    /// A chunk is not what was written.
    #[error("the {what} is damaged in chunk {chunk}, which begins at byte {offset}: {problem}")]
    Damaged {
        /// What it is.
        what: &'static str,
        /// Where the chunk begins, in bytes.
        offset: u64,
        /// Which chunk, counted from 0.
        chunk: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// What was written cannot be understood.
    #[error("the {what} is whole, but {place} makes no sense: {problem}")]
    Decode {
        /// What it is.
        what: &'static str,
        /// Which part of it.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A log of a machine that cannot be.
    #[error("the machine of the recorded run: {0}")]
    Config(#[from] ConfigError),
    /// The state is not sound.
    #[error(transparent)]
    Unsound(#[from] Unsound),
    /// A manager with outputs that nobody has taken.
    #[error("the manager has outputs that were not taken: save it once they are carried out")]
    OutputsLeft,
}
