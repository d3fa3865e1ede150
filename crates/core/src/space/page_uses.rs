//! What the pages of a region are: runs of pages alike, and which of them faults have changed.
//!
//! A fault changes one page: it takes a guard away, or copies a page that is copied on write. It
//! notes that in bits that were made when the guard or the copying was asked for, since a fault
//! allocates nothing; what calls set takes the place of both.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::page::wide;
use crate::space::region::PageUse;
use crate::space::runs::Runs;

/// What a fault changes about a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its guard is gone.
    Unguarded,
    /// It is a private copy.
    Copied,
}

/// Bits of a page.
const BITS: u64 = 2;

/// Pages whose bits are in one word.
const IN_WORD: u64 = 64 / BITS;

/// The bits of pages that are all like the first, by the bits of the first.
const ALIKE: [u64; 4] = [0, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa, 0xffff_ffff_ffff_ffff];

/// A map from the pages of a region to what they are.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PageUses {
    runs: Runs<PageUse>,
    /// What faults have changed; empty where they cannot change anything.
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::sparse"))]
    changes: Vec<u64>,
}

impl PageUses {
    /// So many pages, all reserved.
    pub(crate) fn reserved(pages: u64) -> Self {
        Self { runs: Runs::new(pages, PageUse::Reserved), changes: Vec::new() }
    }

    /// What a page is.
    #[inline]
    pub(crate) fn get(&self, page: u64) -> PageUse {
        let set = self.runs.get(page);
        if self.changes.is_empty() {
            return set;
        }
        changed(set, self.bits(page))
    }

    /// What a page is, and the end of the pages from there on that are the same.
    pub(crate) fn run_from(&self, page: u64) -> (u64, PageUse) {
        let (mut end, value) = self.piece_from(page);
        while end < self.runs.len() {
            let (next, other) = self.piece_from(end);
            if other != value {
                break;
            }
            end = next;
        }
        (end, value)
    }

    /// The runs of a range, clipped to it.
    pub(crate) fn iter(
        &self,
        range: Range<u64>,
    ) -> impl Iterator<Item = (Range<u64>, PageUse)> + '_ {
        let mut at = range.start;
        core::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let (end, value) = self.run_from(at);
            let piece = at..end.min(range.end);
            at = piece.end;
            Some((piece, value))
        })
    }

    /// Makes a range alike.
    pub(crate) fn set(&mut self, range: Range<u64>, value: PageUse) {
        let changes = |value: PageUse| match value {
            PageUse::Committed(it) | PageUse::Offered(it) => it.is_guard() || it.copies_on_write(),
            PageUse::Reserved => false,
        };
        if self.changes.is_empty() {
            if changes(value) {
                self.make_changes();
            }
        } else {
            self.forget(&range);
        }
        self.runs.set(range, value);
    }

    /// Notes what a fault has changed.
    pub(crate) fn note(&mut self, page: u64, change: Change) {
        if self.changes.is_empty() {
            self.make_changes();
        }
        self.changes[wide(page / IN_WORD)] |= (change as u64 + 1) << (page % IN_WORD * BITS);
    }

    /// The pages of a range for which `holds`.
    pub(crate) fn count(&self, range: Range<u64>, holds: impl Fn(PageUse) -> bool) -> u64 {
        self.iter(range).filter(|(_, value)| holds(*value)).map(|(r, _)| r.end - r.start).sum()
    }

    /// The first page of a range for which `holds`.
    pub(crate) fn find(&self, range: Range<u64>, holds: impl Fn(PageUse) -> bool) -> Option<u64> {
        self.iter(range).find(|(_, value)| holds(*value)).map(|(run, _)| run.start)
    }

    /// Proves the runs.
    pub(crate) fn verify(&self) -> Result<(), String> {
        self.runs.verify()
    }

    fn make_changes(&mut self) {
        self.changes = alloc::vec![0; wide(self.runs.len().div_ceil(IN_WORD))];
    }

    fn bits(&self, page: u64) -> u64 {
        self.changes[wide(page / IN_WORD)] >> (page % IN_WORD * BITS) & 3
    }

    /// What a page is, and the end of the pages from there on that came to it the same way.
    fn piece_from(&self, page: u64) -> (u64, PageUse) {
        let (run, set) = self.runs.run(page);
        if self.changes.is_empty() {
            return (run.end, set);
        }
        let bits = self.bits(page);
        let mut end = page + 1;
        while end < run.end && self.bits(end) == bits {
            let is_whole = end.is_multiple_of(IN_WORD)
                && self.changes[wide(end / IN_WORD)] == ALIKE[wide(bits)];
            end += if is_whole { IN_WORD } else { 1 };
        }
        (end.min(run.end), changed(set, bits))
    }

    /// Forgets what faults have changed in a range. Words that say nothing are not written to: no
    /// memory may be behind them yet.
    fn forget(&mut self, range: &Range<u64>) {
        let mut page = range.start;
        while page < range.end {
            let word = &mut self.changes[wide(page / IN_WORD)];
            if page.is_multiple_of(IN_WORD) && range.end - page >= IN_WORD {
                if *word != 0 {
                    *word = 0;
                }
                page += IN_WORD;
            } else {
                let left = !(3 << (page % IN_WORD * BITS));
                if *word & !left != 0 {
                    *word &= left;
                }
                page += 1;
            }
        }
    }
}

