//! Working sets: the pages that a space has resident, how many it may have, and who must give.

pub(crate) mod balance;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod resident;
pub(crate) mod trim;

pub use limits::{Limits, WORKING_SET_MAXIMUM_LEAST, WORKING_SET_MINIMUM_LEAST};
