//! One entry of the PFN database: 32 bytes in four words.
//!
//! | word | active | on a list | I/O in progress |
//! |---|---|---|---|
//! | 0, low half | working-set index | next frame | operation |
//! | 0, high half | share count | previous frame | |
//! | 1 | PTE address | PTE address, or none | PTE address, or none |
//! | 2 | original PTE | original PTE | original PTE |
//! | 3 | state, priority, flags | same | same |
//!
//! The reference count follows from state and flags: see [`Entry::references`].
//!
//! A word of all zeros is a zeroed page that was never used, so that a database of terabytes costs
//! nothing until its frames are.

use super::PteAddress;
use crate::page::Pfn;

/// Where a physical page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PageState {
    /// Free, and all zeros.
    Zeroed,
    /// Free, with old contents.
    Free,
    /// Keeps the contents of a page that has a copy elsewhere, or needs none.
    Standby,
    /// Must be written before it can be reused.
    Modified,
    /// Must not be written yet.
    ModifiedNoWrite,
    /// Has failed and is never used.
    Bad,
    /// In a working set, or held by the manager.
    Active,
    /// Off every list while I/O is in progress.
    Transition,
}

const STATES: [PageState; 8] = [
    PageState::Zeroed,
    PageState::Free,
    PageState::Standby,
    PageState::Modified,
    PageState::ModifiedNoWrite,
    PageState::Bad,
    PageState::Active,
    PageState::Transition,
];

impl PageState {
    /// How many there are.
    pub const COUNT: usize = STATES.len();

    /// All of them, in the order they are shown.
    pub const ALL: [Self; Self::COUNT] = STATES;

    /// Whether the page can be had without taking it from a working set.
    #[must_use]
    pub const fn is_available(self) -> bool {
        matches!(self, Self::Zeroed | Self::Free | Self::Standby)
    }

    /// Whether the page is on a list.
    pub(super) const fn is_listed(self) -> bool {
        !matches!(self, Self::Active | Self::Transition)
    }

    /// Windows' word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Zeroed => "zeroed",
            Self::Free => "free",
            Self::Standby => "standby",
            Self::Modified => "modified",
            Self::ModifiedNoWrite => "modified-no-write",
            Self::Bad => "bad",
            Self::Active => "active",
            Self::Transition => "transition",
        }
    }
}

/// What is true of a frame besides its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Flag {
    /// Its bytes differ from every copy elsewhere.
    Modified = 1 << 8,
    /// Its PTE is a prototype PTE.
    Prototype = 1 << 9,
    /// A write of it is in progress.
    Writing = 1 << 10,
    /// A read into it is in progress.
    Reading = 1 << 11,
    /// It goes to the bad list when it is freed.
    BadOnFree = 1 << 12,
    /// It did not compress, or comes from the store: it is for a page file.
    NoStore = 1 << 13,
    /// Its page is gone; it is freed when its I/O ends.
    Orphan = 1 << 14,
    /// One of the 512 of a large page.
    Large = 1 << 15,
    /// Allocated by a program as a physical page.
    Physical = 1 << 16,
    /// Holds compressed pages.
    Store = 1 << 17,
    /// A section holds its writes back.
    HoldWrite = 1 << 18,
    /// A write of it alone has failed: the next one goes elsewhere.
    WriteFailed = 1 << 19,
    /// A write of it has failed twice: it waits on the modified-no-write list.
    Parked = 1 << 20,
    /// The page was reset while it was being written: the copy is not wanted.
    Stale = 1 << 21,
    /// Its copy goes to the file of its section, not to a page file.
    FileBacked = 1 << 22,
    /// It was read and nobody has used it yet: it goes to probation when it is mapped.
    Newcomer = 1 << 23,
    /// It was trimmed from probation: when it is evicted its PTE keeps the time.
    Unproven = 1 << 24,
}

/// An entry, unpacked as far as the manager needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry(pub(super) [u64; 4]);

/// No frame, no index.
pub(crate) const NONE: u32 = u32::MAX;

const PRIORITY_SHIFT: u32 = 4;

impl Entry {
    pub(crate) const fn state(&self) -> PageState {
        STATES[(self.0[3] & 7) as usize]
    }

    pub(super) const fn set_state(&mut self, state: PageState) {
        self.0[3] = self.0[3] & !7 | state as u64;
    }

    pub(crate) const fn priority(&self) -> u8 {
        (self.0[3] >> PRIORITY_SHIFT & 7) as u8
    }

    pub(crate) const fn set_priority(&mut self, priority: u8) {
        self.0[3] = self.0[3] & !(7 << PRIORITY_SHIFT) | ((priority & 7) as u64) << PRIORITY_SHIFT;
    }

    pub(crate) const fn has(&self, flag: Flag) -> bool {
        self.0[3] & flag as u64 != 0
    }

    pub(crate) const fn set(&mut self, flag: Flag, on: bool) {
        if on {
            self.0[3] |= flag as u64;
        } else {
            self.0[3] &= !(flag as u64);
        }
    }

    pub(crate) const fn low(&self) -> u32 {
        low(self.0[0])
    }

    pub(crate) const fn high(&self) -> u32 {
        high(self.0[0])
    }

    pub(super) const fn set_halves(&mut self, low: u32, high: u32) {
        self.0[0] = links(low, high);
    }

    pub(crate) const fn set_low(&mut self, value: u32) {
        self.set_halves(value, self.high());
    }

    pub(crate) const fn set_high(&mut self, value: u32) {
        self.set_halves(self.low(), value);
    }

    pub(crate) const fn pte(&self) -> PteAddress {
        PteAddress(self.0[1])
    }

    pub(crate) const fn set_pte(&mut self, address: PteAddress) {
        self.0[1] = address.0;
    }

    pub(crate) const fn original(&self) -> u64 {
        self.0[2]
    }

    pub(crate) const fn set_original(&mut self, pte: u64) {
        self.0[2] = pte;
    }

    /// One for the working set or whoever holds the frame, and one for I/O in progress; an active
    /// page can only be written, and one in transition is there for its I/O alone.
    pub(crate) const fn references(&self) -> u16 {
        match self.state() {
            PageState::Active => 1 + self.has(Flag::Writing) as u16,
            PageState::Transition => 1,
            _ => 0,
        }
    }

    /// Forgets everything but the state and the promise to go bad.
    pub(crate) const fn forget(&mut self) {
        let kept = self.0[3] & (7 | Flag::BadOnFree as u64);
        self.0 = [0, PteAddress::NONE.0, 0, kept];
    }

    /// Whether nothing ever used the frame.
    pub(super) const fn is_untouched(&self) -> bool {
        self.0[3] == 0 && self.0[1] == 0
    }
}

pub(super) const fn low(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}

pub(super) const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Word 0 of its two halves.
pub(super) const fn links(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

/// The links of a frame on a list.
impl Entry {
    pub(super) const fn next(&self) -> Option<Pfn> {
        link(self.low())
    }

    pub(super) const fn previous(&self) -> Option<Pfn> {
        link(self.high())
    }
}

const fn link(index: u32) -> Option<Pfn> {
    match index {
        NONE => None,
        index => Some(Pfn(index)),
    }
}
