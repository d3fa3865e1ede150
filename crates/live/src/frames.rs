//! Frames: the real pages of a machine.
//!
//! A page that nobody uses lies at a *home*. One that is mapped was moved from its home into a
//! space; one that is trimmed is moved to a home again. The page itself stays: moving changes page
//! tables only.
//!
//! A page of a section is mapped in several places at once, so once it is mapped it stays with its
//! section, in the section's file in memory, until its frame is put to another use.
//!
//! # Invariants
//! - A frame has at most one page: at home, in a space, with a section, or nowhere yet. So the
//!   resident bytes of all frames never exceed the budget.
//! - A page of a section's file is one frame's, or takes no memory.
//! - A checksum is known only while nobody may write to the page.

use memtide_core::page::{PAGE_SIZE, Pfn, SectionId};
use rustix::io::Errno;

use crate::homes::{Home, Homes};
use crate::memory::{self, PAGE_BYTES, Page};
use crate::uffd::{Reservation, SharedMemory};

/// What is known of a page's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Somebody may have written since.
    Unknown,
    /// The page is being written out as it is.
    InFlight,
    /// It is this, which is at least 2.
    Known(u64),
}

/// Where a frame's page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Home(Home),
    /// In a space, at this address.
    Space(u64),
    /// With a section: that page of it.
    Section(SectionPage),
}

impl Sum {
    const UNKNOWN: u64 = 0;
    const IN_FLIGHT: u64 = 1;

    const fn packed(self) -> u64 {
        match self {
            Self::Unknown => Self::UNKNOWN,
            Self::InFlight => Self::IN_FLIGHT,
            Self::Known(sum) => sum,
        }
    }

    const fn unpacked(word: u64) -> Self {
        match word {
            Self::UNKNOWN => Self::Unknown,
            Self::IN_FLIGHT => Self::InFlight,
            sum => Self::Known(sum),
        }
    }
}

impl Place {
    const NOWHERE: u64 = 0;
    // In the bits that an address of a page has not.
    const HOME: u64 = 1;
    const SECTION: u64 = 2;
    const TAG_BITS: u32 = 2;

    fn packed(self) -> u64 {
        match self {
            Self::Nowhere => Self::NOWHERE,
            Self::Home(home) => u64::from(home.number()) << 32 | Self::HOME,
            Self::Space(address) => address,
            Self::Section(SectionPage { section, page }) => {
                u64::from(page) << 32 | u64::from(section.0) << Self::TAG_BITS | Self::SECTION
            }
        }
    }

    fn unpacked(word: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        match word {
            Self::NOWHERE => Self::Nowhere,
            address if address.is_multiple_of(PAGE_SIZE) => Self::Space(address),
            home if home & Self::SECTION == 0 => Self::Home(Home::of(half(word >> 32))),
            _ => {
                let section = SectionId(half(word) >> Self::TAG_BITS);
                Self::Section(SectionPage { section, page: half(word >> 32) })
            }
        }
    }
}

/// Sections of a machine at most: their numbers are beside a tag.
const SECTIONS_MAX: usize = 1 << (u32::BITS - Place::TAG_BITS);

/// A page of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SectionPage {
    section: SectionId,
    page: u32,
}

/// Pages of a section at most.
pub(crate) const SECTION_PAGES_MAX: u64 = 1 << 32;

impl SectionPage {
    /// A page of a section.
    pub(crate) fn new(section: SectionId, page: u64) -> Self {
        let Ok(page) = u32::try_from(page) else {
            unreachable!("page {page} of a section: expected less than {SECTION_PAGES_MAX}")
        };
        Self { section, page }
    }
}

/// Where a frame's page is and what its checksum is, a word each: there is one for each page of the
/// budget.
#[derive(Clone, Copy, Debug)]
struct Frame {
    place: u64,
    sum: u64,
}

const _: () = assert!(size_of::<Frame>() == 16);

impl Frame {
    const NOTHING: Self = Self { place: Place::NOWHERE, sum: Sum::UNKNOWN };

    fn place(&self) -> Place {
        Place::unpacked(self.place)
    }

    fn set_place(&mut self, place: Place) {
        self.place = place.packed();
    }
}

/// The memory of a section.
#[derive(Debug)]
struct SectionMemory {
    file: SharedMemory,
    /// Whose each page is or was, as the number behind the frame's; 0 is nobody's.
    frames: Box<[u32]>,
}

/// All frames of a machine.
pub(crate) struct Frames {
    homes: Homes,
    frames: Box<[Frame]>,
    sections: Vec<Option<SectionMemory>>,
}

impl Frames {
    /// So many frames, none of which takes memory yet.
    ///
    /// # Errors
    /// What the kernel says where there is no room for their addresses.
    pub(crate) fn new(count: u32) -> Result<Self, Errno> {
        let homes = Homes::new(count)?;
        let frames = vec![Frame::NOTHING; count as usize].into_boxed_slice();
        Ok(Self { homes, frames, sections: Vec::new() })
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.frames.len()
    }

