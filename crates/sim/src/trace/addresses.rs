//! Where references lie: every reference of a trace has an address that a program of 64-bit
//! Windows may use, whatever the trace calls its place.

use std::collections::HashMap;
use std::ops::Range;

use memtide_core::Layout;
use memtide_core::page::{Access, PAGE_SIZE, Vpn};
use rustc_hash::FxBuildHasher;

use crate::Reference;

/// What a program may use.
pub(super) const USABLE: Range<u64> = Layout::User128T.private();

/// The terabyte to which pages outside of what a program may use are moved, one after the other:
/// one in the middle of nowhere, far from code, heap and stacks.
const STRAYS: Range<u64> = 0x4000_0000_0000..0x4100_0000_0000;

/// The address of the page of object 0; those of the next ones follow.
pub const OBJECTS: u64 = 0x1_0000_0000;

/// Objects below this number have the page of that number; others get the pages behind, in the
/// order in which they appear.
const SMALL_IDS: u64 = 1 << 28;

/// The most bytes of one reference: more than any instruction moves.
pub(super) const SIZE_MAX: u64 = 1 << 20;

/// Whether a program may use an address, and no page was moved there.
pub(super) const fn is_usable(address: u64) -> bool {
    // Below the start it wraps to more than the length.
    address.wrapping_sub(USABLE.start) < USABLE.end - USABLE.start
}

/// Moves addresses outside of what a program may use to where it may.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    strays: HashMap<u64, u64, FxBuildHasher>,
}

impl Addresses {
    /// Adds a reference of so many bytes, one for each page it lies in.
    #[inline]
    pub(super) fn push(
        &mut self,
        into: &mut Vec<Reference>,
        address: u64,
        size: u64,
        access: Access,
    ) {
        let last = address.saturating_add(size.saturating_sub(1));
        into.push(Reference { address: self.place(address), access });
        for page in Vpn::of(address).0 + 1..=Vpn::of(last).0 {
            let address = self.place(Vpn(page).address());
            into.push(Reference { address, access });
        }
    }

    #[inline]
    fn place(&mut self, address: u64) -> u64 {
        if is_usable(address) && !STRAYS.contains(&address) {
            return address;
        }
        self.stray(address)
    }

    #[cold]
    fn stray(&mut self, address: u64) -> u64 {
        let next = self.strays.len() as u64;
        let number = *self.strays.entry(Vpn::of(address).0).or_insert(next);
        STRAYS.start + number % (1 << 28) * PAGE_SIZE + address % PAGE_SIZE
    }
}

/// Gives objects, which have names and no addresses, a page each.
#[derive(Debug, Default)]
pub(super) struct Objects {
    others: HashMap<u64, u64, FxBuildHasher>,
}

impl Objects {
    /// The address of an object's page.
    #[inline]
    pub(super) fn address(&mut self, id: u64) -> u64 {
        let page = if id < SMALL_IDS { id } else { self.other(id) };
        OBJECTS + page * PAGE_SIZE
    }

    fn other(&mut self, id: u64) -> u64 {
        let next = SMALL_IDS + self.others.len() as u64;
        *self.others.entry(id).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(references: &[(u64, u64)]) -> Vec<u64> {
        let (mut addresses, mut into) = (Addresses::default(), Vec::new());
        for (address, size) in references {
            addresses.push(&mut into, *address, *size, Access::Read);
        }
        into.iter().map(|reference| reference.address).collect()
    }

    #[test]
    fn a_reference_that_crosses_pages_becomes_one_a_page() {
        assert_eq!(placed(&[(0x10_0ff8, 8)]), [0x10_0ff8]);
        assert_eq!(placed(&[(0x10_0ff9, 8)]), [0x10_0ff9, 0x10_1000]);
        assert_eq!(placed(&[(0x10_0fff, 0x1002)]), [0x10_0fff, 0x10_1000, 0x10_2000]);
    }

    #[test]
    fn addresses_no_program_may_use_are_moved_page_by_page() {
        let vsyscall = 0xffff_ffff_ff60_0010;
        let found = placed(&[(vsyscall, 4), (0x10, 1), (vsyscall + 8, 4), (STRAYS.start, 1)]);
        let first = STRAYS.start;
        assert_eq!(found, [first + 0x10, first + 0x1010, first + 0x18, first + 0x2000]);
        assert!(found.iter().all(|address| is_usable(*address)));
    }

    #[test]
    fn the_last_addresses_there_are_do_not_wrap_around() {
        assert_eq!(placed(&[(u64::MAX, 8)]), [STRAYS.start + 0xfff]);
    }

    #[test]
    fn small_object_ids_are_page_numbers_and_large_ones_are_counted() {
        let mut objects = Objects::default();
        assert_eq!(objects.address(5), OBJECTS + 5 * PAGE_SIZE);
        let large = objects.address(u64::MAX);
        assert_eq!(objects.address(SMALL_IDS), large + PAGE_SIZE);
        assert_eq!(objects.address(u64::MAX), large);
        assert!(is_usable(large) && large > objects.address(SMALL_IDS - 1));
    }
}
