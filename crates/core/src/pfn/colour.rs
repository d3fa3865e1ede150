//! Page colours: which part of the processor's cache a frame falls into.

use crate::page::{PAGE_SIZE, narrow};

/// A processor cache, as far as it decides colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cache {
    /// Its size, in bytes.
    pub bytes: u64,
    /// How many ways it has.
    pub ways: u32,
}

impl Default for Cache {
    /// 1 MiB in 16 ways: 16 colours, the second-level cache of many a processor of today.
    fn default() -> Self {
        Self { bytes: 1 << 20, ways: 16 }
    }
}

/// More than any cache has; it bounds the search for a colour that has a page.
pub const COLOURS_MAX: u32 = 4096;

impl Cache {
    /// How many colours frames have: the pages in one way of the cache, a power of two, at least
    /// one and at most [`COLOURS_MAX`].
    ///
    /// Source: *Windows Internals*, "Page list dynamics"; frames that differ by a multiple of
    /// that many pages compete for the same lines.
    #[must_use]
    pub fn colours(self) -> u32 {
        let way = self.bytes / u64::from(self.ways.max(1));
        let pages = (way / PAGE_SIZE).clamp(1, u64::from(COLOURS_MAX));
        1 << pages.ilog2()
    }
}

/// Which colours have a page: a bit each.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct ColourSet {
    words: alloc::vec::Vec<u64>,
    mask: u32,
}

impl ColourSet {
    pub(super) fn new(colours: u32, full: bool) -> Self {
        let words = colours.div_ceil(64) as usize;
        let mut set = Self { words: alloc::vec![0; words], mask: colours - 1 };
        if full {
            (0..colours).for_each(|colour| set.put(colour, true));
        }
        set
    }

    pub(super) fn put(&mut self, colour: u32, has_page: bool) {
        let (word, bit) = (colour as usize / 64, 1 << (colour % 64));
        if has_page {
            self.words[word] |= bit;
        } else {
            self.words[word] &= !bit;
        }
    }

    /// The colour asked for if it has a page, else the next one that has.
    pub(super) fn nearest(&self, colour: u32) -> Option<u32> {
        let colour = colour & self.mask;
        let (start, shift) = (colour as usize / 64, colour % 64);
        let first = self.words[start] >> shift << shift;
        if first != 0 {
            return Some(narrow(start) * 64 + first.trailing_zeros());
        }
        let count = self.words.len();
        (1..=count).find_map(|step| {
            let word = (start + step) % count;
            let bits = self.words[word];
            (bits != 0).then(|| narrow(word) * 64 + bits.trailing_zeros())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_from_the_described_cache() {
        for (bytes, ways, colours) in
            [(1 << 20, 16, 16), (256 << 10, 8, 8), (16 << 20, 16, 256), (4096, 8, 1), (0, 0, 1)]
        {
            assert_eq!(Cache { bytes, ways }.colours(), colours);
        }
    }

    #[test]
    fn the_nearest_colour_wraps_around() {
        let mut set = ColourSet::new(128, false);
        assert_eq!(set.nearest(5), None);
        set.put(3, true);
        set.put(100, true);
        assert_eq!([3, 4, 100, 101, 127].map(|c| set.nearest(c)), [3, 100, 100, 3, 3].map(Some));
        assert_eq!(ColourSet::new(16, true).nearest(21), Some(5));
    }
}