/// What a page is that was set to something, after what faults have changed.
const fn changed(set: PageUse, bits: u64) -> PageUse {
    let PageUse::Committed(mut protection) = set else { return set };
    if bits & (Change::Unguarded as u64 + 1) != 0 {
        protection = protection.without_guard();
    }
    if bits & (Change::Copied as u64 + 1) != 0 {
        protection = protection.after_copy();
    }
    PageUse::Committed(protection)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protection::Protection;

    const PAGES: u64 = 150;

    fn value(kind: u8) -> PageUse {
        let of = |constant| Protection::from_windows(constant).expect("a protection");
        match kind {
            0 => PageUse::Reserved,
            1 => PageUse::Committed(of(0x04)),
            2 => PageUse::Committed(of(0x104)),
            3 => PageUse::Committed(of(0x08)),
            _ => PageUse::Committed(of(0x108)),
        }
    }

    /// What a fault does to a page, if it can do it.
    fn fault(page: PageUse) -> Option<(Change, PageUse)> {
        let PageUse::Committed(it) = page else { return None };
        if it.is_guard() {
            return Some((Change::Unguarded, PageUse::Committed(it.without_guard())));
        }
        it.copies_on_write().then(|| (Change::Copied, PageUse::Committed(it.after_copy())))
    }

    proptest! {
        #[test]
        fn uses_say_what_an_array_says_whatever_calls_and_faults_change(
            steps in proptest::collection::vec((0..PAGES, 0..PAGES, 0u8..8), 1..80),
        ) {
            let mut uses = PageUses::reserved(PAGES);
            let mut model = [PageUse::Reserved; 150];
            for (a, b, kind) in steps {
                let range = a.min(b)..a.max(b);
                if kind < 5 {
                    uses.set(range.clone(), value(kind));
                    model[wide(range.start)..wide(range.end)].fill(value(kind));
                } else {
                    for page in range {
                        let Some((change, after)) = fault(model[wide(page)]) else { continue };
                        uses.note(page, change);
                        model[wide(page)] = after;
                    }
                }
                prop_assert!(uses.verify().is_ok());
                let read: Vec<PageUse> = (0..PAGES).map(|page| uses.get(page)).collect();
                prop_assert_eq!(&read[..], &model[..]);
                let pieces: Vec<_> = uses.iter(3..147).collect();
                let joins = |p: &[(Range<u64>, PageUse)]| {
                    p[0].0.end == p[1].0.start && p[0].1 != p[1].1
                };
                prop_assert!(pieces.windows(2).all(joins));
                for (piece, value) in pieces {
                    let alike = &model[wide(piece.start)..wide(piece.end)];
                    prop_assert!(alike.iter().all(|v| *v == value));
                }
            }
        }
    }
}
