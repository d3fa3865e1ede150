//! A region: what one reservation, or one view of a section, made of a range of addresses.
//!
//! # Invariants
//! - The charge of private memory equals its committed pages.

use alloc::boxed::Box;
use core::ops::Range;

use crate::commit::Charge;
use crate::fault::stream::Streams;
use crate::page::{GRANULE_PAGES, SectionId, SpaceId};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::page_uses::PageUses;
use crate::space::set_aside::SetAside;
use crate::space::write_watch_map::WriteWatchMap;

/// What a page of a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PageUse {
    /// Reserved: the address is taken, and every access is a violation.
    Reserved,
    /// Committed: it may be used as the protection says.
    Committed(Protection),
    /// Committed, and offered to the system: inaccessible until it is reclaimed.
    Offered(Protection),
}

impl PageUse {
    /// Its protection, if it is committed.
    #[must_use]
    pub const fn protection(self) -> Option<Protection> {
        match self {
            Self::Reserved => None,
            Self::Committed(protection) | Self::Offered(protection) => Some(protection),
        }
    }

    /// Whether it is committed.
    #[must_use]
    pub const fn is_committed(self) -> bool {
        !matches!(self, Self::Reserved)
    }
}

/// What kind of memory a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RegionKind {
    /// Private memory.
    Private,
    /// Private memory in large pages: always resident.
    LargePages,
    /// Addresses for physical pages (AWE).
    Physical,
    /// A view of a section.
    View {
        /// Which section.
        section: SectionId,
        /// The page of the section that the view begins with.
        first: u64,
    },
}

impl RegionKind {
    /// The words for it in a message.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::LargePages => "large-page",
            Self::Physical => "physical",
            Self::View { .. } => "mapped",
        }
    }
}

/// A stack that grows by its guard page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Stack {
    /// Pages at the low end that are kept for handling an overflow.
    pub(crate) guarantee: u64,
}

/// A region.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Region {
    pub(crate) first: u64,
    pub(crate) pages: u64,
    pub(crate) kind: RegionKind,
    /// The protection it was allocated with.
    pub(crate) protection: Protection,
    /// Whether any page of it was ever asked for its PTE: if not, no PTE of it says anything.
    pub(crate) is_touched: bool,
    /// What its pages are, counted from its first.
    pub(crate) uses: PageUses,
    pub(crate) charge: Charge,
    pub(crate) write_watch: Option<Box<WriteWatchMap>>,
    pub(crate) stack: Option<Stack>,
    /// Who mapped a view into the area that all spaces share (Windows 9x).
    pub(crate) mapped_by: Option<SpaceId>,
    pub(crate) streams: Streams,
    /// For the faults of its pages.
    pub(crate) set_aside: SetAside,
}

impl Region {
    pub(crate) fn new(first: u64, pages: u64, kind: RegionKind, protection: Protection) -> Self {
        Self {
            first,
            pages,
            kind,
            protection,
            is_touched: false,
            uses: PageUses::reserved(pages),
            charge: Charge::NOTHING,
            write_watch: None,
            stack: None,
            mapped_by: None,
            streams: Streams::default(),
            set_aside: SetAside::default(),
        }
    }

    pub(crate) const fn end(&self) -> u64 {
        self.first + self.pages
    }

    /// Its pages, as numbers of the space.
    pub(crate) const fn range(&self) -> Range<u64> {
        self.first..self.end()
    }

    /// The granules that it takes.
    pub(crate) const fn granules(&self) -> Range<u64> {
        self.first / GRANULE_PAGES..self.end().div_ceil(GRANULE_PAGES)
    }

    /// Whether it holds all of a range of pages of the space.
    pub(crate) const fn holds(&self, pages: &Range<u64>) -> bool {
        pages.start >= self.first && pages.end <= self.end()
    }

    /// A range of the space, counted from its first page.
    pub(crate) const fn inside(&self, pages: &Range<u64>) -> Range<u64> {
        pages.start - self.first..pages.end - self.first
    }

    #[inline]
    pub(crate) fn page_use(&self, page: u64) -> PageUse {
        self.uses.get(page - self.first)
    }

    /// A view's pages get no more than it was mapped for, and are not cached otherwise than their
    /// section is: that is for private memory only.
    pub(crate) fn check_view_protection(&self, wanted: Protection) -> Result<(), Refusal> {
        if wanted.is_uncached() {
            return Err(Refusal::InvalidPageProtection { constant: wanted.windows() });
        }
        match self.protection.covers(wanted) {
            true => Ok(()),
            false => Err(Refusal::SectionProtection {
                allowed: self.protection.windows(),
                wanted: wanted.windows(),
            }),
        }
    }

    /// The section's page behind a page of the view.
    pub(crate) const fn section_page(&self, page: u64) -> Option<(SectionId, u64)> {
        match self.kind {
            RegionKind::View { section, first } => Some((section, first + (page - self.first))),
            _ => None,
        }
    }
}
