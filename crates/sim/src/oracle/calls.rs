//! What calls do to what programs see, and whether their answers are right.

use std::ops::Range;

use memtide_core::page::{GRANULE_PAGES, PAGE_SHIFT, Pfn, SectionId, SpaceId};
use memtide_core::{Modifier, Protection, Refusal, RegionInfo, RegionState};

use super::{
    Content, Kind, Oracle, Page, Region, Section, Space, Verdict, Watch, count, ensure, index,
};

/// Pages of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// In which space.
    pub space: SpaceId,
    /// The first page.
    pub first: u64,
    /// How many.
    pub pages: u64,
}

impl Span {
    const fn end(&self) -> u64 {
        self.first + self.pages
    }
}

/// What is done to contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentsCall {
    /// `MEM_RESET`.
    Reset,
    /// `MEM_RESET_UNDO`.
    UndoReset,
    /// `OfferVirtualMemory`.
    Offer,
    /// `ReclaimVirtualMemory`.
    Reclaim,
    /// `DiscardVirtualMemory`.
    Discard,
}

impl Oracle {
    /// A space began.
    pub fn space_began(&mut self, space: SpaceId) -> Verdict {
        let before = self.spaces.insert(space, Space::default());
        ensure!(before.is_none(), "space {} was given out twice", space.0);
        Ok(())
    }

    /// A space ended, with all its regions.
    pub fn space_ended(&mut self, space: SpaceId) {
        let Some(held) = self.spaces.remove(&space) else { return };
        for region in held.regions.values() {
            self.view_ended(region.kind);
        }
    }

    fn view_ended(&mut self, kind: Kind) {
        let Kind::View { section, .. } = kind else { return };
        if let Some(found) = self.sections.get_mut(&section) {
            found.views -= 1;
        }
        self.end_section(section);
    }

    /// Forgets a section that nobody can reach.
    fn end_section(&mut self, id: SectionId) {
        if self.sections.get(&id).is_some_and(|section| !section.is_held && section.views == 0) {
            self.sections.remove(&id);
        }
    }

    /// A refusal must be for want of what there really is too little of.
    ///
    /// # Errors
    /// [`Wrong`](super::Wrong) for any other.
    pub fn refused(&self, refusal: Refusal, pages: u64, commit_limit: u64) -> Verdict {
        let is_commit = matches!(refusal, Refusal::CommitmentLimit { .. });
        ensure!(is_commit, "refused: {refusal}");
        let charged = self.charged();
        ensure!(
            charged + pages > commit_limit,
            "{pages} pages beside {charged} are within the limit, {commit_limit}: {refusal}"
        );
        Ok(())
    }

    /// Memory was allocated.
    pub fn allocated(
        &mut self,
        span: Span,
        protection: Protection,
        is_committed: bool,
        is_watched: bool,
    ) -> Verdict {
        let committed = is_committed.then_some(protection);
        self.begin_region(
            span,
            Region {
                kind: Kind::Private,
                pages: vec![Page::new(committed); index(span.pages)],
                watch: is_watched.then(Watch::default),
                charges_copies: false,
                allowed: Protection::READ_WRITE,
            },
        )
    }

    /// Addresses for physical pages were reserved.
    pub fn window_allocated(&mut self, span: Span) -> Verdict {
        self.begin_region(
            span,
            Region {
                kind: Kind::Physical,
                pages: vec![Page::new(None); index(span.pages)],
                watch: None,
                charges_copies: false,
                allowed: Protection::READ_WRITE,
            },
        )
    }

    fn begin_region(&mut self, span: Span, region: Region) -> Verdict {
        let Some(held) = self.spaces.get_mut(&span.space) else {
            return Err(super::Wrong(format!("memory of space {}, which is gone", span.space.0)));
        };
        let is_aligned = span.first.is_multiple_of(GRANULE_PAGES) && span.first > 0;
        ensure!(is_aligned, "memory at page {:#x}, beside the granularity", span.first);
        let last = held.region(span.end() - 1).or_else(|| held.region(span.first));
        let inside = held.regions.range(span.first..span.end()).next();
        ensure!(last.is_none() && inside.is_none(), "page {:#x} is given out twice", span.first);
        held.regions.insert(span.first, region);
        Ok(())
    }

