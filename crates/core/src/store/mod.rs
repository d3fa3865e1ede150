//! The compression store: pages that keep their bytes in memory, in less of it.
//!
//! # Invariants
//! - An entry is named by exactly one PTE or one frame.
//! - The frames it holds are active, and hold at least one entry each.

pub(crate) mod admit;
mod packed;
pub(crate) mod placement;

use alloc::string::String;
use alloc::vec::Vec;

use crate::growth::make_room;
use crate::output::Stored;
use crate::page::{Pfn, narrow};
use crate::pfn::PteAddress;
use packed::Packed;
use placement::{PLACES_MAX, Place, Placement};

/// A page in the store, which is kept as [two words](packed::Packed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The number is not in use; the next such number.
    Unused(Option<u32>),
    /// Compressed bytes.
    Bytes { place: Place, bytes: u16, owner: PteAddress },
    /// One word, over and over.
    Same { word: u64, owner: PteAddress },
}

/// The store.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Store {
    placement: Placement,
    entries: Vec<Packed>,
    unused: Option<u32>,
    same: u32,
    frames_max: u32,
    stored: u64,
}

impl Store {
    pub(crate) fn new(frames_max: u32) -> Self {
        Self {
            placement: Placement::new(),
            entries: Vec::new(),
            unused: None,
            same: 0,
            frames_max,
            stored: 0,
        }
    }

    pub(crate) const fn frames(&self) -> u32 {
        self.placement.frames()
    }

    pub(crate) const fn frames_max(&self) -> u32 {
        self.frames_max
    }

    /// Pages that it keeps.
    pub(crate) const fn pages(&self) -> u32 {
        self.placement.entries() + self.same
    }

    /// Pages that it ever took.
    pub(crate) const fn stored(&self) -> u64 {
        self.stored
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.placement.bytes()
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.frames() >= self.frames_max
    }

    pub(crate) fn needs_frame(&self, bytes: u16) -> bool {
        self.placement.needs_frame(bytes)
    }

    pub(crate) fn add_frame(&mut self, bytes: u16, frame: Pfn) {
        self.placement.add_frame(bytes, frame.0);
    }

    /// Keeps compressed bytes; a frame must have room.
    pub(crate) fn put(&mut self, bytes: u16, owner: PteAddress) -> (u32, Stored) {
        let number = self.number();
        let Some(place) = self.placement.place(bytes, number) else {
            panic!("no store frame has room for {bytes} bytes")
        };
        self.set(number, Entry::Bytes { place, bytes, owner });
        (number, Stored::Bytes { frame: Pfn(place.frame), offset: place.offset, bytes })
    }

    /// Keeps a page that is one word over and over.
    pub(crate) fn put_same(&mut self, word: u64, owner: PteAddress) -> u32 {
        let number = self.number();
        self.set(number, Entry::Same { word, owner });
        self.same += 1;
        number
    }

    fn number(&mut self) -> u32 {
        self.stored += 1;
        let Some(number) = self.unused else {
            make_room(&mut self.entries, 1);
            self.entries.push(Packed::from(Entry::Unused(None)));
            return narrow(self.entries.len() - 1);
        };
        let Entry::Unused(next) = self.get(number) else {
            panic!("store entry {number} is in use")
        };
        self.unused = next;
        number
    }

    pub(crate) fn get(&self, number: u32) -> Entry {
        self.entries[number as usize].into()
    }

    fn set(&mut self, number: u32, entry: Entry) {
        self.entries[number as usize] = entry.into();
    }

    /// Where a page lies.
    pub(crate) fn stored_at(&self, number: u32) -> Stored {
        match self.get(number) {
            Entry::Bytes { place, bytes, .. } => {
                Stored::Bytes { frame: Pfn(place.frame), offset: place.offset, bytes }
            }
            Entry::Same { word, .. } => Stored::Same(word),
            Entry::Unused(_) => panic!("store entry {number} is not in use"),
        }
    }

    /// Lets a page go; the frame that is empty now.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Pfn> {
        let entry = self.get(number);
        self.set(number, Entry::Unused(self.unused));
        self.unused = Some(number);
        match entry {
            Entry::Bytes { place, .. } => self.placement.remove(place).map(Pfn),
            Entry::Same { .. } => {
                self.same -= 1;
                None
            }
            Entry::Unused(_) => panic!("store entry {number} is not in use"),
        }
    }

    /// Makes room for so many pages, so that keeping them allocates nothing.
    pub(crate) fn reserve(&mut self, pages: u64) {
        self.entries.reserve(crate::page::wide(pages).saturating_sub(self.entries.len()));
        self.placement.reserve(u64::from(self.frames_max).min(pages));
    }

    /// The entries in the frame that the store holds longest.
    pub(crate) fn oldest(&self) -> [Option<u32>; PLACES_MAX] {
        let frame = self.placement.oldest_frame();
        let mut entries = frame.into_iter().flat_map(|frame| self.placement.entries_in(frame));
        core::array::from_fn(|_| entries.next())
    }

    /// All entries in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Entry)> + '_ {
        let numbered = (0..).zip(self.entries.iter().map(|packed| Entry::from(*packed)));
        numbered.filter(|(_, entry)| !matches!(entry, Entry::Unused(_)))
    }

    pub(crate) fn verify(&self) -> Result<(), String> {
        self.placement.verify()
    }
}
