//! A list of frames, linked through their entries.

use super::entry::{Entry, NONE};
use crate::page::Pfn;

/// Head, tail and length; the links are in the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PageList {
    head: u32,
    tail: u32,
    len: u32,
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
        let mut entry = Entry(entries[pfn.index()]);
        let (next, previous) = match end {
            End::Head => (self.head, NONE),
            End::Tail => (NONE, self.tail),
        };
        entry.set_low(next);
        entry.set_high(previous);
        entries[pfn.index()] = entry.0;
        self.join(entries, previous, pfn.0);
        self.join(entries, pfn.0, next);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, entries: &mut [[u64; 4]], pfn: Pfn) {
        let entry = Entry(entries[pfn.index()]);
        self.join(entries, entry.high(), entry.low());
        self.len -= 1;
    }

    /// Makes two frames neighbours; `NONE` stands for the list's own end.
    fn join(&mut self, entries: &mut [[u64; 4]], before: u32, after: u32) {
        match before {
            NONE => self.head = after,
            before => {
                let mut entry = Entry(entries[before as usize]);
                entry.set_low(after);
                entries[before as usize] = entry.0;
            }
        }
        match after {
            NONE => self.tail = before,
            after => {
                let mut entry = Entry(entries[after as usize]);
                entry.set_high(before);
                entries[after as usize] = entry.0;
            }
        }
    }
}
