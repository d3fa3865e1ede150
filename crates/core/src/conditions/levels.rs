//! What a world measures for the nine conditions to be judged by.

use super::Permille;
use crate::units::Bytes;

/// What keeps available memory from being larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// The physical memory of the machine.
    #[default]
    PhysicalMemory,
    /// The limit of a container (on Linux the tightest memory cgroup up the tree).
    Container,
}

/// The levels at one moment; `None` is a level that cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Physical memory that can be had without taking it from a working set: zeroed, free and
    /// standby pages.
    pub available: Option<Bytes>,
    /// What bounds `available`.
    pub bound: Bound,
    /// The share of recent time in which some thread waited for memory.
    pub stall: Option<Permille>,
    /// What the paged pool can still grow by.
    pub paged_pool_free: Option<Bytes>,
    /// What the nonpaged pool can still grow by.
    pub nonpaged_pool_free: Option<Bytes>,
    /// Memory promised to programs and backed by physical memory or a page file.
    pub commit_charge: Option<Bytes>,
    /// The most that can be promised with the page files as they are.
    pub commit_limit: Option<Bytes>,
    /// The most that can be promised once the page files have grown as far as they may.
    pub commit_maximum: Option<Bytes>,
}
