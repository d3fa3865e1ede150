//! What pages hold: the same bytes for the same seed, whatever system they are kept by.

use memtide_core::units::PAGE_SIZE;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;
use serde::{Deserialize, Serialize};

/// Bytes of a page, as an index.
pub(crate) const PAGE: usize = 4096;

const _: () = assert!(PAGE as u64 == PAGE_SIZE, "a page is a page of the core");

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<u64>();

/// Words in a row that are random, or not: a match of LZ4 is worth its while.
const STRETCH: usize = 16;

/// Of so many stretches the first `RANDOM` are random: the memory of programs compresses to
/// something between a half and a quarter.
const PERIOD: usize = 7;

const RANDOM: usize = 2;

/// Few enough to stay in a processor's cache, enough that neighbours differ.
const TEMPLATES: usize = 32;

/// How well pages compress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// To about a third.
    #[default]
    Compressible,
    /// Not at all.
    Random,
}

impl Content {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Compressible, Self::Random];

    /// Its name on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compressible => "compressible",
            Self::Random => "random",
        }
    }
}

/// What the pages of one comparison hold.
///
/// A page is a copy of one of a few templates with its number in the first word, so that writing
/// it costs a copy and no more; compression looks at one page at a time and finds no others.
#[derive(Clone, Debug)]
pub struct Contents {
    /// How well they compress.
    pub content: Content,
    /// What decides them.
    pub seed: u64,
    templates: Vec<[u8; PAGE]>,
}

impl Contents {
    /// The contents that a seed decides.
    #[must_use]
    pub fn new(content: Content, seed: u64) -> Self {
        let mut random = SplitMix64::seed_from_u64(seed);
        let mut template = || {
            let mut page = [0; PAGE];
            let repeated: u64 = random.random();
            for (index, word) in page.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
                let is_random = content == Content::Random || index / STRETCH % PERIOD < RANDOM;
                let value = if is_random { random.random() } else { repeated };
                *word = value.to_le_bytes();
            }
            page
        };
        let templates = (0..TEMPLATES).map(|_| template()).collect();
        Self { content, seed, templates }
    }

    /// Randomness of its own for a purpose.
    pub(crate) fn random(&self, purpose: u64) -> SplitMix64 {
        SplitMix64::seed_from_u64(self.seed ^ purpose.rotate_left(32))
    }

    /// Writes the page of this number.
    pub(crate) fn write(&self, number: usize, page: &mut [u8]) {
        page.copy_from_slice(&self.templates[number % TEMPLATES]);
        page[..WORD].copy_from_slice(&(number as u64).to_le_bytes());
    }

    /// Writes every page.
    pub(crate) fn fill(&self, memory: &mut [u8]) {
        for (number, page) in memory.chunks_exact_mut(PAGE).enumerate() {
            self.write(number, page);
        }
    }
}

/// The word at this offset in bytes.
pub(crate) fn word(memory: &[u8], offset: usize) -> u64 {
    let mut bytes = [0; WORD];
    bytes.copy_from_slice(&memory[offset..offset + WORD]);
    u64::from_le_bytes(bytes)
}

/// Puts a word at this offset in bytes.
pub(crate) fn put_word(memory: &mut [u8], offset: usize, word: u64) {
    memory[offset..offset + WORD].copy_from_slice(&word.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(content: Content) -> f64 {
        let contents = Contents::new(content, 1);
        let mut page = [0; PAGE];
        contents.write(7, &mut page);
        let mut compressed = [0; 2 * PAGE];
        let bytes = lz4_flex::block::compress_into(&page, &mut compressed).expect("there is room");
        bytes as f64 / PAGE as f64
    }

    #[test]
    fn compressible_pages_shrink_to_about_a_third_and_random_ones_not_at_all() {
        let third = ratio(Content::Compressible);
        assert!((0.3..0.35).contains(&third), "{third}");
        assert!(ratio(Content::Random) > 0.99);
    }

    #[test]
    fn a_seed_decides_every_byte_and_pages_differ() {
        let (mut one, mut same, mut other) = ([0; 3 * PAGE], [0; 3 * PAGE], [0; 3 * PAGE]);
        Contents::new(Content::Random, 1).fill(&mut one);
        Contents::new(Content::Random, 1).fill(&mut same);
        Contents::new(Content::Random, 2).fill(&mut other);
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_ne!(one[..PAGE], one[PAGE..2 * PAGE]);
    }
}
