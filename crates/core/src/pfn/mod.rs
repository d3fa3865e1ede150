//! The PFN database: one entry a physical page, and the lists of those that are in no working set.
//!
//! Source: *Windows Internals*, "Page frame number database".
//!
//! # Invariants
//! - Every frame is in exactly one state, and on the list of that state if it has one.
//! - [`Database::move_page`] alone changes a state, with its links and its counts.
//! - Frames that were never used are the tail of their colour's zeroed list, without links.

mod colour;
mod entry;
mod page_list;

use alloc::string::String;
use alloc::vec::Vec;

use crate::page::{LARGE_PAGES, Pfn, narrow, wide};

use colour::ColourSet;
pub use colour::{COLOURS_MAX, Cache};
pub use entry::PageState;
pub(crate) use entry::{Entry, Flag, NONE};
pub(crate) use page_list::End;
use page_list::{Lists, PageList};

/// Where a page-table entry is: table number × 512 + index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PteAddress(pub u64);

impl PteAddress {
    /// No entry points at the frame.
    pub const NONE: Self = Self(u64::MAX);
}

/// What a page moves to, with what that state needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Zeroed,
    Free,
    Standby(End),
    Modified(End),
    ModifiedNoWrite,
    Bad,
    Active {
        working_set_index: u32,
        share: u32,
    },
    /// Active and nobody's, with nothing of its last page.
    Held,
    Transition {
        operation: u32,
    },
}

impl To {
    const fn state(self) -> PageState {
        match self {
            Self::Zeroed => PageState::Zeroed,
            Self::Free => PageState::Free,
            Self::Standby(_) => PageState::Standby,
            Self::Modified(_) => PageState::Modified,
            Self::ModifiedNoWrite => PageState::ModifiedNoWrite,
            Self::Bad => PageState::Bad,
            Self::Active { .. } | Self::Held => PageState::Active,
            Self::Transition { .. } => PageState::Transition,
        }
    }

    /// Which end of the list of that state.
    const fn end(self) -> End {
        match self {
            Self::Standby(end) | Self::Modified(end) => end,
            // What was zeroed or freed last is warm in the cache, so it goes first.
            Self::Zeroed | Self::Free => End::Head,
            _ => End::Tail,
        }
    }
}

/// The entries, the lists and the counts.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Database {
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::sparse"))]
    entries: Vec<[u64; 4]>,
    colours: u32,
    /// The next frame of each colour that was never used.
    untouched: Vec<u32>,
    lists: Lists,
    zeroed_colours: ColourSet,
    free_colours: ColourSet,
    counts: [u32; PageState::COUNT],
    /// Available frames in each aligned run of 512: where a large page can be had.
    blocks: Vec<u16>,
    next_block: usize,
}

