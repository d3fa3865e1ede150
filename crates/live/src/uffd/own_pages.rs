//! Plain access to memory that no program has: where pages are that left a space.

use std::ops::Range;

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;

use super::reservation::Reservation;

/// The bytes of a page.
pub(crate) type Page = [u8; 4096];

const _: () = assert!(size_of::<Page>() as u64 == PAGE_SIZE);

/// A reservation that its owner alone reads and writes, page by page.
///
/// It may be registered as a target of moves, not for its faults: a missing page reads as zeros
/// and is there once it is written. References into it end before its owner has the kernel change
/// it, by MOVE, COPY, reads from a file: the borrows of `self` see to that as long as the owner
/// holds it exclusively for such calls.
#[derive(Debug)]
pub(crate) struct OwnPages {
    memory: Reservation,
}

impl OwnPages {
    /// Reserves so many bytes.
    ///
    /// # Errors
    /// As [`Reservation::new`].
    pub(crate) fn new(bytes: u64) -> Result<Self, Errno> {
        Ok(Self { memory: Reservation::new(bytes)? })
    }

    /// The memory, for its address and size, and to discard pages.
    pub(crate) const fn memory(&self) -> &Reservation {
        &self.memory
    }

    /// The page at an address.
    pub(crate) fn read_page(&self, at: u64) -> &Page {
        self.slice(at, PAGE_SIZE).as_array().unwrap_or_else(|| unreachable!("one page at {at:#x}"))
    }

    /// Puts bytes into the page at an address.
    pub(crate) fn write_page(&mut self, at: u64, page: &Page) {
        self.slice_mut(at, PAGE_SIZE).copy_from_slice(page);
    }

    /// Makes the page at an address one of zeros.
    pub(crate) fn zero_page(&mut self, at: u64) {
        self.slice_mut(at, PAGE_SIZE).fill(0);
    }

    /// Puts the page at `from` at `to` too.
    pub(crate) fn copy_page(&mut self, from: u64, to: u64) {
        let from = self.offset(from, PAGE_SIZE);
        let to = self.offset(to, PAGE_SIZE);
        self.all_mut().copy_within(from, to.start);
    }

    /// The bytes from an address on, whole pages.
    ///
    /// # Panics
    /// Where they are not whole pages of this memory.
    pub(crate) fn slice(&self, at: u64, bytes: u64) -> &[u8] {
        let range = self.offset(at, bytes);
        &self.all()[range]
    }

    /// As [`OwnPages::slice`], to be written.
    ///
    /// # Panics
    /// Where they are not whole pages of this memory.
    pub(crate) fn slice_mut(&mut self, at: u64, bytes: u64) -> &mut [u8] {
        let range = self.offset(at, bytes);
        &mut self.all_mut()[range]
    }

    fn all(&self) -> &[u8] {
        let (address, bytes) = self.memory.place();
        // SAFETY: the mapping is readable, of that size and lives as long as `self`; every bit
        // pattern is a u8; who writes it holds `self` exclusively.
        unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), bytes) }
    }

    fn all_mut(&mut self) -> &mut [u8] {
        let (address, bytes) = self.memory.place();
        let start = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the mapping is writable, of that size and lives as long as `self`, which is held
        // exclusively; every bit pattern is a u8.
        unsafe { std::slice::from_raw_parts_mut(start, bytes) }
    }

    /// A range of addresses as one of offsets.
    fn offset(&self, at: u64, bytes: u64) -> Range<usize> {
        let start = at.checked_sub(self.memory.address()).and_then(|offset| {
            let whole = offset.is_multiple_of(PAGE_SIZE) && bytes.is_multiple_of(PAGE_SIZE);
            let end = offset.checked_add(bytes)?;
            (whole && end <= self.memory.bytes()).then_some((offset, end))
        });
        let Some((start, end)) = start else {
            panic!(
                "{bytes} bytes at {at:#x} are not whole pages of the {} at {:#x}",
                self.memory.bytes(),
                self.memory.address()
            )
        };
        to_usize(start)..to_usize(end)
    }
}

fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or_else(|_| unreachable!("{offset} is within a mapping"))
}
