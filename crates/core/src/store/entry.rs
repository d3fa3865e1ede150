//! What a PTE names where its page is in the store, and what the store knows of the page.

use crate::pfn::PteAddress;

/// A page that the store keeps, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// Compressed bytes in a place of a frame.
    Bytes(Place),
    /// One word, over and over.
    Same(u32),
}

/// The bits of a place that say which of its frame it is.
const POSITION_BITS: u32 = 5;

/// A place of a frame of the store: the frame's slab, and which of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u32);

impl Place {
    /// How many slabs have numbers for their places.
    pub(super) const SLABS_MAX: u32 = 1 << (u32::BITS - POSITION_BITS);

    pub(super) const fn new(slab: u32, position: u32) -> Self {
        Self(slab << POSITION_BITS | position)
    }

    pub(super) const fn slab(self) -> u32 {
        self.0 >> POSITION_BITS
    }

    pub(super) const fn position(self) -> u32 {
        self.0 & ((1 << POSITION_BITS) - 1)
    }
}

const OWNER_AT: u32 = 20;

/// What lies at a place, in a word: there is one for each page that the store keeps.
///
/// | bits | |
/// |---|---|
/// | 0..20 | how many bytes |
/// | 20..64 | the owner's PTE address |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Content(u64);

impl Content {
    pub(super) fn new(bytes: u16, owner: PteAddress) -> Self {
        assert!(owner.0 >> (u64::BITS - OWNER_AT) == 0, "{owner:?} is no address of a PTE");
        Self(owner.0 << OWNER_AT | u64::from(bytes))
    }

    /// No page, but the number of what follows in a chain.
    pub(super) const fn link(next: u32) -> Self {
        Self(next as u64)
    }

    #[allow(clippy::cast_possible_truncation, reason = "a link is a number of 32 bits")]
    pub(super) const fn linked(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn bytes(self) -> u16 {
        u16::try_from(self.0 & ((1 << OWNER_AT) - 1)).unwrap_or(u16::MAX)
    }

    pub(super) const fn owner(self) -> PteAddress {
        PteAddress(self.0 >> OWNER_AT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_keeps_its_size_and_its_owner() {
        for bytes in [1, 1300, 4096] {
            for owner in [0, 1, 511, (1 << 44) - 1] {
                let content = Content::new(bytes, PteAddress(owner));
                assert_eq!((content.bytes(), content.owner()), (bytes, PteAddress(owner)));
            }
        }
        assert_eq!(Content::link(u32::MAX).linked(), u32::MAX);
    }

    #[test]
    #[should_panic(expected = "is no address of a PTE")]
    fn what_owns_nothing_is_a_bug() {
        let _ = Content::new(1, PteAddress::NONE);
    }

    #[test]
    fn a_place_is_of_its_slab() {
        let last = Place::new(Place::SLABS_MAX - 1, 31);
        assert_eq!((last.slab(), last.position()), (Place::SLABS_MAX - 1, 31));
        assert_eq!(Place::new(3, 0).0, 96);
    }
}
