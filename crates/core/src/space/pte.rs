//! A page-table entry: 64 bits that say where a page is.
//!
//! | bits | valid | else |
//! |---|---|---|
//! | 0 | 1 | 0 |
//! | 1–7 | read, write, execute, accessed, dirty, shared, pinned | kind in 1–3 |
//! | 8–11 | | page file; of a store entry, whether it is one word |
//! | 12–43 | frame | frame, slot or store entry |
//! | 44–63 | | when the page was evicted, in a page file and in the store |

use crate::page::{Access, Pfn};
use crate::store::{Entry, Place};

const VALID: u64 = 1;
pub(crate) const READ: u64 = 1 << 1;
pub(crate) const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
pub(crate) const ACCESSED: u64 = 1 << 4;
pub(crate) const DIRTY: u64 = 1 << 5;
const SHARED: u64 = 1 << 6;
const PINNED: u64 = 1 << 7;
const RIGHTS: u64 = READ | WRITE | EXECUTE;
const KIND_SHIFT: u32 = 1;
const FILE_SHIFT: u32 = 8;
const NUMBER_SHIFT: u32 = 12;
const STAMP_SHIFT: u32 = 44;

/// Bits of an entry that is not valid which say when the page was evicted.
pub(crate) const STAMP_BITS: u32 = u64::BITS - STAMP_SHIFT;

const TRANSITION: u64 = 1;
const PAGE_FILE: u64 = 2;
const STORE: u64 = 3;
const LOST: u64 = 4;
const GONE: u64 = 5;

/// In the place of a page file: the store entry is one word.
const SAME: u8 = 1;

/// A slot of a page file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Slot {
    /// Which page file.
    pub file: u8,
    /// Which page of it.
    pub number: u32,
}

/// A PTE, as the manager reasons about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pte {
    /// Nothing yet: the region says what the first access gives (demand zero, a prototype PTE or a
    /// page of the section's file).
    None,
    /// The page is there.
    Valid(Valid),
    /// The page is in this frame, in no working set.
    Transition(Pfn),
    /// The page is in a page file.
    PageFile(Slot),
    /// The page is in the compression store.
    Store(Entry),
    /// The page's contents could not be had back: every access raises this error.
    Lost(u32),
    /// The page's contents were given up by a reset or an offer, and then taken: the next access
    /// gets zeros.
    Gone,
}

/// A valid PTE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Valid(pub(crate) u64);

impl Valid {
    pub(crate) const fn new(pfn: Pfn) -> Self {
        Self(VALID | (pfn.0 as u64) << NUMBER_SHIFT)
    }

    pub(crate) const fn pfn(self) -> Pfn {
        Pfn((self.0 >> NUMBER_SHIFT & 0xffff_ffff) as u32)
    }

    pub(crate) const fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }

    pub(crate) const fn with(self, bit: u64, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Whether the frame belongs to a section.
    pub(crate) const fn is_shared(self) -> bool {
        self.has(SHARED)
    }

    pub(crate) const fn shared(self) -> Self {
        Self(self.0 | SHARED)
    }

    /// Whether it is never in the working set: large and physical pages.
    pub(crate) const fn is_pinned(self) -> bool {
        self.has(PINNED)
    }

    pub(crate) const fn pinned(self) -> Self {
        Self(self.0 | PINNED)
    }

    /// What the hardware would allow.
    pub(crate) const fn rights(self, rights: Rights) -> Self {
        Self(self.0 & !RIGHTS | rights.0)
    }

    pub(crate) const fn current_rights(self) -> Rights {
        Rights(self.0 & RIGHTS)
    }
}

/// What a valid PTE lets a thread do without a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rights(u64);

impl Rights {
    /// Nothing: every access faults.
    pub const NONE: Self = Self(0);

    /// Reads, and what is added.
    #[must_use]
    pub(crate) const fn new(read: bool, write: bool, execute: bool) -> Self {
        let read = if read { READ } else { 0 };
        let write = if write { WRITE } else { 0 };
        let execute = if execute { EXECUTE } else { 0 };
        Self(read | write | execute)
    }

    /// Whether an access passes without a fault.
    #[must_use]
    pub const fn allow(self, access: Access) -> bool {
        self.0 & right(access) != 0
    }
}

