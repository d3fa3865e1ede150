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

/// Neighbouring pages, and their frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) act: Act,
    pub(crate) space: SpaceId,
    /// The address of the first page.
    pub(crate) address: u64,
    frames: [Pfn; MOST as usize],
    pages: u32,
}

impl Run {
    /// One page.
    pub(crate) const fn of(act: Act, space: SpaceId, address: u64, frame: Pfn) -> Self {
        Self { act, space, address, frames: [frame; MOST as usize], pages: 1 }
    }

    /// Adds a page, if it goes on with it.
    fn takes(&mut self, act: Act, space: SpaceId, address: u64, frame: Pfn) -> bool {
        let goes_on = self.act == act
            && self.space == space
            && self.address + self.bytes() == address
            && self.pages < MOST;
        if goes_on {
            self.frames[self.pages as usize] = frame;
            self.pages += 1;
        }
        goes_on
    }

    /// The frames of its pages.
    pub(crate) fn frames(&self) -> &[Pfn] {
        &self.frames[..self.pages as usize]
    }

    /// Each page's address and frame.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u64, Pfn)> {
        let addresses = (0..).map(|n: u64| self.address + n * PAGE_SIZE);
        addresses.zip(self.frames().iter().copied())
    }

    /// How many pages it has.
    pub(crate) const fn pages(&self) -> u32 {
        self.pages
    }

    /// Its first so many pages.
    pub(crate) fn first(mut self, pages: u64) -> Self {
        self.pages = u32::try_from(pages).map_or(self.pages, |pages| pages.min(self.pages));
        self
    }

    /// What stands behind its first so many pages.
    pub(crate) fn behind(mut self, pages: u64) -> Self {
        let before = self.first(pages);
        self.frames.copy_within(before.pages as usize..self.pages as usize, 0);
        self.address += before.bytes();
        self.pages -= before.pages;
        self
    }

    /// Its size, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.pages) * PAGE_SIZE
    }

    /// Whether an address of a space is in it, or a frame.
    fn names(&self, space: SpaceId, address: u64, frame: Pfn) -> bool {
        let is_within = address.wrapping_sub(self.address) < self.bytes();
        (self.space == space && is_within) || self.frames().contains(&frame)
    }
}

/// Pages in one run at most: what is copied when moving is impossible is there twice meanwhile.
const MOST: u32 = 64;

/// The runs that are being gathered: one of pages that leave, and one of all else, since a page
/// often leaves for each that comes.
///
/// # Invariants
/// - No page and no frame is in both, so that it does not matter which is carried out first.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    leaving: Option<Run>,
    other: Option<Run>,
}

impl Runs {
    /// Adds a page; the runs that must be carried out first.
    pub(crate) fn add(
        &mut self,
        act: Act,
        space: SpaceId,
        address: u64,
        frame: Pfn,
    ) -> [Option<Run>; 2] {
        let (same, opposite) = match act {
            Act::Take => (&mut self.leaving, &mut self.other),
            _ => (&mut self.other, &mut self.leaving),
        };
        let conflicts = |run: &mut Run| run.names(space, address, frame);
        let before = opposite.take_if(conflicts);
        if let Some(run) = same
            && run.takes(act, space, address, frame)
        {
            return [before, None];
        }
        [before, same.replace(Run::of(act, space, address, frame))]
    }

    /// Whether a frame is in what is gathered so far.
    pub(crate) fn names(&self, frame: Pfn) -> bool {
        let runs = [&self.leaving, &self.other];
        runs.into_iter().flatten().any(|run| run.frames().contains(&frame))
    }

    /// What is gathered so far.
    pub(crate) fn take(&mut self) -> [Option<Run>; 2] {
        [self.leaving.take(), self.other.take()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId(0);
    const BRING: Act = Act::Bring { protects: true };

    fn add(runs: &mut Runs, act: Act, page: u64, frame: u32) -> Vec<(Act, u64, u32)> {
        let done = runs.add(act, SPACE, page * PAGE_SIZE, Pfn(frame));
        let told = |run: Run| (run.act, run.address / PAGE_SIZE, run.pages());
        done.into_iter().flatten().map(told).collect()
    }

    #[test]
    fn pages_that_come_and_go_in_turn_are_two_runs() {
        let mut runs = Runs::default();
        for page in 0..64 {
            let number = u32::try_from(page).expect("few");
            assert_eq!(add(&mut runs, BRING, page, 1000 - number), []);
            assert_eq!(add(&mut runs, Act::Take, 500 + page, 2000 + number), []);
        }
        assert_eq!(add(&mut runs, BRING, 64, 7), [(BRING, 0, 64)], "no longer than a run may be");
        assert_eq!(add(&mut runs, Act::Take, 700, 8), [(Act::Take, 500, 64)], "elsewhere");
    }

    #[test]
    fn what_depends_on_another_run_comes_after_it() {
        let mut runs = Runs::default();
        assert_eq!(add(&mut runs, Act::Take, 5, 1), []);
        assert_eq!(add(&mut runs, BRING, 9, 1), [(Act::Take, 5, 1)], "the frame that left");
        assert_eq!(add(&mut runs, Act::Take, 20, 2), []);
        let done = add(&mut runs, BRING, 20, 3);
        assert_eq!(done, [(Act::Take, 20, 1), (BRING, 9, 1)], "the place of a page that left");
        assert!(runs.names(Pfn(3)) && !runs.names(Pfn(2)));
    }
}
