//! Whether a level has moved so far that a condition may have changed.

use core::ops::Range;

/// The levels, in pages, except for the pools: in bytes.
pub(crate) type Raw = [u64; 4];

/// How far each level may move before a condition can change: most steps change none, and need
/// not compare nine of them.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Gate {
    pub(crate) quiet: [Range<u64>; 4],
    pub(crate) limits: (u64, u64),
}

impl Gate {
    /// Whether a level has left its quiet range.
    #[inline]
    pub(crate) fn is_passed(&self, (raw, limits): (Raw, (u64, u64))) -> bool {
        limits != self.limits
            || raw.iter().zip(&self.quiet).any(|(level, quiet)| !quiet.contains(level))
    }
}
