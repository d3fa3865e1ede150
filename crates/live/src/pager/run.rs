//! Runs: mappings of neighbours that are carried out by one system call.
//!
//! A page costs a system call of about a microsecond alone, and a tenth of that in a run of 64.

use memtide_core::page::{PAGE_SIZE, Pfn, SpaceId};

/// What is done to a run of pages of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Move pages from their homes; where `protects`, writes fault.
    Bring { protects: bool },
    /// Make pages of zeros; where `protects`, writes fault.
    Zero { protects: bool },
    /// Move pages to their homes.
    Take,
    /// Take pages of a section out of a view.
    Hide,
    /// Let writes fault or pass.
    Protect { on: bool },
}

/// Neighbouring pages, whose frames are neighbours too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) act: Act,
    pub(crate) space: SpaceId,
    /// The address of the first page.
    pub(crate) address: u64,
    /// The frame of the first page.
    pub(crate) frame: Pfn,
    pub(crate) pages: u32,
}

impl Run {
    fn takes(&self, act: Act, space: SpaceId, address: u64, frame: Pfn) -> bool {
        // Zeros and protections do not care which frames they are, but the notes on them do.
        self.act == act
            && self.space == space
            && self.address + u64::from(self.pages) * PAGE_SIZE == address
            && self.frame.0 + self.pages == frame.0
            && self.pages < MOST
    }

    /// Each page's address and frame.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u64, Pfn)> + use<> {
        let Self { address, frame, pages, .. } = *self;
        (0..pages).map(move |n| (address + u64::from(n) * PAGE_SIZE, Pfn(frame.0 + n)))
    }

    /// Its first so many pages.
    pub(crate) fn first(mut self, pages: u64) -> Self {
        self.pages = u32::try_from(pages).map_or(self.pages, |pages| pages.min(self.pages));
        self
    }

    /// What stands behind its first so many pages.
    pub(crate) fn behind(mut self, pages: u64) -> Self {
        let before = self.first(pages);
        self.address += before.bytes();
        self.frame.0 += before.pages;
        self.pages -= before.pages;
        self
    }

    /// Its size, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.pages) * PAGE_SIZE
    }
}

/// Pages in one run at most: what is copied when moving is impossible is there twice meanwhile.
const MOST: u32 = 64;

/// The run that is being gathered.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    gathered: Option<Run>,
}

impl Runs {
    /// Adds a page; the run that must be carried out first, if it does not go on with this page.
    pub(crate) fn add(
        &mut self,
        act: Act,
        space: SpaceId,
        address: u64,
        frame: Pfn,
    ) -> Option<Run> {
        match &mut self.gathered {
            Some(run) if run.takes(act, space, address, frame) => {
                run.pages += 1;
                None
            }
            gathered => gathered.replace(Run { act, space, address, frame, pages: 1 }),
        }
    }

    /// Whether a frame is in what is gathered so far.
    pub(crate) fn names(&self, frame: Pfn) -> bool {
        let within = |run: &Run| frame.0 >= run.frame.0 && frame.0 - run.frame.0 < run.pages;
        self.gathered.as_ref().is_some_and(within)
    }

    /// What is gathered so far.
    pub(crate) fn take(&mut self) -> Option<Run> {
        self.gathered.take()
    }
}
