//! Steps of several pages.

use super::{Done, Work, mix};
use crate::content::{Contents, PAGE, word};

/// Pages from one access to the next: more than the eight that the kernel swaps in at once.
const STRIDE: usize = 9;

/// A word of every ninth page is read, nine times through, so that every page is read once.
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
        let mut done = Done { accesses: 0, read: 0 };
        for first in 0..STRIDE {
            for page in memory.chunks_exact(PAGE).skip(first).step_by(STRIDE) {
                done.read = mix(done.read, word(page, PAGE / 2));
                done.accesses += 1;
            }
        }
        done
    }

    fn proof(&self, _: &[u8], done: Done) -> u64 {
        done.read
    }
}
