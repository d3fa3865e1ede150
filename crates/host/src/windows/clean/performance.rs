//! Counts since the system started (SystemPerformanceInformation).
//!
//! Source: the winternl.h documentation of SYSTEM_PERFORMANCE_INFORMATION, the performance
//! counters of the object Memory and Cache for what each count means. All of them have four bytes
//! and wrap around.

use crate::windows::answer::Answer;

/// The class that tells them.
pub(super) const PERFORMANCE: i32 = 2;

/// Where each count stands; nothing before has the size of a pointer, so it is the same on 32-bit
/// Windows.
mod offset {
    pub(super) const COMMITTED: usize = 48;
    pub(super) const TRANSITION_FAULTS: usize = 68;
    pub(super) const PAGES_READ: usize = 80;
    pub(super) const READS: usize = 84;
    pub(super) const PAGES_WRITTEN: usize = 96;
    pub(super) const MAPPED_PAGES_WRITTEN: usize = 104;
    pub(super) const CACHE_PAGES_FLUSHED: usize = 292;
    /// Eight bytes; since Windows 8.1.
    pub(super) const CACHE_PAGES_DIRTY: usize = 312;
}

/// The counts as the system tells them, in pages where it doesn't say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Performance {
    /// The commit charge, which is a level.
    pub(super) committed: Option<u32>,
    /// Faults that took a page back from standby or modified.
    pub(super) transition_faults: Option<u32>,
    /// Pages that faults had read, the file cache's own included.
    pub(super) pages_read: Option<u32>,
    /// How many reads that took: the hard faults.
    pub(super) reads: Option<u32>,
    /// Pages written to page files and, by the mapped-page writer, to files.
    pub(super) pages_written: Option<u32>,
    pub(super) mapped_pages_written: Option<u32>,
    /// Pages that the file cache has written.
    pub(super) cache_pages_flushed: Option<u32>,
    /// Pages that the file cache has to write, which is a level.
    pub(super) cache_pages_dirty: Option<u64>,
}

impl Performance {
    pub(super) fn parse(answer: &Answer) -> Self {
        let count = |offset| answer.u32_at(offset);
        // No system starts without them: a count of none isn't kept, as under Wine.
        let kept = |offset| count(offset).filter(|count| *count > 0);
        Self {
            committed: count(offset::COMMITTED),
            transition_faults: kept(offset::TRANSITION_FAULTS),
            pages_read: kept(offset::PAGES_READ),
            reads: kept(offset::READS),
            pages_written: count(offset::PAGES_WRITTEN),
            mapped_pages_written: count(offset::MAPPED_PAGES_WRITTEN),
            cache_pages_flushed: count(offset::CACHE_PAGES_FLUSHED),
            // A Windows that doesn't tell leaves the buffer as it was.
            cache_pages_dirty: answer.u64_at(offset::CACHE_PAGES_DIRTY).filter(|pages| *pages > 0),
        }
    }
}

/// A count of four bytes as one that doesn't wrap, from when it was first seen on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Widened {
    last: Option<u32>,
    total: u64,
}

impl Widened {
    /// The count now; `None` where it isn't told. It may wrap once between two looks, no more.
    pub(super) fn see(&mut self, count: Option<u32>) -> Option<u64> {
        let count = count?;
        let last = self.last.replace(count);
        let grown = count.wrapping_sub(last.unwrap_or(0));
        self.total = self.total.saturating_add(grown.into());
        Some(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_where_the_documentation_has_them() {
        let mut answer = Answer::with_room(344);
        for place in 0..72_u32 {
            // Three times eight bytes of transfers come before the first count of four.
            answer.put(32 + 4 * place as usize, &place.to_ne_bytes());
        }
        answer.put(312, &9_u64.to_ne_bytes());
        let seen = Performance::parse(&answer);
        assert_eq!((seen.committed, seen.transition_faults), (Some(4), Some(9)));
        assert_eq!((seen.pages_read, seen.reads), (Some(12), Some(13)));
        assert_eq!((seen.pages_written, seen.mapped_pages_written), (Some(16), Some(18)));
        assert_eq!((seen.cache_pages_flushed, seen.cache_pages_dirty), (Some(65), Some(9)));
        let hollow = Performance::parse(&Answer::with_room(344));
        assert_eq!((hollow.reads, hollow.pages_read, hollow.transition_faults), (None, None, None));
        let mut old = answer;
        old.truncate(312);
        assert_eq!(Performance::parse(&old).cache_pages_dirty, None);
        assert_eq!(Performance::parse(&Answer::default()), Performance::default());
    }

    #[test]
    fn a_count_that_wraps_goes_on() {
        let mut count = Widened::default();
        assert_eq!(count.see(Some(u32::MAX - 1)), Some(u64::from(u32::MAX) - 1));
        assert_eq!(count.see(Some(3)), Some(u64::from(u32::MAX) + 4));
        assert_eq!(count.see(None), None);
        assert_eq!(count.see(Some(3)), Some(u64::from(u32::MAX) + 4));
    }
}
