//! Pages without an order.

use super::{Done, Work, mix};
use crate::content::{Contents, PAGE, WORD, word};
use rand::RngExt;

/// What the pages and words are drawn for.
const PURPOSE: u64 = 1;

/// A word of a random page is read, as often as there are pages.
pub(super) struct Read {
    contents: Contents,
}

impl Read {
    pub(super) const fn new(contents: Contents) -> Self {
        Self { contents }
    }
}

impl Work for Read {
    fn fill(&mut self, memory: &mut [u8]) {
        self.contents.fill(memory);
    }

    fn run(&mut self, memory: &mut [u8]) -> Done {
        let mut random = self.contents.random(PURPOSE);
        let accesses = memory.len() / PAGE;
        let mut done = Done { accesses: accesses as u64, read: 0 };
        for _ in 0..accesses {
            let offset = random.random_range(0..memory.len() / WORD) * WORD;
            done.read = mix(done.read, word(memory, offset));
        }
        done
    }

    fn proof(&self, _: &[u8], done: Done) -> u64 {
        done.read
    }
}
