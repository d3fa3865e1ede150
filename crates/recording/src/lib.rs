//! Recorded runs and saved states of the memory manager, as files.
//!
//! A **log** is a configuration and every [`Event`](memtide_core::Event) that came after: the
//! manager draws no randomness and reads no clock, so a [`Replay`] of the log is the same run, to
//! the bit. A **snapshot** is the whole manager at one moment. Every world writes and reads both;
//! a log ends with the [`digest`] of the state it led to, so that a replay can prove itself.
//!
//! Both files are a magic, a version, and chunks that each carry a checksum: damage is
//! found before a byte of it is used, and a file that was cut off says after how much.
#![forbid(unsafe_code)]

mod chunks;
mod error;
mod log;
mod replay;
mod snapshot;

pub use chunks::pack;
pub use error::RecordingError;
pub use log::{End, LogReader, LogWriter, Record};
pub use replay::{Replay, Replayed};
pub use snapshot::{Saved, digest, load, save};

/// How many bytes of a file decide what it is.
pub const MAGIC_BYTES: usize = 8;

/// What a file of ours holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A recorded run.
    Log,
    /// A saved state.
    Snapshot,
}

impl Kind {
    const fn magic(self) -> [u8; MAGIC_BYTES] {
        match self {
            Self::Log => *b"MEMTLOG\x1a",
            Self::Snapshot => *b"MEMTSNP\x1a",
        }
    }

    /// The layout that this build writes and reads. It changes with what the file holds.
    const fn version(self) -> u32 {
        match self {
            Self::Log => 3,
            Self::Snapshot => 4,
        }
    }

    /// The words for it in a message.
    const fn word(self) -> &'static str {
        match self {
            Self::Log => "recorded run",
            Self::Snapshot => "snapshot",
        }
    }

    /// What a file that begins with these bytes holds, if it is one of ours.
    #[must_use]
    pub fn of(beginning: &[u8]) -> Option<Self> {
        [Self::Log, Self::Snapshot].into_iter().find(|kind| beginning.starts_with(&kind.magic()))
    }
}
