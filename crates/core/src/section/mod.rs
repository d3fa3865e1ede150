//! Sections: memory that several spaces, or several places of one, map.
//!
//! # Invariants
//! - Every page of a section has at most one frame, whose PTE is the section's prototype PTE.
//! - A section lives while somebody holds it, a view maps it, or a page of its file is unwritten.

pub(crate) mod create;
pub(crate) mod view;

use alloc::vec::Vec;

use crate::commit::Charge;
use crate::page::{SectionId, narrow, wide};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::runs::Runs;
use crate::space::set_aside::SetAside;

/// Where the pages of a section come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Backing {
    /// The page files; its pages begin as zeros.
    PageFile,
    /// A file or an image of the world: the world reads and writes its pages by number.
    File,
}

/// A section.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Section {
    pub(crate) pages: u64,
    pub(crate) protection: Protection,
    pub(crate) backing: Backing,
    pub(crate) charge: Charge,
    /// Which pages are committed (`SEC_RESERVE`); `None` is all of them.
    pub(crate) committed: Option<Runs<bool>>,
    /// The number behind that of the table of prototype PTEs for each 512 pages; 0 where none of
    /// them was touched yet.
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::sparse"))]
    pub(crate) tables: Vec<u32>,
    pub(crate) views: u32,
    pub(crate) is_held: bool,
    pub(crate) holds_writes: bool,
    /// Frames that belong to it, in any state.
    pub(crate) frames: u64,
    /// For the faults of its pages.
    pub(crate) set_aside: SetAside,
}

impl Section {
    #[inline]
    pub(crate) fn is_committed(&self, page: u64) -> bool {
        self.committed.as_ref().is_none_or(|committed| committed.get(page))
    }

    /// The table of the page that is so many tables behind the first, if there is one.
    #[inline]
    pub(crate) fn table(&self, place: u64) -> Option<u32> {
        self.tables.get(wide(place))?.checked_sub(1)
    }

    /// Whether nobody can reach it any more.
    pub(crate) const fn is_orphan(&self) -> bool {
        !self.is_held && self.views == 0
    }
}

/// All sections.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Sections {
    sections: Vec<Option<Section>>,
    unused: Vec<u32>,
}

impl Sections {
    #[inline]
    pub(crate) fn find(&self, id: SectionId) -> Option<&Section> {
        self.sections.get(id.0 as usize)?.as_ref()
    }

    /// A section that somebody holds.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub(crate) fn held(&self, id: SectionId) -> Result<&Section, Refusal> {
        let held = self.find(id).filter(|section| section.is_held);
        held.ok_or(Refusal::NoSuch { what: "section", number: u64::from(id.0) })
    }

    #[inline]
    pub(crate) fn get(&self, id: SectionId) -> &Section {
        match self.find(id) {
            Some(section) => section,
            None => panic!("section {} is gone", id.0),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SectionId) -> &mut Section {
        match self.sections.get_mut(id.0 as usize).and_then(Option::as_mut) {
            Some(section) => section,
            None => panic!("section {} is gone", id.0),
        }
    }

    pub(crate) fn insert(&mut self, section: Section) -> SectionId {
        match self.unused.pop() {
            Some(number) => {
                self.sections[number as usize] = Some(section);
                SectionId(number)
            }
            None => {
                self.sections.push(Some(section));
                SectionId(narrow(self.sections.len() - 1))
            }
        }
    }

    pub(crate) fn remove(&mut self, id: SectionId) -> Section {
        let Some(section) = self.sections[id.0 as usize].take() else {
            panic!("section {} is gone", id.0)
        };
        self.unused.push(id.0);
        section
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SectionId, &Section)> {
        let numbered = (0..).map(SectionId).zip(&self.sections);
        numbered.filter_map(|(id, section)| Some((id, section.as_ref()?)))
    }
}