    /// The region of a span, and the span's pages in it where all of them are.
    fn inside(&mut self, span: Span) -> Option<(&mut Region, Option<Range<usize>>)> {
        let held = self.spaces.get_mut(&span.space)?;
        let (base, region) = held.region_mut(span.first)?;
        let inside = index(span.first - base)..index(span.end() - base);
        let fits = inside.end <= region.pages.len();
        Some((region, fits.then_some(inside)))
    }

    /// Pages were to be committed. New pages are charged, so that may be refused.
    pub fn committed<T>(
        &mut self,
        span: Span,
        constant: u32,
        result: &Result<T, Refusal>,
        commit_limit: u64,
    ) -> Verdict {
        if let Err(refusal @ Refusal::CommitmentLimit { .. }) = result {
            return self.refused(*refusal, span.pages, commit_limit);
        }
        let Some((region, inside)) = self.inside(span) else {
            ensure!(result.is_err(), "committed where nothing is");
            return Ok(());
        };
        match (region.kind, inside, result) {
            (Kind::Private, Some(inside), Ok(_)) => {
                for page in &mut region.pages[inside] {
                    if page.is_offered {
                        page.content.settle();
                    }
                    page.is_offered = false;
                    page.protection = Protection::from_windows(constant).ok();
                }
            }
            (Kind::View { section, first }, Some(inside), Ok(_)) => {
                let protection = Protection::from_windows(constant).ok();
                region.pages[inside.clone()].iter_mut().for_each(|p| p.protection = protection);
                let pages = self.sections.get_mut(&section).map(|s| s.pages.iter_mut());
                let pages = pages.into_iter().flatten().skip(index(first) + inside.start);
                pages.take(inside.len()).for_each(|(committed, _)| *committed = true);
            }
            (Kind::Private, Some(_), Err(refusal)) => {
                ensure!(false, "a reservation is not committed: {refusal}");
            }
            (_, _, Err(_)) => {}
            (kind, inside, Ok(_)) => ensure!(false, "committed {inside:?} of {kind:?}"),
        }
        Ok(())
    }

    /// A region was to be released or unmapped as a whole.
    pub fn released(&mut self, span: Span, result: &Result<impl Sized, Refusal>) -> Verdict {
        ensure!(result.is_ok(), "a region is not freed: {:?}", result.as_ref().err());
        let held = self.spaces.get_mut(&span.space);
        if let Some(region) = held.and_then(|held| held.regions.remove(&span.first)) {
            self.view_ended(region.kind);
        }
        Ok(())
    }

    /// Pages were to be decommitted.
    pub fn decommitted(&mut self, span: Span, result: &Result<impl Sized, Refusal>) -> Verdict {
        let Some((region, inside)) = self.inside(span) else {
            ensure!(result.is_err(), "decommitted where nothing is");
            return Ok(());
        };
        let inside = inside.filter(|_| region.kind == Kind::Private);
        let refusal = result.as_ref().err();
        ensure!(result.is_ok() == inside.is_some(), "a decommitment: {refusal:?}");
        for at in inside.into_iter().flatten() {
            region.pages[at] = Page::new(None);
        }
        if result.is_ok()
            && let Some(watch) = &mut region.watch
        {
            watch.forget(span.first..span.end());
        }
        Ok(())
    }

