//! What every page of every process must hold, said as simply as it can be: for each page what it
//! is, and the word it holds. Nothing here knows of frames, lists or page files, and nothing is
//! asked of the manager.
//!
//! There is one permitted alternative to the right word: an error that is told. An in-page error
//! needs an injected fault that explains it, which is for who injects to say; contents that reset
//! or offer gave up may be zeros.

mod calls;
mod content;

pub use calls::{ContentsCall, Span};
pub use content::Content;

use std::collections::{BTreeMap, BTreeSet};

use memtide_core::page::{Access, PAGE_SHIFT, Pfn, SectionId, SpaceId};
use memtide_core::snapshot::PteOwner;
use memtide_core::{Exception, Protection};

/// Something is not as a program must see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// What a judgement comes to.
pub type Verdict = Result<(), Wrong>;

/// A wrong verdict, unless something holds.
macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err($crate::oracle::Wrong(format!($($what)*)));
        }
    };
}
pub(crate) use ensure;

/// A page of a region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Its protection; `None` where it is only reserved.
    protection: Option<Protection>,
    is_offered: bool,
    /// Whether a view's page is the space's own copy.
    is_copied: bool,
    is_locked: bool,
    /// Whether a lock may have reached it that failed midway, or that an unlock overtook.
    is_perhaps_locked: bool,
    /// Whether a write may have ended its copying on write, though the write itself failed.
    is_perhaps_past_copy: bool,
    /// Locks of it that are not answered yet.
    locks_begun: u16,
    /// What it holds, if that is its own.
    content: Content,
    /// The physical page mapped there (AWE).
    frame: Option<Pfn>,
}

impl Page {
    const fn new(protection: Option<Protection>) -> Self {
        Self {
            protection,
            is_offered: false,
            is_copied: false,
            is_locked: false,
            is_perhaps_locked: false,
            is_perhaps_past_copy: false,
            locks_begun: 0,
            content: Content::Exact(0),
            frame: None,
        }
    }
}

/// What kind of region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Private,
    Physical,
    View { section: SectionId, first: u64 },
}

/// Pages written since they were allocated or reset.
#[derive(Clone, Debug, Default)]
struct Watch {
    written: BTreeSet<u64>,
    /// Pages that were lost: a write to one may have begun.
    perhaps: BTreeSet<u64>,
}

/// A region.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    kind: Kind,
    pages: Vec<Page>,
    /// What was written, where that is watched.
    watch: Option<Watch>,
    /// Whether a copy of each page is promised.
    charges_copies: bool,
    /// The most that pages of a view may be allowed.
    allowed: Protection,
}

impl Region {
    fn len(&self) -> u64 {
        count(self.pages.len())
    }
}

/// A section.
#[derive(Clone, Debug)]
struct Section {
    is_file: bool,
    protection: Protection,
    is_held: bool,
    views: u32,
    /// Whether each page is committed, and what it holds.
    pages: Vec<(bool, Content)>,
}

/// A space: its regions by their first pages, and what its physical pages hold.
#[derive(Clone, Debug, Default)]
struct Space {
    regions: BTreeMap<u64, Region>,
    physical: BTreeMap<Pfn, Content>,
}

/// All that programs can see.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    spaces: BTreeMap<SpaceId, Space>,
    sections: BTreeMap<SectionId, Section>,
}

fn index(pages: u64) -> usize {
    usize::try_from(pages).unwrap_or(usize::MAX)
}

fn count(pages: usize) -> u64 {
    u64::try_from(pages).unwrap_or(u64::MAX)
}

impl Space {
    /// The region that holds a page, with its first page.
    fn region(&self, page: u64) -> Option<(u64, &Region)> {
        let (base, region) = self.regions.range(..=page).next_back()?;
        (page < base + region.len()).then_some((*base, region))
    }

    fn region_mut(&mut self, page: u64) -> Option<(u64, &mut Region)> {
        let (base, region) = self.regions.range_mut(..=page).next_back()?;
        (page < base + region.len()).then_some((*base, region))
    }
}

impl Oracle {
    /// What an access must come to, if there is memory and its contents are to be had.
    ///
    /// # Errors
    /// The exception that it must raise.
    pub fn expect(&self, space: SpaceId, address: u64, access: Access) -> Result<(), Exception> {
        let violation = Err(Exception::AccessViolation { address, access });
        let page = address >> PAGE_SHIFT;
        let found = self.spaces.get(&space).and_then(|space| space.region(page));
        let Some((base, region)) = found else { return violation };
        let found = &region.pages[index(page - base)];
        if region.kind == Kind::Physical {
            let passes = access != Access::Execute && found.frame.is_some();
            return if passes { Ok(()) } else { violation };
        }
        if let Kind::View { section, first } = region.kind
            && !self.sections[&section].pages[index(first + page - base)].0
        {
            return violation;
        }
        match found.protection.filter(|_| !found.is_offered) {
            Some(protection) if protection.is_guard() => {
                Err(Exception::GuardPage { address, access })
            }
            Some(protection) if protection.allows(access) => Ok(()),
            _ => violation,
        }
    }

