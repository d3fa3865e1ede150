//! What has happened so far, counted.

/// Counts of a space, or of the whole machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counters {
    /// Faults that a page of zeros answered.
    pub demand_zero: u64,
    /// Faults that a page on the standby or modified list answered, or one just being written.
    pub soft: u64,
    /// Faults that a page of the section in another working set, or in no PTE yet, answered.
    pub prototype: u64,
    /// Faults that began a read.
    pub hard: u64,
    /// Faults that the compression store answered.
    pub decompressed: u64,
    /// Writes to resident pages that made a private copy; one that had to bring the page in first
    /// counts as what brought it.
    pub copy_on_write: u64,
    /// Faults that joined a read in progress.
    pub collided: u64,
    /// First accesses to guard pages.
    pub guard: u64,
    /// Accesses that were violations.
    pub violations: u64,
    /// Accesses that ended in an in-page error.
    pub in_page_errors: u64,
    /// First writes to clean pages, where those fault.
    pub first_writes: u64,
    /// Faults that had to wait for a frame.
    pub waited: u64,
    /// Pages trimmed from the working set.
    pub trimmed: u64,
    /// Pages read from page files and files of sections.
    pub pages_read: u64,
    /// Reads begun.
    pub reads: u64,
    /// Pages written to page files and files of sections.
    pub pages_written: u64,
    /// Writes begun.
    pub writes: u64,
    /// Pages given to the compression store.
    pub compressed: u64,
    /// Reads and writes that failed.
    pub io_errors: u64,
}

impl Counters {
    /// All faults that were answered with a page.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.demand_zero
            + self.soft
            + self.prototype
            + self.hard
            + self.decompressed
            + self.copy_on_write
            + self.collided
    }
}