    /// Pages were to be protected.
    pub fn protected(
        &mut self,
        span: Span,
        constant: u32,
        result: &Result<u32, Refusal>,
    ) -> Verdict {
        let Ok(protection) = Protection::from_windows(constant) else {
            ensure!(result.is_err(), "protected with {constant:#x}");
            return Ok(());
        };
        let is_committed = self.is_all_committed(span);
        let Some((region, inside)) = self.inside(span) else {
            ensure!(result.is_err(), "protected where nothing is");
            return Ok(());
        };
        let is_cached = matches!(protection.modifier, Modifier::None | Modifier::Guard);
        let is_allowed = match region.kind {
            Kind::View { .. } => region.allowed.covers(protection) && is_cached,
            _ => !protection.copies_on_write(),
        };
        match (result, inside) {
            (Ok(old), Some(inside)) => {
                ensure!(is_committed && is_allowed, "protected what could not be");
                let first = &region.pages[inside.start];
                let before = first.protection.map(Protection::windows);
                let past_copy = first.protection.map(|p| p.after_copy().windows());
                let is_past_copy = first.is_perhaps_past_copy && Some(*old) == past_copy;
                ensure!(Some(*old) == before || is_past_copy, "it was {old:#x}, not {before:x?}");
                region.charges_copies |= protection.copies_on_write();
                for page in &mut region.pages[inside] {
                    page.protection = Some(protection);
                    page.is_perhaps_past_copy = false;
                }
            }
            (Ok(_), None) => ensure!(false, "protected past a region"),
            (Err(Refusal::CommitmentLimit { .. }), _) => {
                ensure!(protection.copies_on_write(), "no commitment for a protection");
            }
            (Err(refusal), _) => ensure!(!is_committed || !is_allowed, "{refusal}"),
        }
        Ok(())
    }

    fn is_all_committed(&self, span: Span) -> bool {
        let held = self.spaces.get(&span.space);
        let Some((base, region)) = held.and_then(|held| held.region(span.first)) else {
            return false;
        };
        if span.end() > base + region.len() {
            return false;
        }
        let mut inside = span.first - base..span.end() - base;
        match region.kind {
            Kind::View { section, first } => {
                let pages = &self.sections[&section].pages;
                inside.all(|page| pages[index(first + page)].0)
            }
            _ => inside.all(|page| region.pages[index(page)].protection.is_some()),
        }
    }

    /// Contents were to be given up, or had back.
    pub fn contents_called<T>(
        &mut self,
        span: Span,
        call: ContentsCall,
        result: &Result<T, Refusal>,
    ) -> Verdict {
        let Some((region, inside)) = self.inside(span) else {
            ensure!(result.is_err(), "{call:?} where nothing is");
            return Ok(());
        };
        let is_reset = matches!(call, ContentsCall::Reset | ContentsCall::UndoReset);
        if is_reset && result.is_ok() && region.kind != Kind::Private {
            // A view of the page files takes a reset, and stays as it is.
            return Ok(());
        }
        let inside = inside.filter(|_| region.kind == Kind::Private);
        let pages = inside.map(|inside| &mut region.pages[inside]);
        let Some(pages) = pages.filter(|pages| pages.iter().all(|p| p.protection.is_some())) else {
            ensure!(result.is_err(), "{call:?} of what is not committed");
            return Ok(());
        };
        let are_offered = pages.iter().all(|page| page.is_offered);
        match result {
            Ok(_) if call == ContentsCall::Reclaim => {
                ensure!(are_offered, "reclaimed what was not offered");
            }
            Ok(_) => {}
            Err(Refusal::ContentsLost { .. }) => {
                let takes_back = matches!(call, ContentsCall::UndoReset | ContentsCall::Reclaim);
                let may_be = pages.iter().any(|page| !matches!(page.content, Content::Exact(_)));
                ensure!(takes_back && may_be, "{call:?}: lost what nobody gave up");
            }
            Err(_) if call == ContentsCall::Reclaim && !are_offered => return Ok(()),
            Err(refusal) => ensure!(false, "{call:?}: {refusal}"),
        }
        pages.iter_mut().for_each(|page| page.called(call));
        Ok(())
    }

    /// A section was made; what its file holds is for the world to say.
    pub fn section_made(
        &mut self,
        id: SectionId,
        protection: Protection,
        is_reserved: bool,
        file: Option<&dyn Fn(u64) -> u64>,
        pages: u64,
    ) -> Verdict {
        let content = |page| Content::Exact(file.map_or(0, |word| word(page)));
        let section = Section {
            is_file: file.is_some(),
            protection,
            is_held: true,
            views: 0,
            pages: (0..pages).map(|page| (!is_reserved, content(page))).collect(),
        };
        let before = self.sections.insert(id, section);
        ensure!(before.is_none(), "section {} was given out twice", id.0);
        Ok(())
    }

    /// A section was closed.
    pub fn section_closed(&mut self, id: SectionId) {
        if let Some(section) = self.sections.get_mut(&id) {
            section.is_held = false;
        }
        self.end_section(id);
    }

