//! The compression store: pages that keep their bytes in memory, in less of it.
//!
//! # Invariants
//! - An entry is named by exactly one PTE or one frame.
//! - The frames it holds are active, and hold at least one entry each.

pub(crate) mod admit;
mod entry;
mod placement;
mod words;

use alloc::string::String;

use crate::output::Stored;
use crate::page::Pfn;
use crate::pfn::PteAddress;
pub(crate) use entry::{Entry, Place};
use placement::{PLACES_MAX, Placement};
use words::Words;

/// The store.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Store {
    placement: Placement,
    words: Words,
    frames_max: u32,
    stored: u64,
}

impl Store {
    /// A store of at most so many frames; places have numbers for half a tebibyte of them.
    pub(crate) fn new(frames_max: u32) -> Self {
        Self {
            placement: Placement::new(),
            words: Words::new(),
            frames_max: frames_max.min(Place::SLABS_MAX),
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
        self.placement.entries() + self.words.used()
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
        self.placement.add_frame(bytes, frame);
    }

    /// Keeps compressed bytes; a frame must have room.
    pub(crate) fn put(&mut self, bytes: u16, owner: PteAddress) -> Entry {
        self.stored += 1;
        let Some(place) = self.placement.place(bytes, owner) else {
            panic!("no store frame has room for {bytes} bytes")
        };
        Entry::Bytes(place)
    }

    /// Keeps a page that is one word over and over.
    pub(crate) fn put_same(&mut self, word: u64, owner: PteAddress) -> Entry {
        self.stored += 1;
        Entry::Same(self.words.put(word, owner))
    }

    /// Where a page lies.
    ///
    /// # Panics
    /// When the store does not keep it.
    pub(crate) fn stored_at(&self, entry: Entry) -> Stored {
        match entry {
            Entry::Bytes(place) => self.placement.stored_at(place),
            Entry::Same(number) => Stored::Same(self.words.get(number).0),
        }
    }

    /// Whose page it is.
    ///
    /// # Panics
    /// When the store does not keep it.
    pub(crate) fn owner(&self, entry: Entry) -> PteAddress {
        match entry {
            Entry::Bytes(place) => self.placement.owner(place),
            Entry::Same(number) => self.words.get(number).1,
        }
    }

    /// Lets a page go; the frame that is empty now.
    pub(crate) fn remove(&mut self, entry: Entry) -> Option<Pfn> {
        match entry {
            Entry::Bytes(place) => self.placement.remove(place),
            Entry::Same(number) => {
                self.words.remove(number);
                None
            }
        }
    }

    /// Makes room for so many pages, so that keeping them allocates nothing.
    pub(crate) fn reserve(&mut self, pages: u64) {
        self.words.reserve(pages);
        self.placement.reserve(u64::from(self.frames_max).min(pages));
    }

    /// What lies in the frame that the store holds longest.
    pub(crate) fn oldest(&self) -> [Option<Place>; PLACES_MAX] {
        let mut places = self.placement.oldest();
        core::array::from_fn(|_| places.next())
    }

    /// All that it keeps, and whose it is.
    pub(crate) fn owners(&self) -> impl Iterator<Item = (Entry, PteAddress)> + '_ {
        let placed = self.placement.owners();
        let placed = placed.map(|(place, owner)| (Entry::Bytes(place), owner));
        placed.chain(self.words.owners().map(|(number, owner)| (Entry::Same(number), owner)))
    }

    pub(crate) fn verify(&self) -> Result<(), String> {
        self.placement.verify()?;
        self.words.verify()
    }
}
