//! Where compressed pages lie inside the frames of the store.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use slabs::{Chain, Link, List, NONE, Slab};

use super::entry::{Content, Place};
use crate::growth::make_room;
use crate::output::Stored;
use crate::page::Pfn;
use crate::pfn::PteAddress;

#[path = "placement_slabs.rs"]
mod slabs;

/// The size of a frame, in bytes.
const FRAME: u32 = 4096;

/// The most places of a frame.
pub(crate) const PLACES_MAX: usize = CAPACITIES[CLASSES - 1] as usize;

const CLASSES: usize = 12;

/// How many places a frame of each class holds. As large as that leaves them, so that three pages
/// of a third lie in one; few classes, since room is set aside for each.
const CAPACITIES: [u32; CLASSES] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32];

/// The frames of the store, each cut into equal places for compressed pages of one size class.
///
/// Work of each change: constant; memory is allocated only for more frames than there ever were.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Placement {
    slabs: Vec<Slab>,
    /// The slabs that hold no frame, chained by [`Chain::Age`].
    vacant: u32,
    classes: [Class; CLASSES],
    age: List,
    frames: u32,
    entries: u32,
    bytes: u64,
}

impl Placement {
    /// A store without frames.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self {
            slabs: Vec::new(),
            vacant: NONE,
            classes: core::array::from_fn(|_| Class::default()),
            age: List::default(),
            frames: 0,
            entries: 0,
            bytes: 0,
        }
    }

    /// Makes room for so many frames, so that adding them allocates nothing.
    pub(crate) fn reserve(&mut self, frames: u64) {
        let frames = crate::page::wide(frames);
        self.slabs.reserve(frames.saturating_sub(self.slabs.len()));
        for (number, class) in (0..).zip(&mut self.classes) {
            let contents = frames * capacity(number) as usize;
            class.contents.reserve(contents.saturating_sub(class.contents.len()));
        }
    }

    /// How many frames the store holds.
    #[must_use]
    pub(crate) const fn frames(&self) -> u32 {
        self.frames
    }

    /// How many compressed pages lie in them.
    #[must_use]
    pub(crate) const fn entries(&self) -> u32 {
        self.entries
    }

    /// What these take, in bytes, each rounded up to its class.
    #[must_use]
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a compressed page of so many bytes cannot be placed before a frame is added.
    ///
    /// # Panics
    /// When `size` is not within 1 and 4096.
    #[must_use]
    pub(crate) fn needs_frame(&self, size: u16) -> bool {
        self.classes[class_of(size) as usize].room.last == NONE
    }

    /// Gives a frame to the class of compressed pages of so many bytes.
    ///
    /// # Panics
    /// When `size` is not within 1 and 4096.
    pub(crate) fn add_frame(&mut self, size: u16, frame: Pfn) {
        let class = class_of(size);
        let row = self.classes[class as usize].take_row(capacity(class));
        let slab = Slab { frame: frame.0, class, row, used: 0, links: [Link::default(); 2] };
        let index = self.take_slab(slab);
        self.age.push_last(&mut self.slabs, Chain::Age, index);
        self.classes[class as usize].room.push_last(&mut self.slabs, Chain::Room, index);
        self.frames += 1;
    }

    /// Finds a place for a compressed page of so many bytes and notes its owner there; `None`
    /// when it needs a frame first.
    ///
    /// # Panics
    /// When `size` is not within 1 and 4096.
    pub(crate) fn place(&mut self, size: u16, owner: PteAddress) -> Option<Place> {
        let number = class_of(size);
        let class = &mut self.classes[number as usize];
        // The last one got room most recently: it is nearly full, unless it is new.
        let index = class.room.last;
        let slab = self.slabs.get_mut(index as usize)?;
        let position = slab.used.trailing_ones();
        slab.used |= 1 << position;
        class.contents[(slab.row * capacity(number) + position) as usize] =
            Content::new(size, owner);
        if slab.used == full(number) {
            class.room.remove(&mut self.slabs, Chain::Room, index);
        }
        self.entries += 1;
        self.bytes += u64::from(bytes_of(number));
        Some(Place::new(index, position))
    }

    /// Where the bytes at a place are.
    ///
    /// # Panics
    /// When nothing lies there.
    pub(crate) fn stored_at(&self, place: Place) -> Stored {
        let slab = self.slab(place);
        let offset = u16::try_from(place.position() * bytes_of(slab.class));
        let offset = offset.expect("a place starts inside its frame");
        Stored::Bytes { frame: Pfn(slab.frame), offset, bytes: self.content(place).bytes() }
    }

    /// Whose page lies at a place.
    ///
    /// # Panics
    /// When nothing lies there.
    pub(crate) fn owner(&self, place: Place) -> PteAddress {
        self.content(place).owner()
    }

    /// Empties a place; `Some(frame)` is a frame that is now empty and the caller's again.
    ///
    /// # Panics
    /// When nothing lies there.
    pub(crate) fn remove(&mut self, place: Place) -> Option<Pfn> {
        let (index, position) = (place.slab(), place.position());
        let slab = self.slab(place);
        let (frame, number, row, was_full) =
            (slab.frame, slab.class, slab.row, slab.used == full(slab.class));
        let slab = &mut self.slabs[index as usize];
        slab.used &= !(1 << position);
        let is_empty = slab.used == 0;
        let class = &mut self.classes[number as usize];
        self.entries -= 1;
        self.bytes -= u64::from(bytes_of(number));
        if was_full {
            class.room.push_last(&mut self.slabs, Chain::Room, index);
        }
        if !is_empty {
            return None;
        }
        class.room.remove(&mut self.slabs, Chain::Room, index);
        class.give_row(capacity(number), row);
        self.age.remove(&mut self.slabs, Chain::Age, index);
        self.slabs[index as usize].links[Chain::Age as usize].next = self.vacant;
        self.vacant = index;
        self.frames -= 1;
        Some(Pfn(frame))
    }

    /// What lies in the frame that was added longest ago, by ascending offset.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = Place> + '_ {
        let slab = self.slabs.get(self.age.first as usize);
        slab.into_iter().flat_map(|slab| places(self.age.first, slab))
    }

    /// All places where something lies, and whose it is.
    pub(crate) fn owners(&self) -> impl Iterator<Item = (Place, PteAddress)> + '_ {
        // What no longer holds a frame has no place in use.
        let taken = (0..).zip(&self.slabs).flat_map(|(index, slab)| places(index, slab));
        taken.map(|place| (place, self.owner(place)))
    }

    /// Checks that lists, counts and frames agree.
    ///
    /// # Errors
    /// What does not agree, with its values.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let held = self.age.walk(&self.slabs, Chain::Age)?;
        let (mut entries, mut bytes) = (0, 0);
        let mut frames = BTreeSet::new();
        let mut rows = [const { Vec::new() }; CLASSES];
        let mut with_room = [0; CLASSES];
        for index in &held {
            let slab = &self.slabs[*index as usize];
            let class = slab.class as usize;
            if !frames.insert(slab.frame) || slab.used & !full(slab.class) != 0 {
                return Err(format!("slab {index} is another's or has no such places: {slab:?}"));
            }
            entries += slab.used.count_ones();
            bytes += u64::from(slab.used.count_ones() * bytes_of(slab.class));
            rows[class].push(slab.row);
            with_room[class] += usize::from(slab.used != full(slab.class));
        }
        let counted = (self.frames as usize, self.entries, self.bytes);
        let found = (held.len(), entries, bytes);
        if counted != found {
            return Err(format!("frames, entries and bytes are {found:?}, counted {counted:?}"));
        }
        let vacant = chain_length(self.vacant, self.slabs.len(), |index| {
            self.slabs[index as usize].links[Chain::Age as usize].next
        });
        if vacant.map(|vacant| vacant + held.len()) != Some(self.slabs.len()) {
            return Err(format!("{vacant:?} slabs are vacant of {}", self.slabs.len()));
        }
        for (number, class) in (0..).zip(&self.classes) {
            self.verify_class(number, class, with_room[number as usize])?;
            class.verify_rows(capacity(number), &mut rows[number as usize])?;
        }
        Ok(())
    }

    fn verify_class(&self, number: u32, class: &Class, with_room: usize) -> Result<(), String> {
        let listed = class.room.walk(&self.slabs, Chain::Room)?;
        let belongs = |index: &u32| {
            let slab = &self.slabs[*index as usize];
            slab.class == number && slab.used != full(number)
        };
        if listed.len() != with_room || !listed.iter().all(belongs) {
            return Err(format!("{with_room} slabs of class {number} have room, not {listed:?}"));
        }
        Ok(())
    }

    /// The slab of a place where something lies.
    fn slab(&self, place: Place) -> &Slab {
        match self.slabs.get(place.slab() as usize) {
            Some(slab) if slab.used >> place.position() & 1 != 0 => slab,
            _ => panic!("nothing lies at {place:?}"),
        }
    }

    fn content(&self, place: Place) -> Content {
        let slab = self.slab(place);
        let row = self.classes[slab.class as usize].row(capacity(slab.class), slab.row);
        row[place.position() as usize]
    }

    fn take_slab(&mut self, slab: Slab) -> u32 {
        let index = self.vacant;
        if let Some(vacant) = self.slabs.get_mut(index as usize) {
            self.vacant = vacant.links[Chain::Age as usize].next;
            *vacant = slab;
            return index;
        }
        self.slabs.push(slab);
        u32::try_from(self.slabs.len() - 1).expect("a slab for each of 2³² frames at most")
    }
}