    /// The reservation of all homes.
    pub(crate) const fn homes(&self) -> &Reservation {
        self.homes.area()
    }

    /// Where the page of a frame lies that is at home.
    pub(crate) fn home(&self, frame: Pfn) -> u64 {
        match self.get(frame).place() {
            Place::Home(home) => self.homes.address(home),
            place => panic!("frame {frame} is at {place:?}, not at home"),
        }
    }

    /// How many of some frames, the first ones, are at homes side by side.
    pub(crate) fn side_by_side(&self, frames: &[Pfn]) -> u64 {
        let is_behind = |pair: &&[Pfn; 2]| {
            let places = pair.map(|frame| self.get(frame).place());
            matches!(places, [Place::Home(one), Place::Home(next)] if one.plus(1) == next)
        };
        1 + frames.array_windows().take_while(is_behind).count() as u64
    }

    /// Sets homes aside for up to so many frames, to which their pages are about to be moved: the
    /// first of them, its address, and how many.
    pub(crate) fn set_aside(&mut self, most: u32) -> (Home, u64, u32) {
        let (home, count) = self.homes.take(most);
        (home, self.homes.address(home), count)
    }

    /// Gives up homes that were set aside.
    pub(crate) fn give_back(&mut self, homes: impl Iterator<Item = Home>) {
        homes.for_each(|home| self.homes.give_back(home));
    }

    fn get(&self, frame: Pfn) -> &Frame {
        &self.frames[frame.0 as usize]
    }

    fn get_mut(&mut self, frame: Pfn) -> &mut Frame {
        &mut self.frames[frame.0 as usize]
    }

    /// Whether its page is at home.
    pub(crate) fn is_home(&self, frame: Pfn) -> bool {
        matches!(self.get(frame).place(), Place::Home(_))
    }

    /// Whether its page is at an address of a space.
    pub(crate) fn is_at(&self, frame: Pfn, address: u64) -> bool {
        self.get(frame).place() == Place::Space(address)
    }

    /// Whether its page is with a section.
    pub(crate) fn is_with_section(&self, frame: Pfn) -> bool {
        matches!(self.get(frame).place(), Place::Section(_))
    }

    /// Its page was moved to an address of a space.
    pub(crate) fn moved(&mut self, frame: Pfn, address: u64) {
        if let Place::Home(home) = self.get(frame).place() {
            self.homes.give_back(home);
        }
        self.get_mut(frame).set_place(Place::Space(address));
    }

    /// Its page was moved to a home that was set aside.
    pub(crate) fn came_home(&mut self, frame: Pfn, home: Home) {
        self.get_mut(frame).set_place(Place::Home(home));
    }

    /// What is known of its checksum.
    pub(crate) fn sum(&self, frame: Pfn) -> Sum {
        Sum::unpacked(self.get(frame).sum)
    }

    /// What is known of its checksum from now on.
    pub(crate) fn set_sum(&mut self, frame: Pfn, sum: Sum) {
        self.get_mut(frame).sum = sum.packed();
    }

    /// The bytes of a frame, which nobody else writes meanwhile, but who shares its section.
    pub(crate) fn bytes(&self, frame: Pfn) -> &Page {
        memory::page(match self.get(frame).place() {
            Place::Home(home) => self.homes.address(home),
            Place::Space(address) => address,
            Place::Section(SectionPage { section, page }) => {
                self.section(section).file.page(u64::from(page))
            }
            Place::Nowhere => panic!("frame {frame} has no page"),
        })
    }

    /// The bytes of a frame at its home, where it gets a page if it has none. What it had elsewhere
    /// is given up.
    pub(crate) fn bytes_at_home(&mut self, frame: Pfn) -> &mut Page {
        memory::page_mut(self.enter_home(frame))
    }

    /// The address of a frame's home, to be written to.
    fn enter_home(&mut self, frame: Pfn) -> u64 {
        if self.is_with_section(frame) {
            self.release(frame);
        }
        self.set_sum(frame, Sum::Unknown);
        if let Place::Home(home) = self.get(frame).place() {
            return self.homes.address(home);
        }
        let (home, address, _) = self.set_aside(1);
        self.came_home(frame, home);
        address
    }

