//! The counters and levels a clean is measured by.

use super::lists;
use super::performance::{PERFORMANCE, Performance, Widened};
use crate::clean::{Counters, Gauge};
use crate::windows::answer::Answer;
use crate::windows::native::memory::global_memory_status;
use crate::windows::native::system_information::query_list;
use memtide_core::units::Bytes;

/// The machine's counts, those of four bytes widened from when they were first seen on.
#[derive(Default)]
pub(super) struct Gauges {
    written: [Widened; 3],
    transition_faults: Widened,
    reads: Widened,
    pages_read: Widened,
}

impl Gauges {
    /// The counts as they are now; what cannot be read is unknown.
    pub(super) fn performance(&self) -> Performance {
        query_list(PERFORMANCE)
            .map(|words| Performance::parse(&Answer::from(words)))
            .unwrap_or_default()
    }

    pub(super) fn gauge(&mut self) -> Gauge {
        let lists = lists::read().unwrap_or_default();
        let performance = self.performance();
        Gauge {
            occupied: lists
                .total
                .zip(lists::free(&lists))
                .map(|(total, free)| total.saturating_sub(free)),
            standby: lists.standby,
            written: self.written(&performance),
            commit: performance.committed.map(|pages| Bytes::from_pages(pages.into())),
        }
    }

    /// Pages to page files, pages to files by the mapped-page writer, and pages by the file cache.
    fn written(&mut self, performance: &Performance) -> Option<Bytes> {
        let counts = [
            performance.pages_written,
            performance.mapped_pages_written,
            performance.cache_pages_flushed,
        ];
        let seen = self.written.iter_mut().zip(counts).map(|(widened, count)| widened.see(count));
        // Every counter is seen, whatever becomes of the sum: none may miss that it came round.
        let mut seen = seen.collect::<Vec<_>>().into_iter();
        let pages = seen.try_fold(0_u64, |sum, pages| Some(sum.saturating_add(pages?)));
        // No system has written nothing: such counts aren't kept, as under Wine.
        pages.filter(|pages| *pages > 0).map(Bytes::from_pages)
    }

    pub(super) fn counters(&mut self) -> Counters {
        let performance = self.performance();
        let available = global_memory_status().ok().map(|status| Bytes(status.ullAvailPhys));
        let read = self.pages_read.see(performance.pages_read).map(Bytes::from_pages);
        Counters {
            transition_faults: self.transition_faults.see(performance.transition_faults),
            repurposed: lists::read().ok().and_then(|lists| lists.repurposed_by_priority),
            major_faults: self.reads.see(performance.reads),
            read,
            available,
            ..Counters::default()
        }
    }
}
