//! How page files grow, and what that means for the commit limits.

use crate::commit::Charge;
use crate::input::IoError;
use crate::manager::Manager;
use crate::operation::{OperationId, Work};
use crate::output::Output;
use crate::page::SpaceId;
use crate::page_file::Growth;
use crate::pfn::PageState;
use crate::refusal::Refusal;

/// A page file grows by at least so many pages at a time: 16 MiB.
const STEP: u32 = 4096;

/// A page file begins to grow when the charge leaves less than one part in so many of the limit.
const HEADROOM: u64 = 8;

impl Manager {
    /// What can be promised: frames that work, less the one that a page passes through on its way
    /// in when all others are full, and the slots of the page files.
    pub(crate) fn update_commit_limits(&mut self) {
        let working = self.frames.len() - self.frames.count(PageState::Bad);
        let frames = u64::from(working).saturating_sub(u64::from(self.page_files.maximum() > 0));
        let (size, maximum) = (self.page_files.size(), self.page_files.maximum());
        self.commit.set_limits(frames + size, frames + maximum);
    }

    /// Charges pages, and lets a page file grow when few are left.
    pub(crate) fn charge_commit(&mut self, pages: u64) -> Result<Charge, Refusal> {
        let charged = self.commit.charge(pages);
        let after = self.commit.charged().saturating_add(if charged.is_err() { pages } else { 0 });
        let limit = self.commit.limit();
        let ahead = u64::from(self.config.policy.slots_ahead_permille);
        let wanted = after.saturating_mul(ahead) / 1000;
        let missing = wanted.saturating_sub(self.page_files.size());
        if missing > 0 || after > limit - limit / HEADROOM {
            self.extend_page_files(missing.max(after.saturating_sub(limit)));
        }
        charged
    }

    /// Asks the world for so many more slots, unless it is asked already or has just refused.
    pub(crate) fn extend_page_files(&mut self, missing: u64) {
        let now = self.now;
        let candidate = self.page_files.iter().find(|(_, file)| file.may_be_extended(now));
        let Some((number, file)) = candidate.filter(|_| !self.page_files.is_growing()) else {
            return;
        };
        let step = u32::try_from(missing).unwrap_or(u32::MAX).max(STEP);
        let pages = file.slots.size().saturating_add(step).min(file.maximum);
        let operation = self.operations.begin(Work::Extend { file: number });
        if let Some(file) = self.page_files.get_mut(number) {
            let was_refused = matches!(file.growth, Growth::Refused { .. });
            file.growth = Growth::Asked { operation, was_refused };
        }
        self.emit(Output::ExtendPageFile { operation, file: number, pages });
    }

    /// A page file has grown, or will not.
    pub(crate) fn extend_done(&mut self, id: OperationId, result: Result<u32, IoError>) {
        let Some(Work::Extend { file: number }) = self.operations.get(id).and_then(|op| op.work)
        else {
            return;
        };
        let Some(ended) = self.operations.end(id) else { return };
        self.operations.recycle(id, ended);
        let until = self.now.after(self.config.policy.write_retry);
        if let Some(file) = self.page_files.get_mut(number) {
            file.growth = match result {
                Ok(pages) if pages > file.slots.size() => {
                    file.slots.grow(pages.min(file.maximum));
                    Growth::Possible
                }
                Ok(_) | Err(_) => Growth::Refused { until },
            };
        }
        if result.is_err() {
            self.counters.io_errors += 1;
        }
        self.update_commit_limits();
    }

    /// Gives part of a space's charge back.
    pub(crate) fn release_charge(&mut self, space: SpaceId, region: u32, pages: u64) {
        let part = self.spaces.get_mut(space).region_mut(region).charge.split(pages);
        self.commit.release(part);
    }
}
