//! How large a working set should at least and at most be.
//!
//! Source: Microsoft's documentation of `SetProcessWorkingSetSizeEx`.

use crate::manager::Manager;
use crate::page::{PAGE_SIZE, SpaceId, bytes};
use crate::refusal::Refusal;
use crate::units::Bytes;

/// The least minimum, in pages: a smaller one is raised to it.
pub const WORKING_SET_MINIMUM_LEAST: u32 = 20;

/// The least maximum, in pages.
pub const WORKING_SET_MAXIMUM_LEAST: u32 = 13;

/// The limits of a working set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// Pages that are left to the space while others still have more than theirs.
    pub minimum: u32,
    /// Pages from which on the space replaces its own.
    pub maximum: u32,
    /// Whether the minimum holds even when memory is short (`QUOTA_LIMITS_HARDWS_MIN_ENABLE`).
    pub is_minimum_hard: bool,
    /// Whether the maximum holds even when memory is plentiful (`QUOTA_LIMITS_HARDWS_MAX_ENABLE`).
    pub is_maximum_hard: bool,
}

impl Manager {
    /// Sets the limits of a working set, in bytes, rounded down to pages; `u64::MAX` for both
    /// empties it, as `SetProcessWorkingSetSize` does.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for a minimum of zero or above the maximum, and for a maximum
    /// below [`WORKING_SET_MAXIMUM_LEAST`] pages; [`Refusal::InsufficientResources`] where the
    /// minimums of all spaces would take more than there is.
    pub fn set_working_set_limits(
        &mut self,
        space: SpaceId,
        minimum: u64,
        maximum: u64,
        (is_minimum_hard, is_maximum_hard): (bool, bool),
    ) -> Result<(), Refusal> {
        self.known_space(space)?;
        if minimum == u64::MAX && maximum == u64::MAX {
            return self.empty_working_set(space).map(|_| ());
        }
        let refused = |what, value, expected| Refusal::InvalidParameter { what, value, expected };
        let least = u64::from(WORKING_SET_MAXIMUM_LEAST) * PAGE_SIZE;
        if minimum == 0 || minimum > maximum {
            return Err(refused(
                "the minimum",
                minimum,
                "more than 0 and no more than the maximum",
            ));
        }
        if maximum < least {
            return Err(refused("the maximum", maximum, "at least 13 pages"));
        }
        let pages = |bytes: u64| u32::try_from(bytes / PAGE_SIZE).unwrap_or(u32::MAX);
        let minimum = pages(minimum).max(WORKING_SET_MINIMUM_LEAST);
        let limits = Limits {
            minimum,
            maximum: pages(maximum).max(minimum),
            is_minimum_hard,
            is_maximum_hard,
        };
        let before = self.spaces.get(space).limits;
        let free = self.resident_available + u64::from(before.minimum);
        if u64::from(minimum) > free {
            return Err(Refusal::InsufficientResources {
                what: "resident memory for the working set's minimum",
                wanted: Bytes(bytes(u64::from(minimum))),
                free: Bytes(bytes(free)),
            });
        }
        self.resident_available = free - u64::from(minimum);
        self.spaces.get_mut(space).limits = limits;
        while is_maximum_hard && self.spaces.get(space).working_set.len() > limits.maximum {
            if self.trim_one(space).is_none() {
                break;
            }
        }
        self.settle();
        Ok(())
    }

    /// The limits of a working set.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn working_set_limits(&self, space: SpaceId) -> Result<Limits, Refusal> {
        Ok(self.known_space(space)?.limits)
    }

    /// Trims every page of a space that is not locked: `EmptyWorkingSet`; how many.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn empty_working_set(&mut self, space: SpaceId) -> Result<u32, Refusal> {
        self.known_space(space)?;
        let trimmed = self.empty_space(space);
        self.settle();
        Ok(trimmed)
    }

    pub(crate) fn empty_space(&mut self, space: SpaceId) -> u32 {
        let mut trimmed = 0;
        while self.trim_head(space) {
            trimmed += 1;
        }
        trimmed
    }
}
