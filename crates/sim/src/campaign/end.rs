//! How a run ends: everything heals, every page is read once more, everything is freed, and
//! nothing may be left.

use memtide_core::page::{Access, ThreadId, Tick};
use memtide_core::{Call, ListCommand};

use super::failure::FailureKind;
use super::runner::{Judged, Runner};

/// Who reads every page at the end; no thread of a run has this number.
pub(super) const READER: u32 = u32::MAX;

/// Long enough for failed writes to be tried again, and for everything modified to be written.
const LAST_WAIT: Tick = Tick(100 * Tick::SECOND.0);

impl Runner {
    /// Ends a run.
    pub(super) fn end(&mut self) -> Judged {
        self.heal();
        self.rest()?;
        self.read_everything()?;
        let processes: Vec<u32> = self.processes.keys().copied().collect();
        processes.into_iter().try_for_each(|process| self.kill(process, false))?;
        for (_, section) in std::mem::take(&mut self.sections) {
            self.oracle.section_closed(section);
            if let Err(refusal) = self.call(&Call::CloseSection(section))? {
                return Err((FailureKind::WrongAnswer, refusal.to_string()));
            }
            self.settle()?;
        }
        let flush = Call::Command(ListCommand::FlushModifiedList);
        drop(self.call(&flush)?);
        self.settle()?;
        self.pass(LAST_WAIT)?;
        self.count_last_things();
        self.nothing_is_left()
    }

    /// Every page that can be read holds what it should.
    fn read_everything(&mut self) -> Judged {
        let reader = ThreadId(READER);
        for (process, space) in self.processes.clone() {
            self.threads.begin(reader, process);
            for page in self.oracle.readable(space) {
                self.access(reader, (space, page), Access::Read, None)?;
                self.rest()?;
            }
            self.threads.end(reader);
            self.world.end_thread(reader);
            self.settle()?;
        }
        Ok(())
    }

    fn count_last_things(&mut self) {
        let counters = *self.world.manager().counters();
        let coverage = &mut self.coverage;
        coverage.overtakings = self.world.overtakings();
        coverage.write_failures = self.world.write_failures();
        coverage.hard_faults = counters.hard;
        coverage.collided_faults = counters.collided;
        coverage.soft_faults = counters.soft;
        coverage.decompressed = counters.decompressed;
        coverage.copies = counters.copy_on_write;
        coverage.guards = counters.guard;
        let files = self.world.manager().snapshot();
        coverage.bad_slots = files.page_files().map(|file| u64::from(file.bad)).sum();
    }

    fn nothing_is_left(&self) -> Judged {
        let manager = self.world.manager();
        let (snapshot, lists) = (manager.snapshot(), manager.list_counts());
        let used: u32 = snapshot.page_files().map(|file| file.used).sum();
        let frames = manager.config().frames - lists.zeroed - lists.free - lists.bad;
        let left = [
            ("pages of commit charge", snapshot.commit().charged()),
            ("sections", snapshot.sections().count().try_into().unwrap_or(u64::MAX)),
            ("operations", snapshot.operations().count().try_into().unwrap_or(u64::MAX)),
            ("threads that wait", snapshot.waiting().try_into().unwrap_or(u64::MAX)),
            ("slots of page files", u64::from(used)),
            ("frames", u64::from(frames)),
        ];
        match left.into_iter().find(|(_, count)| *count > 0) {
            Some((what, count)) => {
                Err((FailureKind::Leak, format!("{count} {what} are left when all is freed")))
            }
            None => Ok(()),
        }
    }
}
