//! Frames: the real pages of a machine.
//!
//! Every frame has a *home*, a page of one reservation, where its bytes lie while nobody uses them.
//! A page that is mapped was moved from its home into a space; one that is trimmed is moved back.
//! The page itself stays: moving changes page tables only.
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

use crate::memory::{self, PAGE_BYTES, Page};
use crate::uffd::{Reservation, SharedMemory};

/// What is known of a page's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Somebody may have written since.
    Unknown,
    /// The page is being written out as it is.
    InFlight,
    /// It is this.
    Known(u64),
}

/// Where a frame's page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Home,
    /// In a space, at this address.
    Space(u64),
    /// With a section: that page of it.
    Section(SectionPage),
}

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

#[derive(Clone, Copy, Debug)]
struct Frame {
    place: Place,
    sum: Sum,
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
    homes: Reservation,
    frames: Box<[Frame]>,
    sections: Vec<Option<SectionMemory>>,
}

impl Frames {
    /// So many frames, none of which takes memory yet.
    ///
    /// # Errors
    /// What the kernel says where there is no room for their addresses.
    pub(crate) fn new(count: u32) -> Result<Self, Errno> {
        let homes = Reservation::new(u64::from(count) * PAGE_SIZE)?;
        let nothing = Frame { place: Place::Nowhere, sum: Sum::Unknown };
        let frames = vec![nothing; count as usize].into_boxed_slice();
        Ok(Self { homes, frames, sections: Vec::new() })
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.frames.len()
    }

    /// The reservation of all homes.
    pub(crate) const fn homes(&self) -> &Reservation {
        &self.homes
    }

    /// The home of a frame.
    pub(crate) fn home(&self, frame: Pfn) -> u64 {
        self.homes.address() + u64::from(frame.0) * PAGE_SIZE
    }

    fn get(&self, frame: Pfn) -> &Frame {
        &self.frames[frame.0 as usize]
    }

    fn get_mut(&mut self, frame: Pfn) -> &mut Frame {
        &mut self.frames[frame.0 as usize]
    }

    /// Whether its page is at home.
    pub(crate) fn is_home(&self, frame: Pfn) -> bool {
        self.get(frame).place == Place::Home
    }

    /// Whether its page is at an address of a space.
    pub(crate) fn is_at(&self, frame: Pfn, address: u64) -> bool {
        self.get(frame).place == Place::Space(address)
    }

    /// Whether its page is with a section.
    pub(crate) fn is_with_section(&self, frame: Pfn) -> bool {
        matches!(self.get(frame).place, Place::Section(_))
    }

    /// Its page was moved to an address of a space.
    pub(crate) fn moved(&mut self, frame: Pfn, address: u64) {
        self.get_mut(frame).place = Place::Space(address);
    }

    /// Its page was moved home.
    pub(crate) fn came_home(&mut self, frame: Pfn) {
        self.get_mut(frame).place = Place::Home;
    }

    /// What is known of its checksum.
    pub(crate) fn sum(&self, frame: Pfn) -> Sum {
        self.get(frame).sum
    }

    /// What is known of its checksum from now on.
    pub(crate) fn set_sum(&mut self, frame: Pfn, sum: Sum) {
        self.get_mut(frame).sum = sum;
    }

    /// The bytes of a frame, which nobody else writes meanwhile, but who shares its section.
    pub(crate) fn bytes(&self, frame: Pfn) -> &Page {
        memory::page(match self.get(frame).place {
            Place::Home => self.home(frame),
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
        if self.is_with_section(frame) {
            self.release(frame);
        }
        self.came_home(frame);
        self.set_sum(frame, Sum::Unknown);
        memory::page_mut(self.home(frame))
    }

    /// The bytes of a frame, and those at another's home, to be made of them; as
    /// [`bytes_at_home`](Self::bytes_at_home).
    pub(crate) fn bytes_and_home(&mut self, from: Pfn, to: Pfn) -> (&Page, &mut Page) {
        assert!(from != to, "frame {from} is to be made of itself");
        self.bytes_at_home(to);
        (self.bytes(from), memory::page_mut(self.home(to)))
    }

    /// Gives the page at home, or with a section, back to the kernel; what is known of its checksum
    /// stays. What it had in a space was given up.
    pub(crate) fn release(&mut self, frame: Pfn) {
        let released = match self.get(frame).place {
            Place::Home => self.homes.discard(u64::from(frame.0) * PAGE_SIZE, PAGE_SIZE),
            Place::Section(SectionPage { section, page }) => {
                self.section(section).file.discard(u64::from(page))
            }
            Place::Space(_) | Place::Nowhere => Ok(()),
        };
        released.unwrap_or_else(|errno| memory::fatal("giving a page back", errno));
        self.get_mut(frame).place = Place::Nowhere;
    }

    /// A section has memory from now on.
    pub(crate) fn add_section(&mut self, id: SectionId, file: SharedMemory, pages: u64) {
        let number = id.0 as usize;
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
            for frame in self.frames.iter_mut().filter(|frame| is_gone(frame.place)) {
                frame.place = Place::Nowhere;
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
        let (here, place) = (Place::Section(of), self.get(frame).place);
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
            && self.get(Pfn(number)).place == here
        {
            self.get_mut(Pfn(number)).place = Place::Nowhere;
        }
        self.get_mut(frame).place = here;
    }
}
