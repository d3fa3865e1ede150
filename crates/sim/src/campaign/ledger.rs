//! The ledger of injected errors: each must surface, and every error must have been injected.

use std::collections::{BTreeMap, BTreeSet};

use memtide_core::page::{Access, PAGE_SHIFT, Pfn, SectionId, ThreadId};
use memtide_core::snapshot::{PteOwner, PteView};
use memtide_core::{Exception, Manager, OperationId};

use super::coverage::Coverage;
use super::failure::FailureKind;
use super::threads::{Threads, Wish};
use crate::audit::Incident;
use crate::oracle::{Content, Oracle};
use crate::world::Told;

/// What is wrong, before it is known at which step.
pub(super) type Found = (FailureKind, String);

/// A read or write that is about to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    /// Threads whose page it is to bring, by what they want.
    waiters: BTreeMap<ThreadId, Wish>,
    /// Its frames, and whose pages they hold.
    frames: Vec<(Pfn, Option<PteOwner>)>,
    /// Whether threads wait for frames as well: those of them that want its pages are not its.
    is_crowded: bool,
}

/// Who is owed the news of which errors.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// Threads for which a read has failed since they asked.
    owed: BTreeSet<ThreadId>,
    /// Whether anything has gone wrong that can leave too little memory.
    is_memory_short: bool,
    /// Sections whose writes are held back: their pages may fill memory.
    held: BTreeSet<SectionId>,
}

impl Ending {
    /// What is to be known of an operation before it ends.
    pub(super) fn of(manager: &Manager, operation: OperationId, threads: &Threads) -> Self {
        let frames = manager.frames_of(operation).to_vec();
        let snapshot = manager.snapshot();
        let is_of = |wish: &Wish| {
            let mut pages = wish.pages();
            pages.any(|page| {
                let pte = snapshot.pte(wish.space, page << PAGE_SHIFT);
                let pte = match pte {
                    Ok(PteView::Prototype { section, page }) => snapshot.prototype(section, page),
                    Ok(pte) => pte,
                    Err(_) => return false,
                };
                matches!(pte, PteView::Transition { frame } if frames.contains(&frame))
            })
        };
        let waiters = threads.waiting().filter(|(_, wish)| is_of(wish)).collect();
        let owner = |frame: &Pfn| snapshot.frame(*frame).and_then(|view| view.owner);
        let frames = frames.iter().map(|frame| (*frame, owner(frame))).collect();
        Self { waiters, frames, is_crowded: snapshot.waiting() > 0 }
    }
}

impl Ledger {
    /// A thread asks for something new.
    pub(super) fn asks(&mut self, thread: ThreadId) {
        self.owed.remove(&thread);
    }

    /// Something goes wrong that can leave too little memory for what was promised.
    pub(super) const fn memory_is_short(&mut self) {
        self.is_memory_short = true;
    }

    /// The writes of a section are held back from now on, or no longer.
    pub(super) fn holds_writes(&mut self, section: SectionId, holds: bool) {
        if holds {
            self.held.insert(section);
        } else {
            self.held.remove(&section);
        }
    }

    /// Sections that have ended hold nothing back.
    pub(super) fn forget_ended_sections(&mut self, oracle: &Oracle) {
        self.held.retain(|section| oracle.section_pages(*section).is_some());
    }

    /// An operation has ended, and this went wrong.
    pub(super) fn ended(
        &mut self,
        incident: Incident,
        ending: &Ending,
        (manager, oracle): (&Manager, &Oracle),
        told: &[(ThreadId, Told)],
        coverage: &mut Coverage,
    ) -> Result<(), Found> {
        match incident {
            Incident::Read(_) => {
                coverage.read_errors += 1;
                self.owed.extend(ending.waiters.keys());
                if ending.frames.len() == 1 && !ending.is_crowded {
                    return Self::read_failed(ending, oracle, told, coverage);
                }
            }
            Incident::Write(_) => {
                coverage.write_errors += 1;
                self.is_memory_short = true;
                return Self::write_failed(ending, manager);
            }
            Incident::Extend(_) => coverage.extend_errors += 1,
            Incident::Contents { .. } => coverage.lost += 1,
        }
        Ok(())
    }

    /// A page's own read failed: every thread that waited for it is told at once.
    fn read_failed(
        ending: &Ending,
        oracle: &Oracle,
        told: &[(ThreadId, Told)],
        coverage: &mut Coverage,
    ) -> Result<(), Found> {
        let mut heard = 0;
        for (thread, wish) in &ending.waiters {
            let answer = told.iter().find(|(of, _)| of == thread).map(|(_, told)| *told);
            let is_told = matches!(answer, Some(Told::Raised(Exception::InPage { .. })));
            heard += u64::from(is_told);
            let Wish { space, address, access, lock, .. } = *wish;
            let access = if lock.is_some() { Access::Read } else { access };
            if lock.is_none() && !is_told && oracle.expect(space, address, access).is_ok() {
                let message = format!(
                    "the read of {address:#x} failed, and thread {} was told {answer:?}",
                    thread.0
                );
                return Err((FailureKind::Swallowed, message));
            }
        }
        coverage.shared_errors += u64::from(heard > 1);
        Ok(())
    }

    /// A write failed: each of its pages that anyone still wants is in memory, and modified.
    fn write_failed(ending: &Ending, manager: &Manager) -> Result<(), Found> {
        let snapshot = manager.snapshot();
        for (frame, owner) in &ending.frames {
            let Some(view) = snapshot.frame(*frame) else { continue };
            let is_same = owner.is_some() && view.owner == *owner && !view.is_reading;
            // What was reset or offered meanwhile needs no copy.
            let has_copy = view.original.is_some() || view.is_stored;
            if is_same && !view.is_modified && has_copy {
                let message = format!("frame {frame} could not be written, and has {view:?}");
                return Err((FailureKind::Swallowed, message));
            }
        }
        Ok(())
    }

    /// A thread was told of an exception that the oracle does not expect.
    pub(super) fn explain(
        &mut self,
        thread: ThreadId,
        exception: Exception,
        content: Option<Content>,
        coverage: &mut Coverage,
    ) -> Result<(), Found> {
        match exception {
            Exception::InPage { .. } if content == Some(Content::Lost) => {
                coverage.lost_errors += 1;
                Ok(())
            }
            Exception::InPage { .. } if self.owed.remove(&thread) => {
                coverage.in_page_errors += 1;
                Ok(())
            }
            Exception::NoMemory { .. } if self.is_memory_short || !self.held.is_empty() => {
                coverage.no_memory += 1;
                Ok(())
            }
            other => Err((FailureKind::Unexplained, format!("thread {}: {other}", thread.0))),
        }
    }

    /// A thread has what it wanted.
    pub(super) fn answered(&mut self, thread: ThreadId, coverage: &mut Coverage) {
        coverage.retries += u64::from(self.owed.remove(&thread));
    }
}