    /// How many pages a section has.
    #[must_use]
    pub fn section_pages(&self, id: SectionId) -> Option<u64> {
        self.sections.get(&id).map(|section| count(section.pages.len()))
    }

    /// A view was to be mapped, of pages that the section has.
    pub fn view_mapped(
        &mut self,
        (space, pages): (SpaceId, u64),
        (id, first): (SectionId, u64),
        protection: Protection,
        result: &Result<u64, Refusal>,
    ) -> Verdict {
        let Some(section) = self.sections.get_mut(&id) else {
            ensure!(result.is_err(), "a view of section {}, which is gone", id.0);
            return Ok(());
        };
        let is_allowed = section.protection.covers(protection);
        let base = match result {
            Ok(base) => *base,
            Err(Refusal::CommitmentLimit { .. }) => {
                ensure!(protection.copies_on_write(), "no commitment for a view");
                return Ok(());
            }
            Err(refusal) => {
                ensure!(!is_allowed, "a view is refused: {refusal}");
                return Ok(());
            }
        };
        ensure!(is_allowed, "a view is allowed more than its section");
        section.views += 1;
        let region = Region {
            kind: Kind::View { section: id, first },
            pages: vec![Page::new(Some(protection)); index(pages)],
            watch: None,
            charges_copies: protection.copies_on_write(),
            allowed: protection,
        };
        self.begin_region(Span { space, first: base >> PAGE_SHIFT, pages }, region)
    }

    /// The write watch was asked.
    pub fn watched(
        &mut self,
        span: Span,
        resets: bool,
        most: usize,
        result: &Result<Vec<u64>, Refusal>,
    ) -> Verdict {
        let found = self.inside(span);
        let watch = found.and_then(|(region, inside)| inside.and(region.watch.as_mut()));
        match (watch, result) {
            (Some(watch), Ok(found)) => {
                let found: Vec<u64> = found.iter().map(|address| address >> PAGE_SHIFT).collect();
                let is_cut = found.len() == most;
                let last = found.last().filter(|_| is_cut).map(|last| last + 1);
                let told = span.first..last.unwrap_or(span.end());
                let is_sure = |page: &&u64| !watch.perhaps.contains(*page);
                let sure = found.iter().filter(is_sure);
                let written = watch.written.range(told.clone()).filter(is_sure);
                ensure!(written.eq(sure), "written: {found:x?} in {told:x?}, not {watch:x?}");
                if resets {
                    watch.forget(told);
                }
            }
            (None, Err(_)) => {}
            (watch, result) => ensure!(false, "{watch:x?} are written, not {result:x?}"),
        }
        Ok(())
    }

    /// A lock begins: from now on it may have reached any of its pages.
    pub fn locking(&mut self, span: Span) {
        let Some(held) = self.spaces.get_mut(&span.space) else { return };
        for page in span.first..span.end() {
            let Some((base, region)) = held.region_mut(page) else { continue };
            region.pages[index(page - base)].locks_begun += 1;
        }
    }

    /// A lock was answered. One that failed may have reached some of its pages.
    pub fn locked(&mut self, span: Span, is_done: bool) {
        let Some(held) = self.spaces.get_mut(&span.space) else { return };
        for page in span.first..span.end() {
            let Some((base, region)) = held.region_mut(page) else { continue };
            let found = &mut region.pages[index(page - base)];
            if found.locks_begun == 0 {
                // Other memory lies there by now.
                continue;
            }
            found.locks_begun -= 1;
            found.is_perhaps_locked |= !is_done;
            // One that an unlock overtook may or may not have come after it.
            found.is_locked |= is_done && !found.is_perhaps_locked;
        }
    }

    /// Pages were to be unlocked.
    pub fn unlocked(&mut self, span: Span, result: &Result<impl Sized, Refusal>) -> Verdict {
        let Some(held) = self.spaces.get_mut(&span.space) else { return Ok(()) };
        let mut all = true;
        for page in span.first..span.end() {
            let found = held.region_mut(page);
            match found.map(|(base, region)| &mut region.pages[index(page - base)]) {
                Some(page) if page.locks_begun > 0 => page.is_perhaps_locked = true,
                Some(page) if page.is_locked => page.is_locked = result.is_err(),
                Some(page) if page.is_perhaps_locked => {}
                _ => all = false,
            }
        }
        ensure!(result.is_err() || all, "unlocked what was not locked");
        Ok(())
    }

