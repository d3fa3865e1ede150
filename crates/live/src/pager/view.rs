//! Views: where the pages of sections are mapped.
//!
//! A page of a section stays with the section's file in memory; a view maps it or does not. What a
//! view has copied on write is a page of its space, as any other.
//!
//! # Invariants
//! - A page is in its section's file before any view maps it.
//! - A view that may not write maps the file so that nothing written through it reaches the file,
//!   and so are pages of one that may which are copied on write, or were.

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SectionId, SpaceId, Vpn};
use memtide_core::snapshot::PteView;
use memtide_core::{Call, Content, Protection, Range, Refusal, Reply, Rights};
use rustix::io::Errno;

use crate::error::Error;
use crate::frames::{SectionPage, Sum};
use crate::memory;
use crate::pager::run::Run;
use crate::pager::{Pager, State};
use crate::uffd::{Reservation, SharedMemory, Sharing};

/// A view of a section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) space: SpaceId,
    /// Where it begins in the space, in bytes.
    pub(crate) start: u64,
    pub(crate) bytes: u64,
    pub(crate) section: SectionId,
    /// Its first page of the section.
    pub(crate) first: u64,
    /// How its pages are mapped, but for those that are [copied](State::map_otherwise).
    pub(crate) sharing: Sharing,
    /// Whether instructions may be fetched from it.
    pub(crate) executes: bool,
}

/// Neighbouring pages of a view that are mapped otherwise from now on.
struct Remapped {
    first: Vpn,
    pages: u64,
    before: Sharing,
}

impl View {
    /// Whether it is at any address of a range of a space.
    fn meets(&self, space: SpaceId, start: u64, bytes: u64) -> bool {
        self.space == space
            && start < self.start + self.bytes
            && self.start < start.saturating_add(bytes)
    }
}

impl Pager {
    /// Changes what may be done to pages of a space, of views as well; the protection of the first
    /// before.
    ///
    /// # Errors
    /// What the manager refuses; [`Error::System`] where the process has no mappings left.
    pub(crate) fn protect(&self, range: Range, constant: u32) -> Result<u32, Error> {
        let asked = Protection::from_windows(constant)?;
        let to = if asked.copies_on_write() { Sharing::Copied } else { Sharing::Shared };
        let of = (range.space, range.address, range.bytes);
        loop {
            let mut state = self.lock();
            state.heal_all();
            let remapped = state.map_otherwise(of, to).map_err(Error::system("mapping a view"))?;
            match state.call(&Call::Protect(range, constant)) {
                Ok(Reply::Protection(before)) => {
                    state.show_remapped(range.space, &remapped);
                    return Ok(before);
                }
                Ok(other) => unreachable!("a protection answered {other:?}"),
                Err(refusal) => {
                    state.map_back(range.space, &remapped);
                    let is_short = matches!(refusal, Refusal::CommitmentLimit { .. });
                    if !is_short || !self.extend(&mut state) {
                        return Err(refusal.into());
                    }
                }
            }
        }
    }
}

impl State {
    /// Maps a view that the manager has made.
    ///
    /// # Errors
    /// What the kernel says; the addresses are as they were then.
    pub(crate) fn add_view(&mut self, view: View) -> Result<(), Errno> {
        // A view that nothing could be mapped in place of could not be unmapped.
        Reservation::try_room()?;
        self.map_file(&view, (view.start, view.bytes), view.sharing).inspect_err(|_| {
            let unmapped = self.unmap_file(&view);
            unmapped.unwrap_or_else(|errno| memory::fatal("unmapping a view", errno));
        })?;
        let place = self.first_behind(view.space, view.start);
        self.views.insert(place, view);
        Ok(())
    }

    /// Maps a range of a view, of which nothing is there then.
    fn map_file(
        &self,
        view: &View,
        (start, bytes): (u64, u64),
        sharing: Sharing,
    ) -> Result<(), Errno> {
        let space = self.memory(view.space);
        let file = self.frames.file(view.section);
        let first = view.first + (start - view.start) / PAGE_SIZE;
        space.reservation.map_file((start, bytes), file, first, sharing)?;
        space.uffd.register_shared(space.base() + start, bytes)?;
        space.reservation.open(start, bytes, view.executes)
    }

