//! A sort that knows nothing of pages.

use super::{Done, Work, written};
use crate::content::{Content, Contents, WORD};
use rand::RngExt;

/// What the numbers are drawn for.
const PURPOSE: u64 = 3;

/// Random numbers of 64 bits are sorted by the standard library.
pub(super) struct Sort {
    contents: Contents,
}

impl Sort {
    pub(super) const fn new(contents: Contents) -> Self {
        Self { contents }
    }
}

impl Work for Sort {
    fn fill(&mut self, memory: &mut [u8]) {
        let mut random = self.contents.random(PURPOSE);
        for number in memory.as_chunks_mut::<WORD>().0 {
            let drawn = match self.contents.content {
                // Identifiers: the upper half is zero.
                Content::Compressible => u64::from(random.random::<u32>()),
                Content::Random => random.random(),
            };
            *number = drawn.to_le_bytes();
        }
    }

    fn run(&mut self, memory: &mut [u8]) -> Done {
        let numbers = memory.as_chunks_mut::<WORD>().0;
        numbers.sort_unstable_by_key(|number| u64::from_le_bytes(*number));
        Done { accesses: numbers.len() as u64, read: 0 }
    }

    fn proof(&self, memory: &[u8], done: Done) -> u64 {
        written(memory, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::PAGE;

    #[test]
    fn what_was_sorted_is_in_order() {
        let mut work = Sort::new(Contents::new(Content::Compressible, 1));
        let mut memory = vec![0; 16 * PAGE];
        work.fill(&mut memory);
        let numbers = |memory: &[u8]| {
            let words = memory.as_chunks::<WORD>().0.iter();
            words.map(|word| u64::from_le_bytes(*word)).collect::<Vec<_>>()
        };
        let mut expected = numbers(&memory);
        assert!(!expected.is_sorted());
        expected.sort_unstable();
        work.run(&mut memory);
        assert_eq!(numbers(&memory), expected);
    }
}
