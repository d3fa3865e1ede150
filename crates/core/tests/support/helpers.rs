//! What several test files do with a world.

use memtide_core::page::{PAGE_SIZE, Pfn, SectionId, SpaceId};
use memtide_core::snapshot::{FrameShape, FrameView, PteView};
use memtide_core::{Backing, ListCommand, PageUse, Protection, RegionState, SectionConfig, View};

use super::World;

impl World {
    /// A section of so many pages, for any access.
    pub(crate) fn section(&mut self, pages: u64, backing: Backing) -> SectionId {
        let bytes = pages * PAGE_SIZE;
        let config = SectionConfig { bytes, protection: 0x40, backing, is_reserved: false };
        self.call(|manager| manager.create_section(&config)).expect("a section")
    }

    /// A view of all of a section, with a protection by Windows' constant.
    pub(crate) fn view(&mut self, space: SpaceId, section: SectionId, protection: u32) -> u64 {
        let view = View { section, address: 0, offset: 0, bytes: 0, protection };
        self.call(|manager| manager.map_view(space, &view)).expect("a view")
    }

    /// Carries out a memory-list command.
    pub(crate) fn command(&mut self, command: ListCommand) -> u64 {
        let moved = self.manager.command(command);
        self.drain();
        moved
    }

    /// Trims everything that is not locked.
    pub(crate) fn trim(&mut self) {
        self.command(ListCommand::EmptyWorkingSets);
    }

    /// Trims and writes everything, so that what can be is on the standby list.
    pub(crate) fn write_out(&mut self) {
        self.trim();
        self.command(ListCommand::FlushModifiedList);
        self.complete_all();
    }

    /// Takes everything out of memory that can be had back.
    pub(crate) fn page_out(&mut self) {
        self.write_out();
        self.command(ListCommand::PurgeStandbyList);
    }

    /// What a PTE says.
    pub(crate) fn pte(&self, space: SpaceId, address: u64) -> PteView {
        self.manager.snapshot().pte(space, address).expect("the space is there")
    }

    /// What the prototype PTE behind a PTE says.
    pub(crate) fn prototype(&self, space: SpaceId, address: u64) -> Option<PteView> {
        self.manager.snapshot().walk(space, address).expect("the space is there").prototype
    }

    /// A frame, as a debugger sees it.
    pub(crate) fn frame_view(&self, frame: Pfn) -> FrameView {
        self.manager.snapshot().frame(frame).expect("the frame is there")
    }

    /// The frame that holds a page, mapped or not, as a debugger sees it.
    pub(crate) fn frame_of(&self, space: SpaceId, address: u64) -> FrameView {
        let walk = self.manager.snapshot().walk(space, address).expect("the space is there");
        match walk.prototype.unwrap_or(walk.pte) {
            PteView::Valid { frame, .. } | PteView::Transition { frame } => self.frame_view(frame),
            other => panic!("the page is not in memory: {other:?}"),
        }
    }

    /// How many PTEs map the frame of a resident page.
    pub(crate) fn share_count(&self, space: SpaceId, address: u64) -> u32 {
        match self.frame_of(space, address).shape {
            FrameShape::Active { share_count, .. } => share_count,
            other => panic!("the page is not resident: {other:?}"),
        }
    }

    /// What a page is.
    pub(crate) fn page_use(&self, space: SpaceId, address: u64) -> Option<PageUse> {
        match self.manager.query(space, address).expect("an address of the program").state {
            RegionState::Free => None,
            RegionState::Allocated { page_use, .. } => Some(page_use),
        }
    }

    /// The protection of a committed page as Windows' constant.
    pub(crate) fn protection(&self, space: SpaceId, address: u64) -> Option<u32> {
        self.page_use(space, address).and_then(PageUse::protection).map(Protection::windows)
    }

    /// Pages promised in the whole machine.
    pub(crate) fn charged(&self) -> u64 {
        self.manager.snapshot().commit().charged()
    }
}
