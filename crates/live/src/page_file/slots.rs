//! What is known of each slot: what its page must be when it is read.
//!
//! It lies in memory, 8 bytes a slot and 32 with encryption, and takes memory only where slots have
//! been written.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use super::area::Area;
use super::cipher::Seal;

/// Words of a slot: the checksum of its plain page.
const PLAIN: usize = 1;
/// Words of a slot: the checksum, the nonce, the tag.
const SEALED: usize = 4;

/// What is known of all slots.
pub(crate) struct Slots {
    area: Area,
    /// Words of each.
    stride: usize,
    count: u32,
}

impl Slots {
    /// So many slots, none of them written.
    ///
    /// # Errors
    /// ENOMEM.
    pub(crate) fn new(count: u32, is_encrypted: bool) -> Result<Self, Errno> {
        let stride = if is_encrypted { SEALED } else { PLAIN };
        let bytes = u64::from(count) * 8 * stride as u64;
        let bytes = bytes.max(1).next_multiple_of(memtide_core::page::PAGE_SIZE);
        Ok(Self { area: Area::new(bytes)?, stride, count })
    }

    fn words(&self, slot: u32) -> &[AtomicU64] {
        assert!(slot < self.count, "slot {slot} of a page file of at most {}", self.count);
        let start = self.area.at(slot as usize * self.stride * 8);
        // SAFETY: the words are within the area, which lives as long as this; they begin as zeros,
        // and are only ever used as atomics.
        unsafe { std::slice::from_raw_parts(start, self.stride) }
    }

    /// The checksum of the plain page that was last written there.
    pub(crate) fn sum(&self, slot: u32) -> u64 {
        self.words(slot)[0].load(Ordering::Acquire)
    }

    /// A page of this checksum is about to be written there.
    pub(crate) fn set_sum(&self, slot: u32, sum: u64) {
        self.words(slot)[0].store(sum, Ordering::Release);
    }

    /// How the page there is sealed.
    pub(crate) fn seal(&self, slot: u32) -> Seal {
        let words = self.words(slot);
        let word = |number: usize| words[number].load(Ordering::Acquire);
        Seal { nonce: word(1), tag: (u128::from(word(2)) << 64) | u128::from(word(3)) }
    }

    /// A page that is sealed so is about to be written there.
    pub(crate) fn set_seal(&self, slot: u32, seal: Seal) {
        let words = self.words(slot);
        let [low, high] = [seal.tag & u128::from(u64::MAX), seal.tag >> 64];
        let values = [seal.nonce, high.try_into().unwrap_or(0), low.try_into().unwrap_or(0)];
        for (word, value) in words[1..].iter().zip(values) {
            word.store(value, Ordering::Release);
        }
    }
}
