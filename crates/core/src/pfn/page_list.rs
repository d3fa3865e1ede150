//! A list of frames, linked through their entries.

use alloc::vec::Vec;

use super::entry::{Entry, Flag, NONE, PageState, high, links, low};
use crate::lists::STANDBY_PRIORITIES;
use crate::page::Pfn;

/// Head, tail and length; the links are in the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PageList {
    head: u32,
    tail: u32,
    len: u32,
}

/// The lists of all states that have one.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Lists {
    /// By colour.
    pub(super) zeroed: Vec<PageList>,
    /// By colour.
    pub(super) free: Vec<PageList>,
    /// By priority.
    pub(super) standby: [PageList; STANDBY_PRIORITIES],
    /// What goes to a page file, and what goes to the file of its section: one must not wait for
    /// the other.
    pub(super) modified: [PageList; 2],
    pub(super) modified_no_write: PageList,
    pub(super) bad: PageList,
}

impl Lists {
    pub(super) fn new(colours: u32) -> Self {
        Self {
            zeroed: alloc::vec![PageList::EMPTY; colours as usize],
            free: alloc::vec![PageList::EMPTY; colours as usize],
            standby: [PageList::EMPTY; STANDBY_PRIORITIES],
            modified: [PageList::EMPTY; 2],
            modified_no_write: PageList::EMPTY,
            bad: PageList::EMPTY,
        }
    }

    /// The list of a frame that is in a state that has one.
    #[inline]
    pub(super) fn of(&mut self, entry: &Entry, colour: u32) -> &mut PageList {
        match entry.state() {
            PageState::Zeroed => &mut self.zeroed[colour as usize],
            PageState::Free => &mut self.free[colour as usize],
            PageState::Standby => &mut self.standby[usize::from(entry.priority())],
            PageState::Modified => &mut self.modified[usize::from(entry.has(Flag::FileBacked))],
            PageState::ModifiedNoWrite => &mut self.modified_no_write,
            PageState::Bad => &mut self.bad,
            state => unreachable!("a page that is {} is on no list", state.word()),
        }
    }
}

/// Which end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// What is taken next.
    Head,
    /// What is taken last.
    Tail,
}

impl PageList {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) const fn head(&self) -> Option<Pfn> {
        match self.head {
            NONE => None,
            head => Some(Pfn(head)),
        }
    }

    pub(super) fn insert(&mut self, entries: &mut [[u64; 4]], pfn: Pfn, end: End) {
        let (next, previous) = match end {
            End::Head => (self.head, NONE),
            End::Tail => (NONE, self.tail),
        };
        entries[pfn.index()][0] = links(next, previous);
        self.join(entries, previous, pfn.0);
        self.join(entries, pfn.0, next);
        self.len += 1;
    }

    /// Takes a frame off the list; `entry` is its own.
    pub(super) fn remove(&mut self, entries: &mut [[u64; 4]], entry: &Entry) {
        self.join(entries, entry.high(), entry.low());
        self.len -= 1;
    }

    /// Makes two frames neighbours; `NONE` stands for the list's own end.
    fn join(&mut self, entries: &mut [[u64; 4]], before: u32, after: u32) {
        match before {
            NONE => self.head = after,
            before => {
                let word = &mut entries[before as usize][0];
                *word = links(after, high(*word));
            }
        }
        match after {
            NONE => self.tail = before,
            after => {
                let word = &mut entries[after as usize][0];
                *word = links(low(*word), before);
            }
        }
    }
}