    /// The bytes of some frames at their homes, as [`bytes_at_home`](Self::bytes_at_home) gives
    /// them, if those are side by side.
    pub(crate) fn enter_homes(&mut self, frames: &[Pfn]) -> Option<&'static mut [u8]> {
        for frame in frames {
            self.enter_home(*frame);
        }
        let is_one = self.side_by_side(frames) == frames.len() as u64;
        is_one.then(|| memory::pages_mut(self.home(frames[0]), frames.len()))
    }

    /// The bytes of a frame, and those at another's home, to be made of them; as
    /// [`bytes_at_home`](Self::bytes_at_home).
    pub(crate) fn bytes_and_home(&mut self, from: Pfn, to: Pfn) -> (&Page, &mut Page) {
        assert!(from != to, "frame {from} is to be made of itself");
        let to = self.enter_home(to);
        (self.bytes(from), memory::page_mut(to))
    }

    /// Gives the page at home, or with a section, back to the kernel; what is known of its checksum
    /// stays. What it had in a space was given up.
    pub(crate) fn release(&mut self, frame: Pfn) {
        let released = match self.get(frame).place() {
            Place::Home(home) => {
                self.homes.give_back(home);
                self.homes.discard(home)
            }
            Place::Section(SectionPage { section, page }) => {
                self.section(section).file.discard(u64::from(page))
            }
            Place::Space(_) | Place::Nowhere => Ok(()),
        };
        released.unwrap_or_else(|errno| memory::fatal("giving a page back", errno));
        self.get_mut(frame).set_place(Place::Nowhere);
    }

    /// A section has memory from now on.
    pub(crate) fn add_section(&mut self, id: SectionId, file: SharedMemory, pages: u64) {
        let number = id.0 as usize;
        assert!(number < SECTIONS_MAX, "section {number}: expected less than {SECTIONS_MAX}");
        if self.sections.len() <= number {
            self.sections.resize_with(number + 1, || None);
        }
        let pages = usize::try_from(pages).unwrap_or(usize::MAX);
        let frames = vec![0; pages].into_boxed_slice();
        self.sections[number] = Some(SectionMemory { file, frames });
    }

    /// Takes the memory of sections that are gone.
    pub(crate) fn remove_sections(&mut self, lives: impl Fn(SectionId) -> bool) {
        for (number, memory) in (0..).zip(&mut self.sections) {
            if memory.is_none() || lives(SectionId(number)) {
                continue;
            }
            *memory = None;
            let is_gone =
                |place: Place| matches!(place, Place::Section(of) if of.section.0 == number);
            for frame in self.frames.iter_mut().filter(|frame| is_gone(frame.place())) {
                frame.set_place(Place::Nowhere);
            }
        }
    }

    /// Whether there is any section.
    pub(crate) const fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    fn section(&self, id: SectionId) -> &SectionMemory {
        match self.sections.get(id.0 as usize) {
            Some(Some(memory)) => memory,
            _ => panic!("section {} has no memory", id.0),
        }
    }

    /// The file in memory of a section.
    pub(crate) fn file(&self, id: SectionId) -> &SharedMemory {
        &self.section(id).file
    }

    /// Moves the page of a frame to its section, as zeros or as it is; it may be there already.
    pub(crate) fn join_section(&mut self, frame: Pfn, of: SectionPage, is_zero: bool) {
        const ZEROS: Page = [0; PAGE_BYTES];
        let (here, place) = (Place::Section(of), self.get(frame).place());
        if place != here || is_zero {
            let bytes = if is_zero { &ZEROS } else { self.bytes(frame) };
            let written = self.section(of.section).file.write(u64::from(of.page), bytes);
            written.unwrap_or_else(|errno| memory::fatal("writing a page of a section", errno));
        }
        if place == here {
            return;
        }
        self.release(frame);
        let Some(Some(memory)) = self.sections.get_mut(of.section.0 as usize) else {
            unreachable!("section {} was just written to", of.section.0)
        };
        let before = std::mem::replace(&mut memory.frames[of.page as usize], frame.0 + 1);
        // Its page was overwritten: it held what has been read or made anew since.
        if let Some(number) = before.checked_sub(1)
            && self.get(Pfn(number)).place() == here
        {
            self.get_mut(Pfn(number)).set_place(Place::Nowhere);
        }
        self.get_mut(frame).set_place(here);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_frame_is_the_same_in_its_words() {
        let sections =
            [0, 1, 77, SECTIONS_MAX - 1].map(|number| u32::try_from(number).expect("id"));
        let pages = [0, 1, 1 << 20, SECTION_PAGES_MAX - 1];
        let of = |section| pages.map(|page| SectionPage::new(SectionId(section), page));
        let sections = sections.into_iter().flat_map(of).map(Place::Section);
        let spaces = [PAGE_SIZE, 0x7fff_ffff_f000].map(Place::Space);
        let homes = [0, 1, u32::MAX].map(|number| Place::Home(Home::of(number)));
        for place in sections.chain(spaces).chain(homes).chain([Place::Nowhere]) {
            assert_eq!(Place::unpacked(place.packed()), place);
        }
        for sum in [Sum::Unknown, Sum::InFlight, Sum::Known(2), Sum::Known(u64::MAX)] {
            assert_eq!(Sum::unpacked(sum.packed()), sum);
        }
    }
}
