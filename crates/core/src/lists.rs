//! Where physical memory is, in the words of Windows' page lists.

use crate::units::{ByteDelta, Bytes};

/// How many priorities the standby list has: 0 is repurposed first, 7 last.
pub const STANDBY_PRIORITIES: usize = 8;

/// The memory in use, by kind; `None` is a kind that cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Private pages of programs.
    pub anonymous: Option<Bytes>,
    /// Pages shared between programs without a file: shared sections (on Linux shmem and tmpfs).
    pub shared: Option<Bytes>,
    /// Pages of files that are mapped into programs.
    pub mapped: Option<Bytes>,
    /// The paged pool (on Linux reclaimable slab).
    pub paged_pool: Option<Bytes>,
    /// The nonpaged pool (on Linux unreclaimable slab, kernel stacks, page tables, per-CPU).
    pub nonpaged_pool: Option<Bytes>,
    /// Large pages set aside.
    pub large_pages: Option<Bytes>,
    /// The working set of the file cache, where the system counts it apart from standby pages.
    pub file_cache: Option<Bytes>,
    /// Pages that hold compressed pages.
    pub compressed: Option<Bytes>,
    /// Pages of working sets that the system counts as one: private, shared, mapped and paged-pool
    /// pages together.
    pub working_sets: Option<Bytes>,
}

impl InUse {
    /// The sum of the kinds that are known, or `None` where none is.
    #[must_use]
    pub fn total(&self) -> Option<Bytes> {
        [
            self.anonymous,
            self.shared,
            self.mapped,
            self.paged_pool,
            self.nonpaged_pool,
            self.large_pages,
            self.file_cache,
            self.compressed,
            self.working_sets,
        ]
        .into_iter()
        .flatten()
        .reduce(Bytes::saturating_add)
    }
}

/// The page lists of a machine, in bytes; `None` is a list that cannot be known.
///
/// With [`MemoryLists::unattributed`] the parts add up to `total` exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLists {
    /// All physical memory the system manages.
    pub total: Option<Bytes>,
    /// Free pages known to be zero.
    pub zeroed: Option<Bytes>,
    /// Free pages with old contents.
    pub free: Option<Bytes>,
    /// Pages that must be written before they can be reused.
    pub modified: Option<Bytes>,
    /// Those of them that a page file is written with, not a file.
    pub modified_page_file: Option<Bytes>,
    /// Modified pages that must not be written yet.
    pub modified_no_write: Option<Bytes>,
    /// Pages with contents that can be reused at once.
    pub standby: Option<Bytes>,
    /// The standby list by priority.
    pub standby_by_priority: Option<[Bytes; STANDBY_PRIORITIES]>,
    /// What was taken from the standby list for other uses since the system started, by the
    /// priority it had.
    pub repurposed_by_priority: Option<[Bytes; STANDBY_PRIORITIES]>,
    /// Pages that have failed.
    pub bad: Option<Bytes>,
    /// Memory in use.
    pub in_use: InUse,
}

impl MemoryLists {
    /// What is left of `total` after every list that is known: memory the system does not
    /// attribute, or less than nothing where its counters overlap. `None` without a total.
    #[must_use]
    pub fn unattributed(&self) -> Option<ByteDelta> {
        let known = [
            self.zeroed,
            self.free,
            self.modified,
            self.modified_no_write,
            self.standby,
            self.bad,
            self.in_use.total(),
        ];
        let known = known.into_iter().flatten().fold(Bytes::ZERO, Bytes::saturating_add);
        self.total.map(|total| total.since(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_and_the_rest_add_up_to_the_total() {
        let lists = MemoryLists {
            total: Some(Bytes(1000)),
            zeroed: Some(Bytes(0)),
            free: Some(Bytes(300)),
            standby: Some(Bytes(200)),
            in_use: InUse {
                anonymous: Some(Bytes(250)),
                mapped: Some(Bytes(50)),
                ..InUse::default()
            },
            ..MemoryLists::default()
        };
        assert_eq!(lists.in_use.total(), Some(Bytes(300)));
        assert_eq!(lists.unattributed(), Some(ByteDelta(200)));
    }

    #[test]
    fn counters_that_overlap_show_as_a_negative_rest() {
        let lists = MemoryLists {
            total: Some(Bytes(100)),
            free: Some(Bytes(150)),
            ..MemoryLists::default()
        };
        assert_eq!(lists.unattributed(), Some(ByteDelta(-50)));
        assert_eq!(MemoryLists::default().unattributed(), None);
    }
}
