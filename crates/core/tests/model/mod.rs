//! What a program may observe of its memory, as simply as it can be said: for each page what it is,
//! and what it holds. Nothing here knows of frames, lists or page files.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

pub(crate) mod run;

use std::collections::{BTreeMap, BTreeSet};

use memtide_core::page::{Access, Pfn, SectionId, SpaceId};
use memtide_core::{Exception, Protection};

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// This.
    Exact(u64),
    /// This, and at any moment zeros for ever: it was reset, or offered.
    Fading(u64),
    /// This or zeros; which of both is settled, and the next read tells.
    Either(u64),
}

impl Content {
    /// What was last written.
    const fn value(self) -> u64 {
        match self {
            Self::Exact(value) | Self::Fading(value) | Self::Either(value) => value,
        }
    }

    /// Takes a read; `false` if it could not have been read.
    pub(crate) fn accept(&mut self, seen: u64) -> bool {
        match *self {
            Self::Exact(value) => return seen == value,
            Self::Fading(value) | Self::Either(value) if seen == value && value != 0 => {
                if let Self::Either(_) = self {
                    *self = Self::Exact(value);
                }
            }
            Self::Fading(_) | Self::Either(_) if seen == 0 => *self = Self::Exact(0),
            Self::Fading(_) | Self::Either(_) => return false,
        }
        true
    }

    /// From now on the contents may be thrown away.
    pub(crate) fn fade(&mut self) {
        *self = match *self {
            Self::Exact(value) | Self::Fading(value) | Self::Either(value) => Self::Fading(value),
        };
    }

    /// From now on the contents stay as they are, if they still are.
    pub(crate) fn settle(&mut self) {
        if let Self::Fading(_) = self {
            *self = Self::Either(self.value());
        }
    }

    /// Some of a range was lost, perhaps this.
    pub(crate) fn doubt(&mut self) {
        *self = Self::Either(self.value());
    }
}

/// A page of a region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Its protection; `None` where it is only reserved.
    pub(crate) protection: Option<Protection>,
    /// Whether it is offered.
    pub(crate) offered: bool,
    /// Whether a view's page is the space's own copy.
    pub(crate) copied: bool,
    /// Whether it is locked.
    pub(crate) locked: bool,
    /// Whether a lock that failed midway may have reached it.
    pub(crate) perhaps_locked: bool,
    /// What it holds, if that is its own.
    pub(crate) content: Content,
    /// The physical page mapped there (AWE).
    pub(crate) frame: Option<Pfn>,
}

impl Page {
    pub(crate) const fn new(protection: Option<Protection>) -> Self {
        Self {
            protection,
            offered: false,
            copied: false,
            locked: false,
            perhaps_locked: false,
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

/// A region.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub(crate) kind: Kind,
    pub(crate) pages: Vec<Page>,
    /// Pages written since they were allocated or reset, where that is watched.
    pub(crate) watch: Option<BTreeSet<u64>>,
    /// Whether a copy of each page is promised.
    pub(crate) copies_charged: bool,
    /// The most that pages of a view may be allowed.
    pub(crate) allowed: Protection,
}

/// A section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) is_file: bool,
    pub(crate) protection: Protection,
    pub(crate) held: bool,
    pub(crate) views: u32,
    /// Whether each page is committed, and what it holds.
    pub(crate) pages: Vec<(bool, Content)>,
}

/// A space: its regions by their first pages, and its physical pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    pub(crate) regions: BTreeMap<u64, Region>,
    pub(crate) physical: BTreeMap<Pfn, u64>,
}

/// All that programs can see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) spaces: BTreeMap<SpaceId, Space>,
    pub(crate) sections: BTreeMap<SectionId, Section>,
}

impl Space {
    /// The first page of the region that holds a page.
    pub(crate) fn base(&self, page: u64) -> Option<u64> {
        let (base, region) = self.regions.range(..=page).next_back()?;
        (page < base + region.pages.len() as u64).then_some(*base)
    }
}

impl Model {
    /// What an access must come to, if there is memory and no disk fails.
    pub(crate) fn expect(
        &self,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Exception> {
        let violation = Err(Exception::AccessViolation { address, access });
        let page = address / 4096;
        let Some(space) = self.spaces.get(&space) else { return violation };
        let Some(base) = space.base(page) else { return violation };
        let region = &space.regions[&base];
        let found = &region.pages[(page - base) as usize];
        if region.kind == Kind::Physical {
            let writes = access != Access::Execute && found.frame.is_some();
            return if writes { Ok(()) } else { violation };
        }
        if let Kind::View { section, first } = region.kind
            && !self.sections[&section].pages[(first + page - base) as usize].0
        {
            return violation;
        }
        match found.protection {
            Some(protection) if !found.offered && protection.is_guard() => {
                Err(Exception::GuardPage { address, access })
            }
            Some(protection) if !found.offered && protection.allows(access) => Ok(()),
            _ => violation,
        }
    }

    /// An access was made: a value was written, or one was seen; `false` for a wrong byte.
    pub(crate) fn made(
        &mut self,
        space: SpaceId,
        page: u64,
        written: Option<u64>,
        seen: Option<u64>,
    ) -> bool {
        let Some(holder) = self.spaces.get_mut(&space) else { return false };
        let Some(base) = holder.base(page) else { return false };
        let Some(region) = holder.regions.get_mut(&base) else { return false };
        let index = (page - base) as usize;
        let found = &mut region.pages[index];
        if let (Some(watch), Some(_)) = (&mut region.watch, written) {
            watch.insert(page);
        }
        if let Some(frame) = found.frame {
            let held = holder.physical.entry(frame).or_default();
            return match (written, seen) {
                (Some(value), _) => {
                    *held = value;
                    true
                }
                (None, seen) => seen == Some(*held),
            };
        }
        let content = match region.kind {
            Kind::View { section, first } if !found.copied => {
                let copies = found.protection.is_some_and(Protection::copies_on_write);
                if copies && written.is_some() {
                    found.copied = true;
                    &mut found.content
                } else {
                    match self.sections.get_mut(&section) {
                        Some(section) => &mut section.pages[first as usize + index].1,
                        None => return false,
                    }
                }
            }
            _ => &mut found.content,
        };
        let accepted = match (written, seen) {
            (Some(value), _) => {
                *content = Content::Exact(value);
                true
            }
            (None, Some(seen)) => content.accept(seen),
            (None, None) => false,
        };
        if found.copied && written.is_some() {
            found.protection = found.protection.map(Protection::after_copy);
        }
        accepted
    }

    /// A guard page was touched: it is none any more.
    pub(crate) fn clear_guard(&mut self, space: SpaceId, page: u64) {
        let Some(holder) = self.spaces.get_mut(&space) else { return };
        let Some(base) = holder.base(page) else { return };
        if let Some(region) = holder.regions.get_mut(&base) {
            let found = &mut region.pages[(page - base) as usize];
            found.protection = found.protection.map(Protection::without_guard);
        }
    }

    /// The pages that have been promised.
    pub(crate) fn charged(&self) -> u64 {
        let committed = |region: &Region| match region.kind {
            Kind::Private => region.pages.iter().filter(|p| p.protection.is_some()).count(),
            Kind::View { .. } if region.copies_charged => region.pages.len(),
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
        (spaces + self.sections.values().map(section).sum::<usize>()) as u64
    }

    /// Forgets a section that nobody can reach.
    pub(crate) fn end_section(&mut self, id: SectionId) {
        if self.sections.get(&id).is_some_and(|section| !section.held && section.views == 0) {
            self.sections.remove(&id);
        }
    }
}
