//! What can go wrong between Memtide and the system it runs on.

use memtide_core::conditions::{Condition, ConditionSet};
use std::path::{Path, PathBuf};

/// An error of the machine or of the request; nothing was changed unless a variant says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the system could not be used.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done, such as "reading".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A system call failed.
    #[error("{call}: {source}")]
    Call {
        /// The call.
        call: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The path given as a cgroup is not one with a memory controller.
    #[error("{} is no memory cgroup: expected a directory with {needs}", path.display())]
    NotACgroup {
        /// The path.
        path: PathBuf,
        /// The file that was missing.
        needs: &'static str,
    },
    /// Thresholds that cannot be used.
    #[error(transparent)]
    Threshold(#[from] memtide_core::conditions::ThresholdError),
    /// Conditions that were waited for cannot be known, so that the wait would never end.
    #[error(
        "{} cannot be known here{}, so waiting would never end",
        names(*unknown),
        refused(*status)
    )]
    Unknowable {
        /// The conditions.
        unknown: ConditionSet,
        /// The NTSTATUS with which Windows refused the event of the first of them, where it did.
        status: Option<u32>,
    },
    /// A clean that makes no sense on this system.
    #[error(transparent)]
    Request(#[from] crate::clean::RequestError),
    /// Something this system or build does not offer.
    #[error("{what} is not supported here: {why}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// Why not, and what would enable it.
        why: String,
    },
}

impl Error {
    pub(crate) fn file(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { doing, path: path.to_path_buf(), source }
    }

    pub(crate) fn call(call: &'static str, source: impl Into<std::io::Error>) -> Self {
        Self::Call { call, source: source.into() }
    }

    /// The kind of the system's error behind this one, if there is one.
    #[must_use]
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        match self {
            Self::File { source, .. } | Self::Call { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}

fn refused(status: Option<u32>) -> String {
    let worded = |status| format!(" (opening its event ended with NTSTATUS 0x{status:08X})");
    status.map(worded).unwrap_or_default()
}

fn names(conditions: ConditionSet) -> String {
    conditions.iter().map(Condition::name).collect::<Vec<_>>().join(", ")
}
