//! PrefetchVirtualMemory: pages that will be wanted are read before they are.
//!
//! Source: Microsoft's documentation of `PrefetchVirtualMemory`.

use core::ops::Range;

use crate::fault::stream::Window;
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::page::{PAGE_SHIFT, SpaceId};
use crate::pfn::PteAddress;
use crate::refusal::Refusal;
use crate::space::pages_in;
use crate::space::pte::Pte;

impl Manager {
    /// Begins to read the pages of a range that are in a page file or in their section's file, as
    /// far as memory is not low; they become standby pages, and the first access to each is a soft
    /// fault. A hint: pages that cannot be read ahead are passed over.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for an empty range; [`Refusal::ConflictingAddresses`] where it
    /// is not in one region.
    pub fn prefetch(&mut self, space: SpaceId, address: u64, bytes: u64) -> Result<(), Refusal> {
        self.known_space(space)?;
        let space = self.behind(space, address >> PAGE_SHIFT);
        let pages = pages_in(address, bytes)?;
        let number = self.spaces.get(space).region_of(&pages)?;
        let most = self.config.policy.read_cluster_max.max(1);
        let mut page = pages.start;
        while page < pages.end && self.frames.available() > self.config.policy.available_low {
            let found = self.prefetch_pte(space, number, page..pages.end);
            let Some((at, pte)) = found else { break };
            page = at + 1;
            let Some(source) = self.source_at(pte) else { continue };
            let Some(pfn) = self.take_frame(Wanted::Any, space) else { break };
            if self.source_at(pte) != Some(source) {
                self.free_frame(pfn);
                continue;
            }
            let left = u32::try_from(pages.end - page).unwrap_or(u32::MAX);
            let window = Window { before: 0, after: left.min(most - 1) };
            let (_, done) = self.begin_read(space, pte, source, pfn, window);
            page += u64::from(done.after);
        }
        self.settle();
        Ok(())
    }

    /// The first page of a range that may be outside memory, with the PTE that says where it is:
    /// the space's own if it says anything, else the prototype. A hint makes no page tables of a
    /// space: what has none has nothing to be read.
    pub(crate) fn prefetch_pte(
        &mut self,
        space: SpaceId,
        number: u32,
        pages: Range<u64>,
    ) -> Option<(u64, PteAddress)> {
        let holder = self.spaces.get(space);
        let Some((section, page)) = holder.region(number).section_page(pages.start) else {
            let piece = self.tables.next_piece(holder.root, pages.start, pages.end)?;
            return Some((piece.first, piece.address));
        };
        let own = self.tables.peek(holder.root, pages.start);
        match own.filter(|pte| self.tables.get(*pte) != Pte::None) {
            Some(own) => Some((pages.start, own)),
            None => Some((pages.start, self.prototype_for(section, page)?)),
        }
    }
}
