//! Marks on a line of places, and how many lie before one.

const WORD: usize = 64;
const WORDS: usize = 8;

/// Places in a block: eight words are one cache line.
const BLOCK: usize = WORDS * WORD;

/// Marks on a line of places.
///
/// A bit a place, and over blocks of 512 places a Fenwick tree of their counts (Fenwick 1994): a
/// mark is set, taken away and counted in as many steps as the logarithm of the blocks, and most
/// of it stays in the processor's caches.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    words: Vec<u64>,
    /// Node `n`, from 1, counts the marks of the `n & -n` blocks of which the last is block `n`.
    tree: Vec<u32>,
}

impl Marks {
    /// So many places, of which the first ones have marks.
    pub(super) fn new(places: usize, marked: usize) -> Self {
        let blocks = places.div_ceil(BLOCK);
        let mut words = vec![0; blocks * WORDS];
        words[..marked / WORD].fill(u64::MAX);
        if !marked.is_multiple_of(WORD) {
            words[marked / WORD] = (1 << (marked % WORD)) - 1;
        }
        let mut tree = vec![0; blocks + 1];
        for (node, block) in (1..).zip(words.chunks(WORDS)) {
            tree[node] += block.iter().map(|word| word.count_ones()).sum::<u32>();
            let parent = node + lowest_bit(node);
            if parent <= blocks {
                tree[parent] += tree[node];
            }
        }
        Self { words, tree }
    }

    /// How many places there are.
    pub(super) const fn places(&self) -> usize {
        self.words.len() * WORD
    }

    /// Sets the mark of a place that has none.
    #[inline]
    pub(super) fn set(&mut self, place: usize) {
        self.words[place / WORD] |= 1 << (place % WORD);
        let mut node = place / BLOCK + 1;
        while let Some(count) = self.tree.get_mut(node) {
            *count += 1;
            node += lowest_bit(node);
        }
    }

    /// Takes the mark of a place away.
    #[inline]
    pub(super) fn clear(&mut self, place: usize) {
        self.words[place / WORD] &= !(1 << (place % WORD));
        let mut node = place / BLOCK + 1;
        while let Some(count) = self.tree.get_mut(node) {
            *count -= 1;
            node += lowest_bit(node);
        }
    }

    /// How many marks lie before a place.
    #[inline]
    pub(super) fn before(&self, place: usize) -> usize {
        let (word, block) = (place / WORD, place / BLOCK);
        let whole = self.words[block * WORDS..word].iter().map(|word| word.count_ones());
        let within = self.words[word] & ((1 << (place % WORD)) - 1);
        let mut count = whole.sum::<u32>() + within.count_ones();
        let mut node = block;
        while node > 0 {
            count += self.tree[node];
            node -= lowest_bit(node);
        }
        count as usize
    }
}

#[inline]
const fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_many_marks_lie_before_a_place_as_were_set_there(
            marked in 0_usize..70_000,
            changes in proptest::collection::vec(0_usize..70_000, 0..200),
        ) {
            let mut marks = Marks::new(70_000, marked);
            let mut expected: Vec<bool> = (0..marks.places()).map(|place| place < marked).collect();
            for place in changes {
                if expected[place] { marks.clear(place) } else { marks.set(place) }
                expected[place] = !expected[place];
            }
            let mut count = 0;
            for (place, is_set) in expected.into_iter().enumerate() {
                prop_assert_eq!(marks.before(place), count, "before {}", place);
                count += usize::from(is_set);
            }
        }
    }
}