    /// Physical pages were allocated.
    pub fn frames_allocated(&mut self, space: SpaceId, frames: &[Pfn]) {
        if let Some(held) = self.spaces.get_mut(&space) {
            held.physical.extend(frames.iter().map(|frame| (*frame, Content::Exact(0))));
        }
    }

    /// The physical pages of a space.
    #[must_use]
    pub fn frames_of(&self, space: SpaceId) -> Vec<Pfn> {
        let held = self.spaces.get(&space);
        held.into_iter().flat_map(|held| held.physical.keys().copied()).collect()
    }

    /// A physical page was freed.
    pub fn frame_freed(&mut self, space: SpaceId, frame: Pfn) {
        let Some(held) = self.spaces.get_mut(&space) else { return };
        held.physical.remove(&frame);
        let pages = held.regions.values_mut().flat_map(|region| &mut region.pages);
        pages.filter(|page| page.frame == Some(frame)).for_each(|page| page.frame = None);
    }

    /// A physical page of the space was to be mapped at a page.
    pub fn frame_mapped(
        &mut self,
        (space, page): (SpaceId, u64),
        frame: Pfn,
        result: &Result<impl Sized, Refusal>,
    ) -> Verdict {
        let Some(held) = self.spaces.get_mut(&space) else { return Ok(()) };
        let at = |(base, region): (&u64, &Region)| {
            let place = region.pages.iter().position(|page| page.frame == Some(frame));
            place.map(|place| base + count(place))
        };
        let mapped = held.regions.iter().find_map(at);
        let Some((base, region)) = held.region_mut(page) else { return Ok(()) };
        let is_free = mapped.is_none_or(|mapped| mapped == page);
        let is_right = region.kind == Kind::Physical && is_free;
        ensure!(result.is_ok() == is_right, "frame {frame} mapped: {:?}", result.as_ref().err());
        if is_right {
            region.pages[index(page - base)].frame = Some(frame);
        }
        Ok(())
    }

    /// A page was asked about.
    pub fn queried(
        &self,
        (space, page): (SpaceId, u64),
        result: &Result<RegionInfo, Refusal>,
    ) -> Verdict {
        let found = self.spaces.get(&space).and_then(|held| held.region(page));
        let state = result.as_ref().ok().map(|info| info.state);
        match (found, state) {
            (
                Some((base, region)),
                Some(RegionState::Allocated { allocation_base, page_use, .. }),
            ) => {
                let told = allocation_base >> PAGE_SHIFT;
                ensure!(told == base, "a region at page {told:#x}, not {base:#x}");
                let protection = region.pages[index(page - base)].protection;
                let is_right = region.kind != Kind::Private || page_use.protection() == protection;
                ensure!(is_right, "{page_use:?}, not {protection:?}");
            }
            (Some(_), other) => ensure!(false, "{other:?} at page {page:#x}, which is allocated"),
            (None, Some(RegionState::Allocated { .. })) => {
                ensure!(false, "page {page:#x} is allocated by nobody");
            }
            (None, _) => {}
        }
        Ok(())
    }
}

impl Watch {
    fn forget(&mut self, pages: Range<u64>) {
        self.written.retain(|page| !pages.contains(page));
        self.perhaps.retain(|page| !pages.contains(page));
    }
}

impl Page {
    fn called(&mut self, call: ContentsCall) {
        match call {
            ContentsCall::Reset => self.content.reset(),
            // Where some of the range is lost, the rest is not.
            ContentsCall::UndoReset => self.content.settle(),
            ContentsCall::Offer => {
                self.content.offer();
                self.is_offered = true;
            }
            ContentsCall::Reclaim => {
                self.content.settle();
                self.is_offered = false;
            }
            ContentsCall::Discard => {
                self.content = Content::Exact(0);
                self.is_locked = false;
            }
        }
    }
}
