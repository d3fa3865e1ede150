//! What each page of a region is (reserved, or committed with a protection), as runs of pages
//! alike: a region of terabytes that is alike everywhere costs as much as one of a page.
//!
//! # Invariants
//! - Neighbouring runs differ.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::ops::Range;

/// A piecewise constant map from the pages of a region to `T`.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Runs<T> {
    len: u64,
    first: T,
    /// Where a later run begins, and what it is.
    later: BTreeMap<u64, T>,
}

impl<T: Copy + Eq> Runs<T> {
    /// So many pages, all alike.
    pub(crate) fn new(len: u64, value: T) -> Self {
        Self { len, first: value, later: BTreeMap::new() }
    }

    /// How many pages.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// What a page is.
    #[inline]
    pub(crate) fn get(&self, page: u64) -> T {
        if self.later.is_empty() {
            return self.first;
        }
        self.later.range(..=page).next_back().map_or(self.first, |(_, value)| *value)
    }

    /// The run that holds a page: what it is, and its pages.
    pub(crate) fn run(&self, page: u64) -> (Range<u64>, T) {
        let (start, value) =
            self.later.range(..=page).next_back().map_or((0, self.first), |(s, v)| (*s, *v));
        let end = self.later.range(page + 1..).next().map_or(self.len, |(end, _)| *end);
        (start..end, value)
    }

    /// The runs of a range, clipped to it.
    pub(crate) fn iter(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, T)> + '_ {
        let mut at = range.start;
        core::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let (run, value) = self.run(at);
            let piece = at..run.end.min(range.end);
            at = piece.end;
            Some((piece, value))
        })
    }

    /// Makes a range alike.
    pub(crate) fn set(&mut self, range: Range<u64>, value: T) {
        if range.is_empty() {
            return;
        }
        let after = (range.end < self.len).then(|| self.get(range.end));
        while let Some((start, _)) = self.later.range(range.clone()).next() {
            let start = *start;
            self.later.remove(&start);
        }
        if range.start == 0 {
            self.first = value;
        } else if self.get(range.start - 1) != value {
            self.later.insert(range.start, value);
        }
        match after {
            Some(after) if after != value => {
                self.later.insert(range.end, after);
            }
            // It continues what was set, so it begins no run of its own.
            Some(_) => {
                self.later.remove(&range.end);
            }
            None => {}
        }
    }

    /// The pages of a range for which `holds`.
    pub(crate) fn count(&self, range: Range<u64>, holds: impl Fn(T) -> bool) -> u64 {
        self.iter(range).filter(|(_, value)| holds(*value)).map(|(r, _)| r.end - r.start).sum()
    }

    /// The first page of a range for which `holds`.
    pub(crate) fn find(&self, range: Range<u64>, holds: impl Fn(T) -> bool) -> Option<u64> {
        self.iter(range).find(|(_, value)| holds(*value)).map(|(run, _)| run.start)
    }

    /// Proves that neighbours differ.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let mut before = self.first;
        for (start, value) in &self.later {
            if *value == before || *start >= self.len || *start == 0 {
                return Err(alloc::format!("the run at page {start} has no business there"));
            }
            before = *value;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::wide;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_say_what_an_array_says(
            steps in proptest::collection::vec((0u64..40, 0u64..40, 0u8..3), 1..60),
        ) {
            let mut runs = Runs::new(40, 0u8);
            let mut model = [0u8; 40];
            for (a, b, value) in steps {
                let range = a.min(b)..a.max(b);
                runs.set(range.clone(), value);
                model[wide(range.start)..wide(range.end)].fill(value);
                prop_assert!(runs.verify().is_ok());
                let read: Vec<u8> = (0..40).map(|page| runs.get(page)).collect();
                prop_assert_eq!(&read[..], &model[..]);
                let pieces: Vec<_> = runs.iter(3..37).collect();
                let joins = |p: &[(Range<u64>, u8)]| p[0].0.end == p[1].0.start && p[0].1 != p[1].1;
                prop_assert!(pieces.windows(2).all(joins));
                for (piece, value) in pieces {
                    let alike = &model[wide(piece.start)..wide(piece.end)];
                    prop_assert!(alike.iter().all(|v| *v == value));
                }
                let ones = model[5..30].iter().filter(|v| **v == 1).count() as u64;
                prop_assert_eq!(runs.count(5..30, |v| v == 1), ones);
            }
        }
    }
}
