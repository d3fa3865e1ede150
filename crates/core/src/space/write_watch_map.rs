//! Which pages of a region were written: a bit each.

use alloc::vec::Vec;
use core::ops::Range;

use crate::page::wide;

/// A bit for each page of a region.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct WriteWatchMap {
    words: Vec<u64>,
}

impl WriteWatchMap {
    pub(crate) fn new(pages: u64) -> Self {
        Self { words: alloc::vec![0; wide(pages.div_ceil(64))] }
    }

    /// What a map takes from the pool.
    pub(crate) const fn bytes(pages: u64) -> u64 {
        pages.div_ceil(64) * 8
    }

    #[inline]
    pub(crate) fn is_written(&self, page: u64) -> bool {
        self.words[wide(page / 64)] >> (page % 64) & 1 != 0
    }

    #[inline]
    pub(crate) fn note(&mut self, page: u64) {
        self.words[wide(page / 64)] |= 1 << (page % 64);
    }

    /// The first written page of a range.
    pub(crate) fn next(&self, range: Range<u64>) -> Option<u64> {
        let mut page = range.start;
        while page < range.end {
            let word = self.words[wide(page / 64)] >> (page % 64);
            if word != 0 {
                let found = page + u64::from(word.trailing_zeros());
                return (found < range.end).then_some(found);
            }
            page = (page / 64 + 1) * 64;
        }
        None
    }

    /// Forgets the writes of a range, and tells which there were.
    pub(crate) fn reset(&mut self, range: Range<u64>, mut each: impl FnMut(u64)) {
        let mut at = range.start;
        while let Some(page) = self.next(at..range.end) {
            self.words[wide(page / 64)] &= !(1 << (page % 64));
            each(page);
            at = page + 1;
        }
    }
}