#[inline]
const fn right(access: Access) -> u64 {
    match access {
        Access::Read => READ,
        Access::Write => WRITE,
        Access::Execute => EXECUTE,
    }
}

impl Pte {
    #[inline]
    pub(crate) const fn unpacked(word: u64) -> Self {
        if word & VALID != 0 {
            return Self::Valid(Valid(word));
        }
        let number = (word >> NUMBER_SHIFT & 0xffff_ffff) as u32;
        let file = (word >> FILE_SHIFT & 15) as u8;
        match word >> KIND_SHIFT & 7 {
            TRANSITION => Self::Transition(Pfn(number)),
            PAGE_FILE => Self::PageFile(Slot { file, number }),
            STORE if file == SAME => Self::Store(Entry::Same(number)),
            STORE => Self::Store(Entry::Bytes(Place(number))),
            LOST => Self::Lost(number),
            GONE => Self::Gone,
            _ => Self::None,
        }
    }

    #[inline]
    pub(crate) const fn packed(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Valid(valid) => valid.0,
            Self::Transition(pfn) => TRANSITION << KIND_SHIFT | (pfn.0 as u64) << NUMBER_SHIFT,
            Self::PageFile(slot) => {
                PAGE_FILE << KIND_SHIFT
                    | (slot.file as u64) << FILE_SHIFT
                    | (slot.number as u64) << NUMBER_SHIFT
            }
            Self::Store(Entry::Bytes(place)) => {
                STORE << KIND_SHIFT | (place.0 as u64) << NUMBER_SHIFT
            }
            Self::Store(Entry::Same(number)) => {
                STORE << KIND_SHIFT | (SAME as u64) << FILE_SHIFT | (number as u64) << NUMBER_SHIFT
            }
            Self::Gone => GONE << KIND_SHIFT,
            Self::Lost(code) => LOST << KIND_SHIFT | (code as u64) << NUMBER_SHIFT,
        }
    }
}

/// The stamp of an entry that is not valid; 0 is none.
#[inline]
pub(crate) const fn stamp_of(word: u64) -> u64 {
    word >> STAMP_SHIFT
}

/// An entry that is not valid, with a stamp.
#[inline]
pub(crate) const fn with_stamp(word: u64, stamp: u64) -> u64 {
    word & !(u64::MAX << STAMP_SHIFT) | stamp << STAMP_SHIFT
}

/// What a resident access changes: the word after it, or `None` where it faults.
#[inline]
pub(crate) const fn touched(word: u64, access: Access) -> Option<u64> {
    let need = VALID | right(access);
    if word & need != need {
        return None;
    }
    let dirty = if matches!(access, Access::Write) { DIRTY } else { 0 };
    Some(word | ACCESSED | dirty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_entry_survives_packing() {
        let valid = Valid::new(Pfn(0xfff0_0001)).rights(Rights::new(true, false, true)).shared();
        for pte in [
            Pte::None,
            Pte::Valid(valid),
            Pte::Transition(Pfn(u32::MAX - 1)),
            Pte::PageFile(Slot { file: 15, number: u32::MAX }),
            Pte::PageFile(Slot { file: 0, number: 0 }),
            Pte::Store(Entry::Bytes(Place(u32::MAX))),
            Pte::Store(Entry::Same(u32::MAX)),
            Pte::Lost(5),
            Pte::Gone,
        ] {
            assert_eq!(Pte::unpacked(pte.packed()), pte);
        }
        assert_eq!(valid.pfn(), Pfn(0xfff0_0001));
    }

    #[test]
    fn a_resident_access_leaves_its_marks() {
        let word = Valid::new(Pfn(3)).rights(Rights::new(true, false, false)).0;
        assert_eq!(touched(word, Access::Read), Some(word | ACCESSED));
        assert_eq!(touched(word, Access::Write), None);
        assert_eq!(touched(word, Access::Execute), None);
        let word = word | WRITE;
        assert_eq!(touched(word, Access::Write), Some(word | ACCESSED | DIRTY));
        assert_eq!(touched(Pte::Transition(Pfn(3)).packed(), Access::Read), None);
    }
}
