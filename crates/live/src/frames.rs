//! Frames: the real pages of a machine.
//!
//! Every frame has a *home*, a page of one reservation, where its bytes lie while nobody uses them.
//! A page that is mapped was moved from its home into a space; one that is trimmed is moved back.
//! The page itself stays: moving changes page tables only.
//!
//! # Invariants
//! - A frame has at most one page: at home, in a space, or nowhere yet. So the resident bytes of
//!   all frames never exceed the budget.
//! - A checksum is known only while nobody may write to the page.

use memtide_core::page::{PAGE_SIZE, Pfn};
use rustix::io::Errno;

use crate::memory::{self, Page};
use crate::uffd::Reservation;

/// Where a frame's page is not.
const NOWHERE: u64 = 0;

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

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// The address of its page, or [`NOWHERE`].
    at: u64,
    sum: Sum,
}

/// All frames of a machine.
pub(crate) struct Frames {
    homes: Reservation,
    frames: Box<[Frame]>,
}

impl Frames {
    /// So many frames, none of which takes memory yet.
    ///
    /// # Errors
    /// What the kernel says where there is no room for their addresses.
    pub(crate) fn new(count: u32) -> Result<Self, Errno> {
        let homes = Reservation::new(u64::from(count) * PAGE_SIZE)?;
        let nothing = Frame { at: NOWHERE, sum: Sum::Unknown };
        Ok(Self { homes, frames: vec![nothing; count as usize].into_boxed_slice() })
    }

    /// The reservation of all homes.
    pub(crate) const fn homes(&self) -> &Reservation {
        &self.homes
    }

    /// The home of a frame.
    pub(crate) fn home(&self, frame: Pfn) -> u64 {
        self.homes.address() + u64::from(frame.0) * PAGE_SIZE
    }

    fn get(&mut self, frame: Pfn) -> &mut Frame {
        &mut self.frames[frame.0 as usize]
    }

    /// Whether its page is at home.
    pub(crate) fn is_home(&self, frame: Pfn) -> bool {
        self.frames[frame.0 as usize].at == self.home(frame)
    }

    /// Whether its page is at an address.
    pub(crate) fn is_at(&self, frame: Pfn, address: u64) -> bool {
        self.frames[frame.0 as usize].at == address
    }

    /// Its page is at an address from now on.
    pub(crate) fn moved(&mut self, frame: Pfn, address: u64) {
        self.get(frame).at = address;
    }

    /// Its page is at home from now on.
    pub(crate) fn came_home(&mut self, frame: Pfn) {
        let home = self.home(frame);
        self.get(frame).at = home;
    }

    /// What is known of its checksum.
    pub(crate) fn sum(&self, frame: Pfn) -> Sum {
        self.frames[frame.0 as usize].sum
    }

    /// What is known of its checksum from now on.
    pub(crate) fn set_sum(&mut self, frame: Pfn, sum: Sum) {
        self.get(frame).sum = sum;
    }

    /// The bytes of a frame, which nobody else writes meanwhile.
    pub(crate) fn bytes(&self, frame: Pfn) -> &Page {
        let at = self.frames[frame.0 as usize].at;
        assert!(at != NOWHERE, "frame {frame} has no page");
        memory::page(at)
    }

    /// The bytes of a frame at its home, where it gets a page if it has none. What it had in a
    /// space was given up.
    pub(crate) fn bytes_at_home(&mut self, frame: Pfn) -> &mut Page {
        self.came_home(frame);
        self.set_sum(frame, Sum::Unknown);
        memory::page_mut(self.home(frame))
    }

    /// The bytes of a frame, and those at another's home, to be made of them; as
    /// [`bytes_at_home`](Self::bytes_at_home).
    pub(crate) fn bytes_and_home(&mut self, from: Pfn, to: Pfn) -> (&Page, &mut Page) {
        assert!(from != to, "frame {from} is to be made of itself");
        self.came_home(to);
        self.set_sum(to, Sum::Unknown);
        (self.bytes(from), memory::page_mut(self.home(to)))
    }

    /// Gives the page at home back to the kernel; what is known of its checksum stays.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn release_home(&mut self, frame: Pfn) -> Result<(), Errno> {
        self.homes.discard(u64::from(frame.0) * PAGE_SIZE, PAGE_SIZE)?;
        self.get(frame).at = NOWHERE;
        Ok(())
    }
}
