//! Working sets: the pages that a space has resident, how many it may have, and who must give.

pub(crate) mod balance;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod refault;
pub(crate) mod resident;
pub(crate) mod trim;

pub use limits::{Limits, WORKING_SET_MAXIMUM_LEAST, WORKING_SET_MINIMUM_LEAST};

use crate::page::Tick;

/// When the next round is due, and whether trimming on demand is worth trying.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Balance {
    pub(crate) next: Tick,
    /// The last attempt found less than it wanted: until some pages came in, another finds nothing.
    pub(crate) rest: u32,
}

impl Balance {
    pub(crate) const fn new(period: Tick) -> Self {
        Self { next: period, rest: 0 }
    }
}
