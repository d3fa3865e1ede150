//! Two tables joined through a hash table.

use super::{Done, Work, mix};
use crate::content::{Contents, PAGE, WORD, put_word, word};
use rand::RngExt;
use std::ops::Range;

/// Bytes of a row: a key, and what belongs to it.
const ROW: usize = 512;

/// What the keys of the probing table are drawn for.
const PURPOSE: u64 = 4;

/// No key; memory is zeros at first, so an empty slot needs no writing.
const EMPTY: u64 = 0;

/// The rows of the first quarter go into an open-addressing table in the middle, half full then;
/// the rows of the last quarter look for theirs there. Every other one finds it.
pub(super) struct Join {
    contents: Contents,
}

impl Join {
    pub(super) const fn new(contents: Contents) -> Self {
        Self { contents }
    }
}

/// Where the parts of a slice are.
struct Parts {
    built: Range<usize>,
    table: Range<usize>,
    probing: Range<usize>,
}

impl Parts {
    const fn of(memory: &[u8]) -> Self {
        let quarter = memory.len() / PAGE / 4 * PAGE;
        Self { built: 0..quarter, table: quarter..3 * quarter, probing: 3 * quarter..4 * quarter }
    }

    const fn rows(&self) -> usize {
        (self.built.end - self.built.start) / ROW
    }
}

impl Work for Join {
    fn fill(&mut self, memory: &mut [u8]) {
        let parts = Parts::of(memory);
        self.contents.fill(&mut memory[parts.built.clone()]);
        self.contents.fill(&mut memory[parts.probing.clone()]);
        for (key, row) in (1..).zip(memory[parts.built.clone()].chunks_exact_mut(ROW)) {
            put_word(row, 0, key);
        }
        let mut random = self.contents.random(PURPOSE);
        let keys = 1..=2 * parts.rows() as u64;
        for row in memory[parts.probing].chunks_exact_mut(ROW) {
            put_word(row, 0, random.random_range(keys.clone()));
        }
    }

    fn run(&mut self, memory: &mut [u8]) -> Done {
        let parts = Parts::of(memory);
        let (built, rest) = memory[..parts.probing.end].split_at_mut(parts.built.end);
        let (table, probing) = rest.split_at_mut(parts.table.end - parts.table.start);
        for row in built.chunks_exact(ROW) {
            let place = find(table, word(row, 0));
            table[place..place + ROW].copy_from_slice(row);
        }
        let mut read = 0;
        for row in probing.chunks_exact(ROW) {
            let place = find(table, word(row, 0));
            if word(table, place) != EMPTY {
                let found = word(table, place + ROW - WORD);
                read = mix(read, found ^ word(row, ROW - WORD) ^ word(row, 0));
            }
        }
        Done { accesses: 2 * parts.rows() as u64, read }
    }

    fn proof(&self, _: &[u8], done: Done) -> u64 {
        done.read
    }
}

/// The place of a key in the table, or the empty one where it would be.
fn find(table: &[u8], key: u64) -> usize {
    let slots = table.len() / ROW;
    let mut slot = usize::try_from(mix(0, key) % slots as u64).unwrap_or_default();
    loop {
        let place = slot * ROW;
        let found = word(table, place);
        if found == key || found == EMPTY {
            return place;
        }
        slot = (slot + 1) % slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    #[test]
    fn every_row_that_was_built_is_found_and_no_other() {
        let mut work = Join::new(Contents::new(Content::Random, 1));
        let mut memory = vec![0; 64 * PAGE];
        work.fill(&mut memory);
        let done = work.run(&mut memory);
        let parts = Parts::of(&memory);
        let rows = parts.rows() as u64;
        assert_eq!(done.accesses, 2 * rows);
        let table = &memory[parts.table];
        for key in 1..=rows {
            assert_eq!(word(table, find(table, key)), key);
        }
        assert!((rows + 1..=2 * rows).all(|key| word(table, find(table, key)) == EMPTY));
    }
}
