//! How a write ends: the page has a copy, or is tried again elsewhere, or is reported.

use crate::input::IoError;
use crate::manager::Manager;
use crate::operation::{OperationId, Source, Work};
use crate::output::Output;
use crate::page::Pfn;
use crate::pfn::{Entry, Flag, PageState};
use crate::space::pte::Pte;

impl Manager {
    /// A write ended.
    pub(crate) fn write_done(&mut self, id: OperationId, result: Result<(), IoError>) {
        let Some(Work::Write(source)) = self.operations.get(id).and_then(|op| op.work) else {
            return;
        };
        let Some(write) = self.operations.end(id) else { return };
        let alone = write.frames.len() == 1;
        for (index, pfn) in (0..).zip(&write.frames) {
            self.writer.in_flight -= 1;
            let place = source.plus(index);
            match result {
                Ok(()) => self.page_written(*pfn, place),
                Err(error) => self.page_not_written(*pfn, place, error, alone),
            }
        }
        if result.is_ok() {
            if let Source::PageFile(slot) = source {
                self.page_files.note_success(slot);
            }
            self.writer.avoid = None;
        } else {
            self.counters.io_errors += 1;
            if !alone {
                self.writer.careful = crate::page::narrow(write.frames.len());
            }
        }
        self.operations.recycle(id, write);
    }

    fn page_written(&mut self, pfn: Pfn, place: Source) {
        let was_reset = self.frames.entry(pfn).has(Flag::Stale);
        let entry = self.end_write(pfn);
        self.frames.edit(pfn, |entry| {
            entry.set(Flag::WriteFailed, false);
            entry.set(Flag::Parked, false);
            entry.set(Flag::NoStore, false);
        });
        // It was written to again meanwhile, or nobody wants it: the copy is worth nothing.
        let is_stale = entry.has(Flag::Orphan) || entry.has(Flag::Modified) || was_reset;
        if is_stale {
            self.release_place(place);
        } else if let Source::PageFile(slot) = place {
            self.frames.edit(pfn, |entry| entry.set_original(Pte::PageFile(slot).packed()));
        }
        self.settle_page(pfn, &entry);
    }

    fn page_not_written(&mut self, pfn: Pfn, place: Source, error: IoError, alone: bool) {
        let was_reset = self.frames.entry(pfn).has(Flag::Stale);
        let entry = self.end_write(pfn);
        match place {
            Source::PageFile(slot) if alone => {
                self.page_files.retire(slot);
                self.writer.avoid = Some(slot.file);
                self.update_commit_limits();
            }
            place => self.release_place(place),
        }
        if !entry.has(Flag::Orphan) && !was_reset {
            let failed_before = entry.has(Flag::WriteFailed);
            self.frames.edit(pfn, |entry| {
                entry.set(Flag::Modified, true);
                // The failure of a cluster tells nothing of this page.
                entry.set(Flag::WriteFailed, alone || failed_before);
            });
            if alone && failed_before {
                self.frames.edit(pfn, |entry| entry.set(Flag::Parked, true));
                self.emit(Output::WriteFailed { frame: pfn, error });
                let retry = self.now.after(self.config.policy.write_retry);
                self.writer.retry_at.get_or_insert(retry);
            } else if entry.state() == PageState::Transition {
                // Somebody wanted it written: that goes on.
                self.writer.flush += 1;
            }
        }
        let entry = self.frames.entry(pfn);
        self.settle_page(pfn, &entry);
    }

    /// Ends the I/O of a frame; its entry as it is then.
    pub(crate) fn end_write(&mut self, pfn: Pfn) -> Entry {
        self.frames.edit(pfn, |entry| {
            entry.set(Flag::Writing, false);
            entry.set(Flag::Stale, false);
        });
        self.frames.entry(pfn)
    }

    fn release_place(&mut self, place: Source) {
        if let Source::PageFile(slot) = place {
            self.page_files.release(slot);
        }
    }

    /// Puts a page whose write has ended where it belongs, unless a working set has it.
    pub(crate) fn settle_page(&mut self, pfn: Pfn, entry: &Entry) {
        if entry.has(Flag::Orphan) {
            self.free_frame(pfn);
        } else if entry.state() == PageState::Transition {
            self.retire_page(pfn);
            self.free_orphaned_section(entry);
        }
    }
}
