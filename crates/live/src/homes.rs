//! Homes: addresses where pages lie while nobody uses them.
//!
//! There are more homes than pages can be at home, and they are given out one behind the other. So
//! pages that leave a space together lie side by side, whatever was there before them, and go out
//! and come back in one system call.
//!
//! # Invariants
//! - A home is one frame's, or it is free and has no page.

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;

use crate::uffd::Reservation;

/// Homes for each frame: half of them are free even when every frame is at home.
const PER_FRAME: u64 = 2;

/// A home, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home(u32);

/// All homes of a machine.
#[derive(Debug)]
pub(crate) struct Homes {
    area: Reservation,
    /// A bit each: whether it is a frame's.
    used: Box<[u64]>,
    count: u32,
    /// Where to look next.
    next: u32,
}

impl Homes {
    /// Homes for so many frames.
    ///
    /// # Errors
    /// What the kernel says where there is no room for their addresses.
    pub(crate) fn new(frames: u32) -> Result<Self, Errno> {
        let count = u32::try_from(u64::from(frames) * PER_FRAME).map_err(|_| Errno::NOMEM)?;
        let area = Reservation::new(u64::from(count) * PAGE_SIZE)?;
        let used = vec![0; count.div_ceil(u64::BITS) as usize].into_boxed_slice();
        Ok(Self { area, used, count, next: 0 })
    }

    /// The addresses of all homes.
    pub(crate) const fn area(&self) -> &Reservation {
        &self.area
    }

    /// The address of a home.
    pub(crate) fn address(&self, home: Home) -> u64 {
        self.area.address() + u64::from(home.0) * PAGE_SIZE
    }

    /// Takes up to so many homes that lie side by side: the first of them, and how many.
    pub(crate) fn take(&mut self, most: u32) -> (Home, u32) {
        let first = self.next_free();
        let mut taken = 0;
        while taken < most && first + taken < self.count && !self.is_used(first + taken) {
            let (word, bit) = place(first + taken);
            self.used[word] |= bit;
            taken += 1;
        }
        self.next = if first + taken < self.count { first + taken } else { 0 };
        (Home(first), taken)
    }

    /// Gives a home back, which has no page any more.
    pub(crate) fn give_back(&mut self, home: Home) {
        let (word, bit) = place(home.0);
        debug_assert!(self.used[word] & bit != 0, "{home:?} is free already");
        self.used[word] &= !bit;
    }

    /// Gives the page of a home back to the kernel.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn discard(&self, home: Home) -> Result<(), Errno> {
        self.area.discard(u64::from(home.0) * PAGE_SIZE, PAGE_SIZE)
    }

    fn is_used(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.used[word] & bit != 0
    }

    /// The first free home from where the last search ended, and around.
    fn next_free(&self) -> u32 {
        let all = self.next..self.count;
        let mut numbers = all.chain(0..self.next);
        match numbers.find(|number| !self.is_used(*number)) {
            Some(number) => number,
            None => unreachable!("{} homes are taken: expected at most half of them", self.count),
        }
    }
}

impl Home {
    /// The home of a number.
    pub(crate) const fn of(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// The home so many further.
    pub(crate) const fn plus(self, homes: u32) -> Self {
        Self(self.0 + homes)
    }
}

const fn place(number: u32) -> (usize, u64) {
    ((number / u64::BITS) as usize, 1 << (number % u64::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_lie_side_by_side_and_are_given_out_again_last_of_all() {
        let mut homes = Homes::new(50).expect("homes");
        assert_eq!(homes.take(30), (Home(0), 30));
        assert_eq!(homes.take(1), (Home(30), 1));
        (0..30).for_each(|number| homes.give_back(Home(number)));
        assert_eq!(homes.take(64), (Home(31), 64), "not what has just become free");
        assert_eq!(homes.take(64), (Home(95), 5), "no further than they go");
        assert_eq!(homes.take(64), (Home(0), 30), "up to what is taken");
        assert_eq!(homes.address(Home(3)), homes.area().address() + 3 * PAGE_SIZE);
    }
}
