//! What works on this machine, what does not, and the one thing that would enable it.

mod finding;

use crate::system;
pub(crate) use finding::Finding;

/// Whether a capability is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It was tried, or is there to be used.
    Works,
    /// It is not there, or not for this process.
    Fails,
    /// It could not be learned.
    Unknown,
}

impl Verdict {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Unknown => "unknown",
        }
    }
}

/// One capability of the system, as this process finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its stable name, such as `psi-triggers`.
    pub id: &'static str,
    /// What Memtide uses it for.
    pub purpose: &'static str,
    /// Whether it is there.
    pub verdict: Verdict,
    /// What was seen: the file, the value, the system's own error.
    pub evidence: String,
    /// The one thing that would enable it, or more of it; `None` where nothing is missing.
    pub remedy: Option<String>,
}

/// Examines every capability that Memtide can use.
///
/// Nothing is changed: files are opened and not written, calls are made on nothing or on memory
/// of their own. A PSI trigger is set and dropped at once.
#[must_use]
pub fn examine() -> Vec<Capability> {
    system::doctor::examine()
}