impl Database {
    /// So many frames, all zeroed; fewer frames than colours lower the number of colours.
    pub(crate) fn new(frames: u32, cache: Cache) -> Self {
        let colours = cache.colours().min(1 << frames.max(1).ilog2());
        let large = narrow(wide(LARGE_PAGES));
        let block = |index: u32| frames.saturating_sub(index * large).min(large);
        let mut counts = [0; PageState::COUNT];
        counts[PageState::Zeroed as usize] = frames;
        Self {
            entries: alloc::vec![[0; 4]; frames as usize],
            colours,
            untouched: (0..colours).collect(),
            lists: Lists::new(colours),
            zeroed_colours: ColourSet::new(colours, true),
            free_colours: ColourSet::new(colours, false),
            counts,
            blocks: (0..frames.div_ceil(large)).map(|b| (block(b) & 0xffff) as u16).collect(),
            next_block: 0,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        narrow(self.entries.len())
    }

    pub(crate) const fn colours(&self) -> u32 {
        self.colours
    }

    pub(crate) const fn colour_of(&self, pfn: Pfn) -> u32 {
        pfn.0 & (self.colours - 1)
    }

    #[inline]
    pub(crate) fn entry(&self, pfn: Pfn) -> Entry {
        let mut entry = Entry(self.entries[pfn.index()]);
        if entry.is_untouched() {
            entry.set_pte(PteAddress::NONE);
        }
        entry
    }

    /// Changes what an entry says, but for its state, links and counts.
    #[inline]
    pub(crate) fn edit(&mut self, pfn: Pfn, change: impl FnOnce(&mut Entry)) {
        let mut entry = Entry(self.entries[pfn.index()]);
        let state = entry.state();
        change(&mut entry);
        debug_assert_eq!(entry.state(), state, "{pfn}: only move_page changes a state");
        self.entries[pfn.index()] = entry.0;
    }

    pub(crate) const fn count(&self, state: PageState) -> u32 {
        self.counts[state as usize]
    }

    /// Zeroed, free and standby frames.
    #[inline]
    pub(crate) const fn available(&self) -> u32 {
        self.count(PageState::Zeroed) + self.count(PageState::Free) + self.count(PageState::Standby)
    }

    pub(crate) const fn standby_count(&self, priority: usize) -> u32 {
        self.lists.standby[priority].len()
    }

    /// The one function that moves a page: its links, its state and every count together.
    ///
    /// Inlined, because every caller knows the state that the page moves to.
    #[inline(always)]
    pub(crate) fn move_page(&mut self, pfn: Pfn, to: To) {
        let mut entry = self.entry(pfn);
        let (from, state) = (entry.state(), to.state());
        if from.is_listed() {
            self.unlink(pfn);
        }
        entry.set_state(state);
        match to {
            To::Zeroed | To::Free | To::Bad => {
                entry.forget();
                if state == PageState::Bad {
                    entry.set(Flag::BadOnFree, false);
                }
            }
            To::Active { working_set_index, share } => {
                entry.set_halves(working_set_index, share);
            }
            To::Held => {
                entry.forget();
                entry.set_halves(NONE, 0);
            }
            To::Transition { operation } => entry.set_halves(operation, 0),
            To::Standby(_) | To::Modified(_) | To::ModifiedNoWrite => {}
        }
        self.entries[pfn.index()] = entry.0;
        if state.is_listed() {
            self.link(pfn, to.end());
        }
        self.counts[from as usize] -= 1;
        self.counts[state as usize] += 1;
        if from.is_available() != state.is_available() {
            let block = &mut self.blocks[pfn.index() / wide(LARGE_PAGES)];
            *block = if state.is_available() { *block + 1 } else { *block - 1 };
        }
    }

    /// Takes a frame off its list.
    #[inline(never)]
    fn unlink(&mut self, pfn: Pfn) {
        let entry = Entry(self.entries[pfn.index()]);
        let colour = self.colour_of(pfn);
        if entry.is_untouched() {
            let next = &mut self.untouched[colour as usize];
            assert_eq!(*next, pfn.0, "frames of a colour are first used in their order");
            *next += self.colours;
        } else {
            self.lists.of(&entry, colour).remove(&mut self.entries, &entry);
        }
        self.note_colour(entry.state(), colour);
    }

    /// Puts a frame on the list of its state.
    #[inline(never)]
    fn link(&mut self, pfn: Pfn, end: End) {
        let entry = Entry(self.entries[pfn.index()]);
        let colour = self.colour_of(pfn);
        self.lists.of(&entry, colour).insert(&mut self.entries, pfn, end);
        self.note_colour(entry.state(), colour);
    }

    /// Keeps in mind which colours have a zeroed or a free frame.
    fn note_colour(&mut self, state: PageState, colour: u32) {
        let index = colour as usize;
        match state {
            PageState::Zeroed => {
                let has_untouched = (self.untouched[index] as usize) < self.entries.len();
                let has_frame = has_untouched || self.lists.zeroed[index].len() > 0;
                self.zeroed_colours.put(colour, has_frame);
            }
            PageState::Free => self.free_colours.put(colour, self.lists.free[index].len() > 0),
            _ => {}
        }
    }

    /// A zeroed frame, of this colour if there is one.
    pub(crate) fn zeroed_frame(&self, colour: u32) -> Option<Pfn> {
        if self.count(PageState::Zeroed) == 0 {
            return None;
        }
        let colour = self.zeroed_colours.nearest(colour)? as usize;
        let untouched = self.untouched[colour];
        self.lists.zeroed[colour]
            .head()
            .or_else(|| ((untouched as usize) < self.entries.len()).then_some(Pfn(untouched)))
    }

    /// A free frame, of this colour if there is one.
    pub(crate) fn free_frame(&self, colour: u32) -> Option<Pfn> {
        if self.count(PageState::Free) == 0 {
            return None;
        }
        self.lists.free[self.free_colours.nearest(colour)? as usize].head()
    }

    /// The standby frame that is repurposed next: the oldest of the lowest priority.
    pub(crate) fn standby_frame(&self) -> Option<Pfn> {
        self.lists.standby.iter().find_map(PageList::head)
    }

    pub(crate) const fn standby_head(&self, priority: usize) -> Option<Pfn> {
        self.lists.standby[priority].head()
    }

    /// The oldest modified frame of those that go to a section's file, or of all others.
    pub(crate) const fn modified_frame(&self, is_file_backed: bool) -> Option<Pfn> {
        self.lists.modified[is_file_backed as usize].head()
    }

    /// Modified frames that go to a page file.
    pub(crate) const fn modified_page_file(&self) -> u32 {
        self.lists.modified[0].len()
    }

    pub(crate) const fn modified_no_write_frame(&self) -> Option<Pfn> {
        self.lists.modified_no_write.head()
    }

    /// The frame after this one on its list; a list without links has none.
    pub(crate) fn next_on_list(&self, pfn: Pfn) -> Option<Pfn> {
        match self.entry(pfn).state() {
            PageState::Active | PageState::Transition => None,
            _ if Entry(self.entries[pfn.index()]).is_untouched() => None,
            _ => Entry(self.entries[pfn.index()]).next(),
        }
    }

    /// The frame before this one on its list.
    pub(crate) fn previous_on_list(&self, pfn: Pfn) -> Option<Pfn> {
        match self.entry(pfn).state() {
            PageState::Active | PageState::Transition => None,
            _ if Entry(self.entries[pfn.index()]).is_untouched() => None,
            _ => Entry(self.entries[pfn.index()]).previous(),
        }
    }

    /// The first frame of an aligned run of 512 that are all available.
    pub(crate) fn large_page(&mut self) -> Option<Pfn> {
        let count = self.blocks.len();
        let large = narrow(wide(LARGE_PAGES));
        let found = (0..count)
            .map(|step| (self.next_block + step) % count)
            .find(|block| u64::from(self.blocks[*block]) == LARGE_PAGES)?;
        self.next_block = found;
        Some(Pfn(narrow(found) * large))
    }

    /// Links every frame up to and including this one, so that it can be taken out of order.
    pub(crate) fn touch_up_to(&mut self, last: Pfn) {
        for colour in 0..self.colours as usize {
            let mut next = self.untouched[colour];
            while next <= last.0 && (next as usize) < self.entries.len() {
                let mut entry = Entry([0; 4]);
                entry.forget();
                self.entries[next as usize] = entry.0;
                self.lists.zeroed[colour].insert(&mut self.entries, Pfn(next), End::Tail);
                next += self.colours;
            }
            self.untouched[colour] = next;
        }
    }
}

/// Proof of the database by itself.
impl Database {
    /// Every frame on the list of its state, and every count equal to what is there.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let mut counts = [0u32; PageState::COUNT];
        let mut blocks = alloc::vec![0u16; self.blocks.len()];
        for index in 0..self.entries.len() {
            let entry = Entry(self.entries[index]);
            counts[entry.state() as usize] += 1;
            blocks[index / wide(LARGE_PAGES)] += u16::from(entry.state().is_available());
            let colour = index & (self.colours as usize - 1);
            if entry.is_untouched() != (index >= self.untouched[colour] as usize) {
                return Err(alloc::format!("frame {index:x} is on the wrong side of untouched"));
            }
        }
        if counts != self.counts {
            return Err(alloc::format!("counts are {:?}, frames say {counts:?}", self.counts));
        }
        if blocks != self.blocks {
            return Err("available frames of a block are miscounted".into());
        }
        self.verify_lists()
    }