    /// Whether the kernel can map pages of sections in a space.
    pub(crate) fn can_share(&self, space: SpaceId) -> bool {
        self.memory(space).uffd.features().shares
    }

    /// The number of the first view that begins behind an address.
    fn first_behind(&self, space: SpaceId, inside: u64) -> usize {
        self.views.partition_point(|view| (view.space, view.start) <= (space, inside))
    }

    /// The view at an address of a space.
    pub(crate) fn view_at(&self, space: SpaceId, inside: u64) -> Option<View> {
        let before = self.first_behind(space, inside).checked_sub(1)?;
        let view = self.views[before];
        view.meets(space, inside, 1).then_some(view)
    }

    /// Maps pages of a view that may write to its section so that they can be copied on write
    /// (`to` is [`Sharing::Copied`]), or so that they are written to again, those that were copied
    /// excepted. Nothing is there then, until it is [shown](Self::show_remapped).
    ///
    /// # Errors
    /// ENOMEM where the process has no mappings left; all is as it was then.
    fn map_otherwise(
        &mut self,
        (space, start, bytes): (SpaceId, u64, u64),
        to: Sharing,
    ) -> Result<Vec<Remapped>, Errno> {
        let mut done: Vec<Remapped> = Vec::new();
        let Some(view) = self.view_at(space, start).filter(|view| view.sharing == Sharing::Shared)
        else {
            return Ok(done);
        };
        let end = start.saturating_add(bytes).min(view.start + view.bytes).div_ceil(PAGE_SIZE);
        let mut wanted: Vec<Remapped> = Vec::new();
        for page in start / PAGE_SIZE..end {
            let before = match self.copied.contains(&(space, page)) {
                true => Sharing::Copied,
                false => Sharing::Shared,
            };
            if before == to || self.is_private(space, Vpn(page)) {
                continue;
            }
            match wanted.last_mut() {
                Some(run) if run.first.0 + run.pages == page => run.pages += 1,
                _ => wanted.push(Remapped { first: Vpn(page), pages: 1, before }),
            }
        }
        for run in wanted {
            let mapped = Reservation::try_room().and_then(|()| self.remap(&view, &run, to));
            if let Err(errno) = mapped {
                self.map_back(space, &done);
                return Err(errno);
            }
            done.push(run);
        }
        Ok(done)
    }

    /// Whether a page of a view has contents of its own.
    fn is_private(&self, space: SpaceId, page: Vpn) -> bool {
        let Ok(pte) = self.manager.snapshot().pte(space, page.address()) else { return false };
        match pte {
            PteView::Valid { is_shared, .. } => !is_shared,
            PteView::Zero | PteView::DemandZero(_) => false,
            PteView::Prototype { .. } | PteView::File { .. } => false,
            PteView::Transition { .. } | PteView::PageFile(_) => true,
            PteView::Stored(_) | PteView::Lost => true,
        }
    }

    fn remap(&mut self, view: &View, run: &Remapped, to: Sharing) -> Result<(), Errno> {
        self.map_file(view, (run.first.address(), run.pages * PAGE_SIZE), to)?;
        for page in run.first.0..run.first.0 + run.pages {
            match to {
                Sharing::Copied => self.copied.insert((view.space, page)),
                Sharing::Shared => self.copied.remove(&(view.space, page)),
            };
        }
        Ok(())
    }

    /// Maps pages as they were before.
    fn map_back(&mut self, space: SpaceId, done: &[Remapped]) {
        for run in done {
            let Some(view) = self.view_at(space, run.first.address()) else { continue };
            let mapped = self.remap(&view, run, run.before);
            mapped.unwrap_or_else(|errno| memory::fatal("mapping a view as it was", errno));
        }
        self.show_remapped(space, done);
    }

    /// Maps the pages in memory of ranges that were mapped otherwise.
    fn show_remapped(&mut self, space: SpaceId, done: &[Remapped]) {
        for run in done {
            for page in (run.first.0..run.first.0 + run.pages).map(Vpn) {
                if let Some((frame, rights)) = self.shared_page(space, page) {
                    self.show(space, page, frame, rights);
                }
            }
        }
    }

