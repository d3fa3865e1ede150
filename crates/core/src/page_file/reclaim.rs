//! Slots for pages that must leave memory, from pages that are in it.

use crate::manager::Manager;
use crate::page::Pfn;
use crate::pfn::{Flag, PageState};
use crate::space::pte::Pte;

impl Manager {
    /// Takes slots from pages that are in working sets, for pages that are not to be in memory:
    /// when every slot is used, but fewer pages than that are out of memory.
    pub(crate) fn reclaim_slots(&mut self, wanted: u32) -> bool {
        if self.page_files.used() == 0 {
            return false;
        }
        /// Frames looked at while other I/O may still make room: the rest is for the next attempt.
        const LOOKS: u32 = 4096;
        let mut found = 0;
        let frames = self.frames.len();
        let is_busy = self.operations.reads() + self.operations.writes() > 0;
        let looks = if is_busy { frames.min(LOOKS) } else { frames };
        for _ in 0..looks {
            self.writer.hand = (self.writer.hand + 1) % frames;
            let pfn = Pfn(self.writer.hand);
            let entry = self.frames.entry(pfn);
            // A standby page keeps its slot: without it the page would be modified and another
            // one standby in its place, over and over.
            // A physical frame keeps its owner where others keep their slot.
            if entry.state() != PageState::Active
                || entry.has(Flag::Physical)
                || !matches!(Pte::unpacked(entry.original()), Pte::PageFile(_))
            {
                continue;
            }
            self.mark_modified(pfn);
            found += 1;
            if found == wanted {
                break;
            }
        }
        found > 0
    }
}