    /// What a page holds, where there is one.
    #[must_use]
    pub fn content(&self, space: SpaceId, page: u64) -> Option<Content> {
        let space = self.spaces.get(&space)?;
        let (base, region) = space.region(page)?;
        let found = &region.pages[index(page - base)];
        if let Some(frame) = found.frame {
            return space.physical.get(&frame).copied();
        }
        match region.kind {
            Kind::View { section, first } if !found.is_copied => {
                let pages = &self.sections.get(&section)?.pages;
                pages.get(index(first + page - base)).map(|(_, content)| *content)
            }
            _ => Some(found.content),
        }
    }

    /// An access was made: a word was written, or one was seen.
    ///
    /// # Errors
    /// [`Wrong`] where that could not be.
    pub fn made(&mut self, space: SpaceId, page: u64, written: Option<u64>, seen: u64) -> Verdict {
        let before = self.content(space, page);
        let Some(content) = self.content_mut(space, page, written.is_some()) else {
            return Err(Wrong(format!("an access at page {page:#x}, where there is none")));
        };
        let is_right = match written {
            Some(word) => content.write(word),
            None => content.accept(seen),
        };
        ensure!(is_right, "page {page:#x} of space {}: saw {seen:#x}, not {before:?}", space.0);
        Ok(())
    }

    /// The content of a page that is accessed; a write may make it a copy first.
    fn content_mut(&mut self, space: SpaceId, page: u64, writes: bool) -> Option<&mut Content> {
        let held = self.spaces.get_mut(&space)?;
        let (base, region) = held.regions.range_mut(..=page).next_back()?;
        let found = region.pages.get_mut(index(page - *base))?;
        if let Some(watch) = region.watch.as_mut().filter(|_| writes) {
            watch.written.insert(page);
        }
        if let Some(frame) = found.frame {
            return held.physical.get_mut(&frame);
        }
        if let Kind::View { section, first } = region.kind {
            if writes && found.protection.is_some_and(Protection::copies_on_write) {
                found.is_copied = true;
                found.protection = found.protection.map(Protection::after_copy);
            }
            if !found.is_copied {
                let pages = &mut self.sections.get_mut(&section)?.pages;
                return pages.get_mut(index(first + page - *base)).map(|(_, content)| content);
            }
        }
        Some(&mut found.content)
    }

    /// A guard page was touched: it is none any more.
    pub fn clear_guard(&mut self, space: SpaceId, page: u64) {
        let held = self.spaces.get_mut(&space);
        if let Some((base, region)) = held.and_then(|held| held.region_mut(page)) {
            let found = &mut region.pages[index(page - base)];
            found.protection = found.protection.map(Protection::without_guard);
        }
    }

    /// What a page held is lost. A view's page that was to be copied is a copy without contents.
    pub fn lose(&mut self, owner: PteOwner) {
        match owner {
            PteOwner::Space { space, page } => {
                let held = self.spaces.get_mut(&space);
                let Some((base, region)) = held.and_then(|held| held.region_mut(page.0)) else {
                    return;
                };
                if let Some(watch) = &mut region.watch {
                    watch.perhaps.insert(page.0);
                }
                let is_view = matches!(region.kind, Kind::View { .. });
                let found = &mut region.pages[index(page.0 - base)];
                found.content = Content::Lost;
                found.is_perhaps_past_copy = found.is_copied;
                if is_view && !found.is_copied {
                    found.is_copied = true;
                    found.protection = found.protection.map(Protection::after_copy);
                }
            }
            PteOwner::Section { section, page } => {
                let pages = self.sections.get_mut(&section).map(|section| &mut section.pages);
                if let Some((_, content)) = pages.and_then(|pages| pages.get_mut(index(page))) {
                    *content = Content::Lost;
                }
            }
        }
    }

    /// The pages that have been promised.
    #[must_use]
    pub fn charged(&self) -> u64 {
        let committed = |region: &Region| match region.kind {
            Kind::Private => region.pages.iter().filter(|p| p.protection.is_some()).count(),
            Kind::View { .. } if region.charges_copies => region.pages.len(),
            Kind::View { .. } | Kind::Physical => 0,
        };
        let space = |space: &Space| {
            space.regions.values().map(committed).sum::<usize>() + space.physical.len()
        };
        let section = |section: &Section| {
            let promised = section.pages.iter().filter(|(committed, _)| *committed).count();
            if section.is_file { 0 } else { promised }
        };
        let spaces = self.spaces.values().map(space).sum::<usize>();
        count(spaces + self.sections.values().map(section).sum::<usize>())
    }

    /// Every page of a space that a program could read now, and what it must see.
    #[must_use]
    pub fn readable(&self, space: SpaceId) -> Vec<u64> {
        let regions = self.spaces.get(&space).into_iter().flat_map(|held| &held.regions);
        let pages = regions.flat_map(|(base, region)| *base..*base + region.len());
        pages.filter(|page| self.expect(space, page << PAGE_SHIFT, Access::Read).is_ok()).collect()
    }
}
