//! A permutation of numbers that needs no memory.

/// A permutation of 0 to `count` - 1.
///
/// It mixes the bits of the next power of two, each step of which can be undone, and goes on from
/// a result that is too large until one is not ("cycle walking", Black and Rogaway 2002).
#[derive(Clone, Copy, Debug)]
pub(super) struct Permutation {
    count: u64,
    mask: u64,
    shift: u32,
    keys: [u64; 2],
}

/// An odd multiplier that spreads bits well: 2^64 / the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Permutation {
    /// The permutation of `count` numbers, at least one, that belongs to a key.
    pub(super) const fn new(count: u64, key: u64) -> Self {
        let bits = u64::BITS - (count - 1).leading_zeros();
        let mask = if bits == 0 { 0 } else { u64::MAX >> (u64::BITS - bits) };
        let keys = [key, key.wrapping_mul(GOLDEN).rotate_left(32)];
        Self { count, mask, shift: bits.div_ceil(2), keys }
    }

    /// Where a number goes.
    #[inline]
    pub(super) const fn of(&self, number: u64) -> u64 {
        let mut at = number;
        loop {
            at = self.mix(self.mix(at, self.keys[0]), self.keys[1]);
            if at < self.count {
                return at;
            }
        }
    }

    /// One round over all numbers up to the mask.
    #[inline]
    const fn mix(&self, number: u64, key: u64) -> u64 {
        let spread = (number ^ key).wrapping_mul(GOLDEN) & self.mask;
        // A number of no bits has nothing to be shifted by.
        if self.shift == 0 { spread } else { spread ^ (spread >> self.shift) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_goes_to_a_place_of_its_own() {
        for count in (1..70).chain([1000, 1024, 1025, 100_000]) {
            for key in [0, 1, u64::MAX] {
                let permutation = Permutation::new(count, key);
                let mut places: Vec<u64> = (0..count).map(|n| permutation.of(n)).collect();
                places.sort_unstable();
                assert!(places.into_iter().eq(0..count), "{count} numbers, key {key}");
            }
        }
    }

    #[test]
    fn neighbours_are_scattered() {
        let permutation = Permutation::new(1_000_000, 7);
        let near = |n: &u64| permutation.of(*n).abs_diff(permutation.of(n + 1)) < 1000;
        let together = (0..10_000).filter(near).count();
        // Two places of a million taken at random are that near with a chance of 1 in 500.
        assert!(together < 100, "{together} of 10000 neighbours are neighbours still");
    }
}
