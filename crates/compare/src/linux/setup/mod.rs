//! What changes the machine for a run, and undoes it.

mod left;
mod limit;
mod swap;
mod zram;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use limit::Limit;
use swap::SwapFile;
use zram::Zram;

/// What a run needs of the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Need {
    /// A memory cgroup with a limit in bytes.
    Limit(u64),
    /// Swap of so many bytes to a file in a directory.
    SwapFile(PathBuf, u64),
    /// Swap of so many bytes to zram.
    SwapZram(u64),
}

/// What was set up; dropped, it is undone.
pub(super) enum Setup {
    Limit(Limit),
    SwapFile(SwapFile),
    Zram(Zram),
}

impl Setup {
    /// Sets it up.
    ///
    /// # Errors
    /// Why it cannot be had; nothing is left of it then.
    pub(super) fn make(need: &Need) -> Result<Self, String> {
        match need {
            Need::Limit(bytes) => Limit::new(*bytes).map(Self::Limit),
            Need::SwapFile(directory, bytes) => {
                SwapFile::new(directory, *bytes).map(Self::SwapFile)
            }
            Need::SwapZram(bytes) => Zram::new(*bytes).map(Self::Zram),
        }
    }

    /// The directory of the cgroup, of a limit.
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Limit(limit) => Some(limit.path().to_owned()),
            Self::SwapFile(_) | Self::Zram(_) => None,
        }
    }

    /// Undoes it.
    ///
    /// # Errors
    /// What is left, and why.
    pub(super) fn undo(&mut self) -> Result<(), String> {
        match self {
            Self::Limit(limit) => limit.undo(),
            Self::SwapFile(swap) => swap.undo(),
            Self::Zram(zram) => zram.undo(),
        }
    }
}