/// The slabs of one size.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Class {
    room: List,
    /// A row per slab, as long as its slabs have places: a slab of large places pays for few.
    contents: Vec<Content>,
    /// The rows of no slab, each naming the next in its first entry.
    vacant: u32,
}

impl Default for Class {
    fn default() -> Self {
        Self { room: List::default(), contents: Vec::new(), vacant: NONE }
    }
}

impl Class {
    fn row(&self, capacity: u32, row: u32) -> &[Content] {
        let start = row as usize * capacity as usize;
        &self.contents[start..start + capacity as usize]
    }

    fn take_row(&mut self, capacity: u32) -> u32 {
        let row = self.vacant;
        if row != NONE {
            self.vacant = self.row(capacity, row)[0].linked();
            return row;
        }
        let rows = self.contents.len() / capacity as usize;
        make_room(&mut self.contents, capacity as usize);
        self.contents.resize(self.contents.len() + capacity as usize, Content::link(NONE));
        u32::try_from(rows).expect("a row for each of 2³² frames at most")
    }

    fn give_row(&mut self, capacity: u32, row: u32) {
        self.contents[row as usize * capacity as usize] = Content::link(self.vacant);
        self.vacant = row;
    }

    fn verify_rows(&self, capacity: u32, used: &mut Vec<u32>) -> Result<(), String> {
        let rows = self.contents.len() / capacity as usize;
        let vacant = chain_length(self.vacant, rows, |row| self.row(capacity, row)[0].linked());
        let held = used.len();
        used.sort_unstable();
        used.dedup();
        if used.len() != held || vacant.map(|vacant| vacant + held) != Some(rows) {
            return Err(format!("{held} rows {used:?} are used, {vacant:?} vacant of {rows}"));
        }
        Ok(())
    }
}

