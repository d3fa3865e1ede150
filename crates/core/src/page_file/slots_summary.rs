//! A set of clusters that is quickly searched.

use super::{ones, position};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// 64⁵ bits are more than the 2²⁶ clusters of the largest file, and 64⁴ are fewer.
const LEVELS: usize = 5;

/// A set of clusters in which the next one is found in as many steps as it has levels.
///
/// A bit of a level says whether a word of the level below has any bit set.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Summary {
    clusters: u32,
    levels: [Vec<u64>; LEVELS],
}

impl Summary {
    /// Makes room for so many clusters, so that growing to them allocates nothing.
    pub(super) fn reserve(&mut self, clusters: u32) {
        let mut most = clusters;
        for words in &mut self.levels {
            most = most.div_ceil(u64::BITS);
            words.reserve((most as usize).saturating_sub(words.len()));
        }
    }

    /// Adds clusters up to so many; all the new ones are in the set, or none.
    pub(super) fn grow(&mut self, clusters: u32, filled: bool) {
        let mut added = self.clusters..clusters;
        if added.is_empty() {
            return;
        }
        self.clusters = clusters;
        for words in &mut self.levels {
            words.resize(added.end.div_ceil(u64::BITS) as usize, 0);
            if filled {
                fill(words, added.clone());
            }
            added = added.start / u64::BITS..added.end.div_ceil(u64::BITS);
        }
    }

    pub(super) fn holds(&self, cluster: u32) -> bool {
        let (word, bit) = position(cluster);
        self.levels[0][word] & bit != 0
    }

    pub(super) fn put(&mut self, cluster: u32, is_member: bool) {
        let mut index = cluster;
        for words in &mut self.levels {
            let (word, bit) = position(index);
            let before = words[word];
            let after = if is_member { before | bit } else { before & !bit };
            words[word] = after;
            if (before == 0) == (after == 0) {
                return;
            }
            index /= u64::BITS;
        }
    }

    /// The first cluster of the set from this one on, else from the start of the file on.
    pub(super) fn next_around(&self, from: u32) -> Option<u32> {
        self.next(from).or_else(|| self.next(0))
    }

    fn next(&self, from: u32) -> Option<u32> {
        let mut index = from;
        for (height, words) in self.levels.iter().enumerate() {
            let rest = words.get(position(index).0)? & (u64::MAX << (index % u64::BITS));
            if rest != 0 {
                let found = index / u64::BITS * u64::BITS + rest.trailing_zeros();
                let below = self.levels[..height].iter().rev();
                return Some(below.fold(found, |at, words| {
                    at * u64::BITS + words[at as usize].trailing_zeros()
                }));
            }
            index = index / u64::BITS + 1;
        }
        None
    }

    pub(super) fn verify(&self, clusters: u32) -> Result<(), String> {
        if self.clusters != clusters {
            return Err(format!("{clusters} clusters are summarized as {}", self.clusters));
        }
        for (height, pair) in self.levels.windows(2).enumerate() {
            for (index, word) in (0..).zip(&pair[0]) {
                let (above, bit) = position(index);
                if (pair[1][above] & bit != 0) != (*word != 0) {
                    return Err(format!(
                        "word {index} of level {height} is {word:#x}, above it stands {:#x}",
                        pair[1][above]
                    ));
                }
            }
        }
        Ok(())
    }
}

fn fill(words: &mut [u64], added: Range<u32>) {
    let mut index = added.start;
    while index < added.end {
        let filled = index % u64::BITS;
        let count = (added.end - index).min(u64::BITS - filled);
        words[position(index).0] |= ones(count) << filled;
        index += count;
    }
}
