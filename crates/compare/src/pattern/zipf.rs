//! Pages of which some are far more popular than others.

use super::{Done, Work, mix, written};
use crate::content::{Contents, PAGE, put_word, word};
use rand::distr::Distribution;
use rand::seq::SliceRandom;
use rand_distr::Zipf;

/// How unequal pages are: YCSB's choice.
const ALPHA: f64 = 0.99;

/// Accesses for each page there is.
const ACCESSES: usize = 4;

/// What the pages are drawn for.
const PURPOSE: u64 = 2;

/// The pages to go to, drawn before: a draw takes about as long as a page in memory.
fn draw(pages: usize, contents: &Contents) -> Vec<u32> {
    let mut random = contents.random(PURPOSE);
    let count = u32::try_from(pages).unwrap_or(u32::MAX);
    // Popular pages lie anywhere.
    let mut of_rank: Vec<u32> = (0..count).collect();
    of_rank.shuffle(&mut random);
    let law = Zipf::new(f64::from(count), ALPHA).expect("there are pages, and alpha is positive");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank from 1")]
    let rank = |drawn: f64| drawn as usize - 1;
    (0..pages * ACCESSES).map(|_| of_rank[rank(law.sample(&mut random))]).collect()
}

/// A word of each page drawn is read.
pub(super) struct Read {
    contents: Contents,
    drawn: Vec<u32>,
}

impl Read {
    pub(super) fn new(pages: usize, contents: Contents) -> Self {
        Self { drawn: draw(pages, &contents), contents }
    }
}

impl Work for Read {
    fn fill(&mut self, memory: &mut [u8]) {
        self.contents.fill(memory);
    }

    fn run(&mut self, memory: &mut [u8]) -> Done {
        let read = self.drawn.iter().fold(0, |read, page| mix(read, word(memory, place(*page))));
        Done { accesses: self.drawn.len() as u64, read }
    }

    fn proof(&self, _: &[u8], done: Done) -> u64 {
        done.read
    }
}

/// A word of each page drawn is changed.
pub(super) struct Write {
    contents: Contents,
    drawn: Vec<u32>,
}

impl Write {
    pub(super) fn new(pages: usize, contents: Contents) -> Self {
        Self { drawn: draw(pages, &contents), contents }
    }
}

impl Work for Write {
    fn fill(&mut self, memory: &mut [u8]) {
        self.contents.fill(memory);
    }

    fn run(&mut self, memory: &mut [u8]) -> Done {
        for (number, page) in (0..).zip(&self.drawn) {
            let place = place(*page);
            let changed = mix(word(memory, place), number);
            put_word(memory, place, changed);
        }
        Done { accesses: self.drawn.len() as u64, read: 0 }
    }

    fn proof(&self, memory: &[u8], done: Done) -> u64 {
        written(memory, done)
    }
}

/// Where the word of a page is.
const fn place(page: u32) -> usize {
    page as usize * PAGE + PAGE / 2
}