/// How many members a chain has; `None` if it has more than `most`.
fn chain_length(first: u32, most: usize, next: impl Fn(u32) -> u32) -> Option<usize> {
    let follow = |member: u32| (member != NONE).then_some(member);
    let members = core::iter::successors(follow(first), |member| follow(next(*member)));
    let length = members.take(most + 1).count();
    (length <= most).then_some(length)
}

/// The places of a slab where something lies.
fn places(index: u32, slab: &Slab) -> impl Iterator<Item = Place> + use<> {
    let (used, capacity) = (slab.used, capacity(slab.class));
    let taken = (0..capacity).filter(move |position| used >> position & 1 != 0);
    taken.map(move |position| Place::new(index, position))
}

/// The class of a size in bytes: the one of the smallest places that it fits in.
fn class_of(size: u16) -> u32 {
    let size = u32::from(size);
    assert!((1..=FRAME).contains(&size), "{size} bytes are not a compressed page");
    let fits = |capacity: &u32| size <= FRAME / capacity;
    crate::page::narrow(CAPACITIES.iter().take_while(|capacity| fits(capacity)).count() - 1)
}

/// How long the places of a class are, in bytes.
const fn bytes_of(class: u32) -> u32 {
    FRAME / capacity(class)
}

/// How many places of a class a frame holds.
const fn capacity(class: u32) -> u32 {
    CAPACITIES[class as usize]
}

/// The bits of all the places of a frame of a class.
const fn full(class: u32) -> u32 {
    u32::MAX >> (u32::BITS - capacity(class))
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