    /// Unmaps the view at an address; the memory of its section goes with the last one.
    ///
    /// # Errors
    /// What the kernel says, and what the manager refuses. The view is as it was then.
    pub(crate) fn unmap_view(&mut self, space: SpaceId, inside: u64) -> Result<(), Error> {
        let found = self.view_at(space, inside);
        if let Some(view) = &found {
            // What its pages hold is given up in any case; what is its section's is not in them.
            self.unmap_file(view).map_err(Error::system("unmapping a view"))?;
        }
        self.call(&Call::UnmapView(space, inside))?;
        if let Some(view) = found {
            self.views.remove(self.first_behind(space, inside) - 1);
            let pages = view.start / PAGE_SIZE..(view.start + view.bytes) / PAGE_SIZE;
            self.copied.retain(|(of, page)| *of != space || !pages.contains(page));
        }
        self.remove_sections();
        Ok(())
    }

    /// A space is gone, and its views.
    pub(crate) fn forget_views(&mut self, space: SpaceId) {
        self.views.retain(|view| view.space != space);
        self.copied.retain(|(of, _)| *of != space);
        self.remove_sections();
    }

    /// Maps nothing where a view was.
    fn unmap_file(&self, view: &View) -> Result<(), Errno> {
        let space = self.memory(view.space);
        let (start, bytes) = (view.start, view.bytes);
        space.reservation.unmap_file(start, bytes)?;
        let opened = space
            .uffd
            .register(space.base() + start, bytes)
            .and_then(|()| space.reservation.open(start, bytes, false));
        opened.unwrap_or_else(|errno| memory::fatal("unmapping a view", errno));
        Ok(())
    }

    /// A section has memory from now on.
    pub(crate) fn add_section(&mut self, id: SectionId, file: SharedMemory, pages: u64) {
        self.frames.add_section(id, file, pages);
    }

    /// Takes the memory of the sections that the manager has no more.
    pub(crate) fn remove_sections(&mut self) {
        if self.frames.has_sections() {
            let snapshot = self.manager.snapshot();
            self.frames.remove_sections(|id| snapshot.sections().any(|found| found.section == id));
        }
    }

    /// Maps a page of a section.
    pub(crate) fn map_shared(
        &mut self,
        (space, page): (SpaceId, Vpn),
        frame: Pfn,
        (section, index): (SectionId, u64),
        content: Content,
        rights: Rights,
    ) {
        let of = SectionPage::new(section, index);
        self.frames.join_section(frame, of, content == Content::Zero);
        self.show(space, page, frame, rights);
    }

    /// Lets a view have what it may of a page of its section.
    pub(crate) fn show(&mut self, space: SpaceId, page: Vpn, frame: Pfn, rights: Rights) {
        if !rights.allow(Access::Read) {
            return self.discard(space, page, 1);
        }
        if self.has_untold(space, page) {
            return;
        }
        self.unpoison(space, page);
        let protects = !rights.allow(Access::Write);
        if !protects {
            self.frames.set_sum(frame, Sum::Unknown);
        }
        let address = self.address(space, page);
        let uffd = &self.memory(space).uffd;
        let done = match uffd.map_of_file(address, protects).stopped {
            None => Ok(()),
            Some(Errno::EXIST) => uffd.write_protect(address, PAGE_SIZE, protects, false),
            Some(errno) => Err(errno),
        };
        done.unwrap_or_else(|errno| memory::fatal("mapping a page of a section", errno));
    }

    /// Takes a run of pages out of a view; they stay with their section.
    pub(crate) fn hide_run(&mut self, run: &Run) {
        let first = Vpn::of(run.address - self.memory(run.space).base());
        self.discard(run.space, first, u64::from(run.pages()));
    }

    /// The kernel may take a page of a file out of a mapping by itself: an access that the manager
    /// lets pass gets it back.
    pub(crate) fn show_again(&mut self, space: SpaceId, page: Vpn) {
        if self.view_at(space, page.address()).is_some()
            && let Some((frame, rights)) = self.shared_page(space, page)
        {
            self.show(space, page, frame, rights);
        }
    }

    /// The frame of a section's page that a view has, and what the view may do.
    pub(crate) fn shared_page(&self, space: SpaceId, page: Vpn) -> Option<(Pfn, Rights)> {
        match self.manager.snapshot().pte(space, page.address()) {
            Ok(PteView::Valid { frame, rights, is_shared: true, .. }) => Some((frame, rights)),
            _ => None,
        }
    }
}
