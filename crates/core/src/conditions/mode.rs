//! Any or all of several conditions.

use super::ConditionSet;

/// Which of several conditions must be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One of them.
    Any,
    /// All of them at the same time.
    All,
}

impl Mode {
    /// Whether conditions that are set are what is wanted.
    #[must_use]
    pub const fn holds(self, set: ConditionSet, wanted: ConditionSet) -> bool {
        match self {
            Self::Any => !set.intersection(wanted).is_empty(),
            Self::All => set.contains_all(wanted),
        }
    }
}
