//! What a run found.

use serde::{Deserialize, Serialize};

/// In what way a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A program saw what it never should.
    WrongBytes,
    /// A call or an access was answered otherwise than promised.
    WrongAnswer,
    /// What is mapped is not what the manager thinks.
    WrongMapping,
    /// The proof of the manager's state failed.
    Unsound,
    /// An error that no injected fault explains.
    Unexplained,
    /// An injected error that nobody was told of.
    Swallowed,
    /// A thread waits and is never answered.
    WaitsForEver,
    /// Something is left when all is freed.
    Leak,
    /// The manager panicked.
    Panic,
    /// The manager, or its world, came to no end.
    Endless,
}

impl FailureKind {
    /// Its name, as in files and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongBytes => "wrong-bytes",
            Self::WrongAnswer => "wrong-answer",
            Self::WrongMapping => "wrong-mapping",
            Self::Unsound => "unsound",
            Self::Unexplained => "unexplained",
            Self::Swallowed => "swallowed",
            Self::WaitsForEver => "waits-for-ever",
            Self::Leak => "leak",
            Self::Panic => "panic",
            Self::Endless => "endless",
        }
    }
}

/// A failure of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}, at step {step}", .kind.name())]
pub struct Failure {
    /// In what way.
    pub kind: FailureKind,
    /// After how many steps; all of them where it showed when everything was ended.
    pub step: usize,
    /// What was seen.
    pub message: String,
}