    fn verify_lists(&self) -> Result<(), String> {
        let mut listed = [0u32; PageState::COUNT];
        for (colour, (zeroed, free)) in (0..).zip(self.lists.zeroed.iter().zip(&self.lists.free)) {
            let is_colour = |pfn: Pfn| self.colour_of(pfn) == colour;
            listed[0] += self.verify_list(zeroed, PageState::Zeroed, &is_colour)?;
            listed[1] += self.verify_list(free, PageState::Free, &is_colour)?;
            let untouched = self.untouched[colour as usize];
            let left = self.len().saturating_sub(untouched).div_ceil(self.colours);
            listed[0] += left;
            let has_zeroed = zeroed.len() + left > 0;
            if (self.zeroed_colours.nearest(colour) == Some(colour)) != has_zeroed
                || (self.free_colours.nearest(colour) == Some(colour)) != (free.len() > 0)
            {
                return Err(alloc::format!("colour {colour} is marked wrongly"));
            }
        }
        for (priority, list) in (0..).zip(&self.lists.standby) {
            let fits = |pfn: Pfn| self.entry(pfn).priority() == priority;
            listed[2] += self.verify_list(list, PageState::Standby, &fits)?;
        }
        let any = |_: Pfn| true;
        for (is_file_backed, list) in [false, true].into_iter().zip(&self.lists.modified) {
            let fits = |pfn: Pfn| self.entry(pfn).has(Flag::FileBacked) == is_file_backed;
            listed[3] += self.verify_list(list, PageState::Modified, &fits)?;
        }
        listed[4] =
            self.verify_list(&self.lists.modified_no_write, PageState::ModifiedNoWrite, &any)?;
        listed[5] = self.verify_list(&self.lists.bad, PageState::Bad, &any)?;
        for state in &PageState::ALL[..6] {
            if listed[*state as usize] != self.counts[*state as usize] {
                return Err(alloc::format!(
                    "{} {} frames are listed, {} counted",
                    listed[*state as usize],
                    state.word(),
                    self.counts[*state as usize]
                ));
            }
        }
        Ok(())
    }

    fn verify_list(
        &self,
        list: &PageList,
        state: PageState,
        fits: &dyn Fn(Pfn) -> bool,
    ) -> Result<u32, String> {
        let mut length = 0;
        let mut before = None;
        let mut at = list.head();
        while let Some(pfn) = at {
            let entry = Entry(self.entries[pfn.index()]);
            if entry.state() != state || entry.previous() != before || !fits(pfn) {
                return Err(alloc::format!(
                    "frame {pfn} does not belong on the {} list",
                    state.word()
                ));
            }
            length += 1;
            if length > list.len() {
                break;
            }
            before = Some(pfn);
            at = entry.next();
        }
        if length != list.len() {
            return Err(alloc::format!("a {} list says {}: {length}", state.word(), list.len()));
        }
        Ok(length)
    }
}
