//! One page after the other.

use super::{Done, Work, mix, written};
use crate::content::{Contents, PAGE, word};

/// Every page is written, whole.
pub(super) struct Write {
    contents: Contents,
}

impl Write {
    pub(super) const fn new(contents: Contents) -> Self {
        Self { contents }
    }
}

impl Work for Write {
    fn fill(&mut self, _: &mut [u8]) {}

    fn run(&mut self, memory: &mut [u8]) -> Done {
        self.contents.fill(memory);
        Done { accesses: (memory.len() / PAGE) as u64, read: 0 }
    }

    fn proof(&self, memory: &[u8], done: Done) -> u64 {
        written(memory, done)
    }
}

/// The first word and one in the middle of every page are read.
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
        for page in memory.chunks_exact(PAGE) {
            done.read = mix(mix(done.read, word(page, 0)), word(page, PAGE / 2));
            done.accesses += 1;
        }
        done
    }

    fn proof(&self, _: &[u8], done: Done) -> u64 {
        done.read
    }
}
