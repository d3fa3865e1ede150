//! Refaults: whether a page that is read back was evicted so lately that memory was merely too
//! small for it to prove itself.
//!
//! A page that is evicted from probation leaves the time in its PTE, counted in such evictions.
//! One that is read back within the policy's window is no newcomer: it enters the main queue.
//!
//! Source: S3-FIFO's ghost queue (SOSP 2023), kept where Linux keeps its shadow entries
//! (`mm/workingset.c`).

use crate::space::pte::{STAMP_BITS, stamp_of, with_stamp};

/// Counts the evictions from probation.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct EvictionClock {
    evictions: u64,
    /// The stamp's unit: so many evictions, as a power of two.
    shift: u32,
    /// In evictions.
    window: u64,
}

/// A unit is at most so small a part of memory. With the bits of a stamp the clock goes round once
/// in 128 times the evictions that memory has frames: few of the pages away for longer look recent.
const UNITS_LOG: u32 = 12;

/// A stamp is a time and a mark that there is one.
const TIMES: u64 = (1 << (STAMP_BITS - 1)) - 1;

impl EvictionClock {
    pub(crate) fn new(frames: u32, window_permille: u16) -> Self {
        Self {
            evictions: 0,
            shift: frames.max(1).ilog2().saturating_sub(UNITS_LOG),
            window: u64::from(frames) * u64::from(window_permille) / 1000,
        }
    }

    const fn time(&self) -> u64 {
        self.evictions >> self.shift & TIMES
    }

    /// The PTE of a page that is evicted from probation now.
    pub(crate) const fn evict(&mut self, word: u64) -> u64 {
        let stamp = self.time() << 1 | 1;
        self.evictions += 1;
        with_stamp(word, stamp)
    }

    /// Whether the page of a PTE was evicted within the window.
    pub(crate) const fn is_recent(&self, word: u64) -> bool {
        let stamp = stamp_of(word);
        let distance = self.time().wrapping_sub(stamp >> 1) & TIMES;
        stamp & 1 == 1 && distance << self.shift < self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_recent_until_the_window_of_evictions_is_over() {
        for frames in [1, 100, 4096, 100_000, 1 << 28] {
            let mut clock = EvictionClock::new(frames, 900);
            let word = clock.evict(6);
            let window = u64::from(frames) * 9 / 10;
            let unit = u64::from(frames.div_ceil(4096));
            assert_eq!(clock.is_recent(word), window > 0);
            assert!(!clock.is_recent(6), "without a stamp");
            clock.evictions = window.saturating_sub(unit);
            assert_eq!(clock.is_recent(word), window > 0, "{frames} frames");
            clock.evictions = window + unit;
            assert!(!clock.is_recent(word), "{frames} frames");
        }
    }

    #[test]
    fn a_stamp_leaves_what_the_entry_says() {
        let mut clock = EvictionClock::new(4096, 900);
        clock.evictions = u64::MAX >> 1;
        let slot = crate::space::pte::Slot { file: 15, number: u32::MAX };
        let pte = crate::space::pte::Pte::PageFile(slot);
        let word = clock.evict(pte.packed());
        assert_eq!(crate::space::pte::Pte::unpacked(word), pte);
        assert!(clock.is_recent(word));
    }
}
