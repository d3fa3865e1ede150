//! The nine conditions by name, and sets of them.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// One of the nine standard memory conditions: a notification event in `\KernelObjects` that
/// stays set for as long as the condition holds.
///
/// Source: Microsoft's documentation, "Standard Event Objects" (Windows drivers) and
/// "CreateMemoryResourceNotification".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Condition {
    /// Available physical memory is below its low mark, or programs stall for memory below the
    /// high mark.
    LowMemory,
    /// Available physical memory is at or above its high mark.
    HighMemory,
    /// Free paged pool is at or below its low mark.
    LowPagedPool,
    /// Free paged pool is at or above its high mark.
    HighPagedPool,
    /// Free nonpaged pool is at or below its low mark.
    LowNonPagedPool,
    /// Free nonpaged pool is at or above its high mark.
    HighNonPagedPool,
    /// The commit charge is low against the current commit limit.
    LowCommit,
    /// The commit charge is high against the current commit limit, and the page files can still
    /// be extended.
    HighCommit,
    /// The commit charge is near the maximum commit limit: no page file can grow any more.
    MaximumCommit,
}

impl Condition {
    /// How many conditions there are.
    pub const COUNT: usize = 9;

    /// All of them, in the order they are shown.
    pub const ALL: [Self; Self::COUNT] = [
        Self::LowMemory,
        Self::HighMemory,
        Self::LowPagedPool,
        Self::HighPagedPool,
        Self::LowNonPagedPool,
        Self::HighNonPagedPool,
        Self::LowCommit,
        Self::HighCommit,
        Self::MaximumCommit,
    ];

    /// The name of its event as Windows spells it, such as `LowMemoryCondition`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LowMemory => "LowMemoryCondition",
            Self::HighMemory => "HighMemoryCondition",
            Self::LowPagedPool => "LowPagedPoolCondition",
            Self::HighPagedPool => "HighPagedPoolCondition",
            Self::LowNonPagedPool => "LowNonPagedPoolCondition",
            Self::HighNonPagedPool => "HighNonPagedPoolCondition",
            Self::LowCommit => "LowCommitCondition",
            Self::HighCommit => "HighCommitCondition",
            Self::MaximumCommit => "MaximumCommitCondition",
        }
    }

    /// Its name on the command line, such as `low-memory`.
    #[must_use]
    pub const fn argument(self) -> &'static str {
        match self {
            Self::LowMemory => "low-memory",
            Self::HighMemory => "high-memory",
            Self::LowPagedPool => "low-paged-pool",
            Self::HighPagedPool => "high-paged-pool",
            Self::LowNonPagedPool => "low-nonpaged-pool",
            Self::HighNonPagedPool => "high-nonpaged-pool",
            Self::LowCommit => "low-commit",
            Self::HighCommit => "high-commit",
            Self::MaximumCommit => "maximum-commit",
        }
    }

    /// Its place in [`Condition::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names none of the nine conditions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a memory condition: expected low-memory, high-memory, low-paged-pool, …")]
pub struct UnknownCondition(pub String);

impl FromStr for Condition {
    type Err = UnknownCondition;

    /// Reads either name, in any case: `low-memory`, `LowMemoryCondition`, `LowMemory`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |c: &Condition| {
            let name = c.name();
            text.eq_ignore_ascii_case(c.argument())
                || text.eq_ignore_ascii_case(name)
                || text.eq_ignore_ascii_case(name.trim_end_matches("Condition"))
        };
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownCondition(text.to_string()))
    }
}

/// A set of conditions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ConditionSet(u16);

impl ConditionSet {
    /// No condition.
    pub const EMPTY: Self = Self(0);
    /// All nine.
    pub const ALL: Self = Self((1 << Condition::COUNT) - 1);

    /// Adds a condition.
    pub fn insert(&mut self, condition: Condition) {
        self.0 |= 1 << condition.index();
    }

    /// Whether the condition is in the set.
    #[must_use]
    pub const fn contains(self, condition: Condition) -> bool {
        self.0 & (1 << condition.index()) != 0
    }

    /// Whether every condition of `other` is in this set.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The conditions in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The conditions in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no condition is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many conditions are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The conditions of the set, in the order of [`Condition::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.into_iter().filter(move |c| self.contains(*c))
    }
}

impl From<Condition> for ConditionSet {
    fn from(condition: Condition) -> Self {
        let mut set = Self::EMPTY;
        set.insert(condition);
        set
    }
}

impl FromIterator<Condition> for ConditionSet {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        let mut set = Self::EMPTY;
        conditions.into_iter().for_each(|c| set.insert(c));
        set
    }
}

impl<const N: usize> From<[Condition; N]> for ConditionSet {
    fn from(conditions: [Condition; N]) -> Self {
        conditions.into_iter().collect()
    }
}

impl fmt::Debug for ConditionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_reads_back_by_either_name() {
        for condition in Condition::ALL {
            assert_eq!(condition.name().parse(), Ok(condition));
            assert_eq!(condition.argument().parse(), Ok(condition));
            assert_eq!(condition.name().to_uppercase().parse(), Ok(condition));
            assert!(condition.name().ends_with("Condition"));
        }
        assert_eq!("tide".parse::<Condition>(), Err(UnknownCondition("tide".into())));
    }

    #[test]
    fn a_set_holds_exactly_what_was_put_in() {
        let set = ConditionSet::from([Condition::LowMemory, Condition::MaximumCommit]);
        assert_eq!(set.len(), 2);
        assert!(set.contains(Condition::LowMemory) && !set.contains(Condition::HighMemory));
        assert!(ConditionSet::ALL.contains_all(set) && !set.contains_all(ConditionSet::ALL));
        assert_eq!(set.iter().collect::<ConditionSet>(), set);
        assert!(set.intersection(Condition::HighCommit.into()).is_empty());
    }
}
