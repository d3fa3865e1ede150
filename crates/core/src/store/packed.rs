//! An entry of the store in two words: there is one for each page that it keeps.
//!
//! | bits of word 0 | a page's bytes | one word | not in use |
//! |---|---|---|---|
//! | 0..2 | 1 | 2 | 0 |
//! | 2..7 | which place of the frame | | the next such number and 1, or 0 |
//! | 7..20 | how many bytes | | |
//! | 20..64 | the owner's PTE address | the owner's PTE address | |
//!
//! Word 1 is the frame, or the word.

use super::Entry;
use super::placement::{Place, place_bytes};
use crate::pfn::PteAddress;

const BYTES: u64 = 1;
const SAME: u64 = 2;
const TAG_BITS: u32 = 2;
const PLACE_AT: u32 = TAG_BITS;
const BYTES_AT: u32 = 7;
const OWNER_AT: u32 = 20;

/// An entry, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Packed([u64; 2]);

/// The low bits of a word.
fn low(word: u64, bits: u32) -> u32 {
    u32::try_from(word & ((1 << bits) - 1)).unwrap_or(u32::MAX)
}

impl From<Entry> for Packed {
    fn from(entry: Entry) -> Self {
        let owned = |owner: PteAddress, tag: u64| {
            assert!(owner.0 >> (u64::BITS - OWNER_AT) == 0, "{owner:?} is no address of a PTE");
            owner.0 << OWNER_AT | tag
        };
        match entry {
            Entry::Unused(next) => {
                let next = next.map_or(0, |number| u64::from(number) + 1);
                Self([next << TAG_BITS, 0])
            }
            Entry::Bytes { place: Place { frame, offset }, bytes, owner } => {
                let number = u64::from(u32::from(offset) / place_bytes(bytes));
                let (number, bytes) = (number << PLACE_AT, u64::from(bytes) << BYTES_AT);
                Self([owned(owner, BYTES) | number | bytes, u64::from(frame)])
            }
            Entry::Same { word, owner } => Self([owned(owner, SAME), word]),
        }
    }
}

impl From<Packed> for Entry {
    fn from(Packed([first, second]): Packed) -> Self {
        let owner = PteAddress(first >> OWNER_AT);
        let small = |word: u32| u16::try_from(word).unwrap_or(u16::MAX);
        match u64::from(low(first, TAG_BITS)) {
            BYTES => {
                let bytes = small(low(first >> BYTES_AT, OWNER_AT - BYTES_AT));
                let number = low(first >> PLACE_AT, BYTES_AT - PLACE_AT);
                let offset = small(number * place_bytes(bytes));
                let place = Place { frame: low(second, 32), offset };
                Self::Bytes { place, bytes, owner }
            }
            SAME => Self::Same { word: second, owner },
            _ => Self::Unused(low(first >> TAG_BITS, 32).checked_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_entry_is_the_entry_again() {
        let owner = PteAddress((1 << 41) - 1);
        let bytes = [(0, 0, 1), (u32::MAX, 4096 - 128, 128), (7, 2730, 1365), (9, 0, 4096)];
        let bytes = bytes.map(|(frame, offset, bytes)| Entry::Bytes {
            place: Place { frame, offset },
            bytes,
            owner,
        });
        let others = [
            Entry::Same { word: u64::MAX, owner },
            Entry::Same { word: 0, owner: PteAddress(0) },
            Entry::Unused(None),
            Entry::Unused(Some(0)),
            Entry::Unused(Some(u32::MAX - 1)),
        ];
        for entry in bytes.into_iter().chain(others) {
            assert_eq!(Entry::from(Packed::from(entry)), entry);
        }
    }
}
