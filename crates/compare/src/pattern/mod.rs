//! The work that is compared, one file each.
//!
//! A [`Work`] is made before it has memory, so that what it needs for itself is not charged to the
//! budget. It gets a slice of zeros, fills it, and works; only the working is timed. What it found
//! and what it left behind go into its proof, which is the same under every system or a system has
//! got a byte wrong.

mod hash_join;
mod random;
mod sequential;
mod sort;
mod strided;
mod zipf;

use crate::content::Contents;
use serde::{Deserialize, Serialize};

/// The work that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Every page is written, whole, one after the other.
    SequentialWrite,
    /// Two words of every page are read, one page after the other.
    SequentialRead,
    /// A word of a random page is read.
    RandomRead,
    /// A word of a page is read, some pages far more often than others.
    ZipfRead,
    /// A word of a page is changed, some pages far more often than others.
    ZipfWrite,
    /// A word of every ninth page is read, nine times through.
    Strided,
    /// Random numbers of 64 bits are sorted.
    Sort,
    /// A hash table is built of one table's rows and probed with those of another.
    HashJoin,
}

impl Pattern {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::SequentialWrite,
        Self::SequentialRead,
        Self::RandomRead,
        Self::ZipfRead,
        Self::ZipfWrite,
        Self::Strided,
        Self::Sort,
        Self::HashJoin,
    ];

    /// Its name on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SequentialWrite => "sequential-write",
            Self::SequentialRead => "sequential-read",
            Self::RandomRead => "random-read",
            Self::ZipfRead => "zipf-read",
            Self::ZipfWrite => "zipf-write",
            Self::Strided => "strided",
            Self::Sort => "sort",
            Self::HashJoin => "hash-join",
        }
    }

    /// What it does and what an access of it is, in one sentence.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::SequentialWrite => "Write every page, whole and in order; an access is a page",
            Self::SequentialRead => "Read two words of every page in order; an access is a page",
            Self::RandomRead => "Read a word of a random page, as often as there are pages",
            Self::ZipfRead => "Read a word of a page drawn by Zipf's law, four times as often",
            Self::ZipfWrite => "Change a word of a page drawn by Zipf's law, four times as often",
            Self::Strided => "Read a word of every ninth page, nine times through",
            Self::Sort => "Sort random numbers of 64 bits; an access is a number",
            Self::HashJoin => "Build a hash table and probe it; an access is a row of 512 bytes",
        }
    }

    /// Whether it has no use for the neighbours of a page, as a program would tell the kernel.
    #[must_use]
    pub const fn is_random(self) -> bool {
        matches!(self, Self::RandomRead | Self::ZipfRead | Self::ZipfWrite | Self::HashJoin)
    }

    /// The work on a slice of so many pages, at least [`PAGES_LEAST`].
    #[must_use]
    pub fn work(self, pages: usize, contents: Contents) -> Box<dyn Work> {
        match self {
            Self::SequentialWrite => Box::new(sequential::Write::new(contents)),
            Self::SequentialRead => Box::new(sequential::Read::new(contents)),
            Self::RandomRead => Box::new(random::Read::new(contents)),
            Self::ZipfRead => Box::new(zipf::Read::new(pages, contents)),
            Self::ZipfWrite => Box::new(zipf::Write::new(pages, contents)),
            Self::Strided => Box::new(strided::Read::new(contents)),
            Self::Sort => Box::new(sort::Sort::new(contents)),
            Self::HashJoin => Box::new(hash_join::Join::new(contents)),
        }
    }
}

/// The fewest pages that every pattern can work on.
pub const PAGES_LEAST: usize = 16;

/// What the working came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Accesses made, as the pattern counts them.
    pub accesses: u64,
    /// What was read, as one number.
    pub read: u64,
}

/// One pattern on a slice of whole pages, all zeros at first.
pub trait Work {
    /// Writes what there must be before; not timed.
    fn fill(&mut self, memory: &mut [u8]);

    /// Works.
    fn run(&mut self, memory: &mut [u8]) -> Done;

    /// What was read and, where the working writes, what was written, as one number; not timed.
    fn proof(&self, memory: &[u8], done: Done) -> u64;
}

/// What was read and what a slice holds, as one number.
fn written(memory: &[u8], done: Done) -> u64 {
    mix(done.read, twox_hash::XxHash3_64::oneshot(memory))
}

/// Adds a word to a number that stands for all words so far, in their order.
const fn mix(so_far: u64, word: u64) -> u64 {
    // An odd number near 2^64 / phi, as in Knuth's multiplicative hashing: no order is lost.
    (so_far.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Content, PAGE};
    use std::collections::BTreeSet;

    const PAGES: usize = 96;

    /// What a pattern comes to on plain memory, and the memory after it.
    fn done(pattern: Pattern, content: Content, seed: u64) -> (Done, u64, Vec<u8>) {
        let mut work = pattern.work(PAGES, Contents::new(content, seed));
        let mut memory = vec![0; PAGES * PAGE];
        work.fill(&mut memory);
        let done = work.run(&mut memory);
        let proof = work.proof(&memory, done);
        (done, proof, memory)
    }

    #[test]
    fn every_pattern_comes_to_the_same_each_time_and_to_another_with_another_seed() {
        for pattern in Pattern::ALL {
            for content in Content::ALL {
                let first = done(pattern, content, 1);
                assert!(first.0.accesses > 0, "{pattern:?}");
                assert_eq!(first, done(pattern, content, 1), "{pattern:?}");
                assert_ne!(first.1, done(pattern, content, 2).1, "{pattern:?}");
            }
        }
    }

    #[test]
    fn a_wrong_byte_shows_in_the_proof() {
        for pattern in Pattern::ALL {
            let mut work = pattern.work(PAGES, Contents::new(Content::Random, 1));
            let mut memory = vec![0; PAGES * PAGE];
            work.fill(&mut memory);
            // Where nothing is filled in, what is left behind is looked at.
            let after = pattern == Pattern::SequentialWrite;
            if !after {
                memory.iter_mut().for_each(|byte| *byte ^= u8::from(*byte != 0));
            }
            let done_so = work.run(&mut memory);
            memory[PAGE] ^= u8::from(after);
            let proof = work.proof(&memory, done_so);
            assert_ne!(proof, done(pattern, Content::Random, 1).1, "{pattern:?}");
        }
    }

    #[test]
    fn the_sequential_patterns_and_the_strided_one_count_a_page_once() {
        for pattern in [Pattern::SequentialWrite, Pattern::SequentialRead, Pattern::Strided] {
            assert_eq!(done(pattern, Content::Random, 1).0.accesses, PAGES as u64);
        }
    }

    #[test]
    fn every_pattern_works_on_the_least_memory() {
        for pattern in Pattern::ALL {
            let mut work = pattern.work(PAGES_LEAST, Contents::new(Content::Compressible, 3));
            let mut memory = vec![0; PAGES_LEAST * PAGE];
            work.fill(&mut memory);
            assert!(work.run(&mut memory).accesses > 0, "{pattern:?}");
        }
    }

    #[test]
    fn every_name_is_its_own() {
        let names: BTreeSet<_> = Pattern::ALL.map(Pattern::name).into_iter().collect();
        assert_eq!(names.len(), Pattern::ALL.len());
    }
}
