//! The modified writer: takes modified pages to the compression store, to a page file, or to their
//! section's file, a cluster at a time, after which they are standby pages.
//!
//! A write that fails is made again page by page, so that the bad slot is found and never used
//! again; a page that fails again is reported, stays in memory, and is tried again later.
//!
//! Source: *Windows Internals*, "Modified page writer"; thresholds are [`Policy`](crate::Policy)'s.

pub(crate) mod cluster;
pub(crate) mod done;
pub(crate) mod state;

use crate::manager::Manager;
use crate::pfn::{End, Entry, Flag, PageState, To};

impl Manager {
    /// Begins writes as long as they are wanted and may be in flight.
    pub(crate) fn run_writer(&mut self) {
        while self.operations.writes() < self.config.policy.writes_max && self.wants_write() {
            if !self.begin_next() {
                self.writer.is_busy = false;
                self.writer.flush = 0;
                break;
            }
        }
    }

    /// Begins a write from one of the two modified lists, which take turns. Where pages for a page
    /// file have nowhere to go, those of files go on.
    fn begin_next(&mut self) -> bool {
        for is_file_backed in [self.writer.files_next, !self.writer.files_next] {
            let Some(pfn) = self.frames.modified_frame(is_file_backed) else { continue };
            if self.begin_cluster(pfn) {
                self.writer.files_next = !is_file_backed;
                return true;
            }
        }
        false
    }

    fn wants_write(&mut self) -> bool {
        let modified = self.frames.count(PageState::Modified);
        let policy = &self.config.policy;
        if modified == 0 {
            self.writer.is_busy = false;
            self.writer.flush = 0;
            return false;
        }
        if modified >= policy.modified_high {
            self.writer.is_busy = true;
        } else if modified <= policy.modified_high / 2 {
            self.writer.is_busy = false;
        }
        self.writer.is_busy
            || self.writer.flush > 0
            || !self.waiting.is_empty()
            || self.frames.available() + self.writer.in_flight < policy.available_goal
    }

    /// Writes everything that is modified now.
    pub(crate) fn flush_modified(&mut self) {
        self.writer.flush = u64::from(self.frames.count(PageState::Modified));
    }

    /// Flushes when pages have been modified for long.
    pub(crate) fn age_modified(&mut self) {
        if self.frames.count(PageState::Modified) == 0 {
            self.writer.modified_since = None;
            return;
        }
        let since = *self.writer.modified_since.get_or_insert(self.now);
        if since.after(self.config.policy.modified_age) <= self.now {
            self.writer.modified_since = None;
            self.flush_modified();
        }
    }

    /// Whether a page waits until failed writes are tried again.
    pub(crate) fn is_parked(&self, entry: &Entry) -> bool {
        entry.has(Flag::Parked) && self.writer.retry_at.is_some()
    }

    /// Tries pages again that could not be written.
    pub(crate) fn retry_writes(&mut self) {
        self.writer.retry_at = None;
        self.writer.avoid = None;
        let mut at = self.frames.modified_no_write_frame();
        while let Some(pfn) = at {
            at = self.frames.next_on_list(pfn);
            let entry = self.frames.entry(pfn);
            if entry.has(Flag::Parked) && !entry.has(Flag::HoldWrite) {
                self.frames.edit(pfn, |entry| entry.set(Flag::Parked, false));
                self.frames.move_page(pfn, To::Modified(End::Tail));
                self.writer.flush += 1;
            }
        }
    }
}
