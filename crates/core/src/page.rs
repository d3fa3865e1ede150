//! Pages: how physical and virtual ones are named.

use core::fmt;
use core::ops::Range;

pub use crate::units::PAGE_SIZE;

/// Address bits within a page.
pub const PAGE_SHIFT: u32 = 12;

/// Pages in the granularity of reservations, 64 KiB.
pub const GRANULE_PAGES: u64 = 16;

/// The granularity of reservations, in bytes.
pub const ALLOCATION_GRANULARITY: u64 = GRANULE_PAGES * PAGE_SIZE;

/// Pages in a large page, 2 MiB.
pub const LARGE_PAGES: u64 = 512;

/// A page frame number: a physical page, by its place in the PFN database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pfn(pub u32);

impl Pfn {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Pfn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&alloc::format!("{:x}", self.0))
    }
}

/// A virtual page number: an address of a space, divided by the page size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Vpn(pub u64);

impl Vpn {
    /// The page that holds an address.
    #[must_use]
    pub const fn of(address: u64) -> Self {
        Self(address >> PAGE_SHIFT)
    }

    /// The address of its first byte.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.0 << PAGE_SHIFT
    }
}

impl fmt::Display for Vpn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&alloc::format!("{:#x}", self.address()))
    }
}

/// A moment of the world's clock, in nanoseconds since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tick(pub u64);

impl Tick {
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);

    /// This moment and so much later.
    #[must_use]
    pub const fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// An address space, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpaceId(pub u32);

/// A section, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SectionId(pub u32);

/// A thread of the world that faults and waits, by the world's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ThreadId(pub u32);

/// What a thread does to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Access {
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It fetches an instruction.
    Execute,
}

/// The pages that a byte range touches, or `None` where it wraps around or is empty.
pub(crate) fn pages_of(address: u64, bytes: u64) -> Option<Range<u64>> {
    let last = address.checked_add(bytes.checked_sub(1)?)?;
    Some((address >> PAGE_SHIFT)..(last >> PAGE_SHIFT) + 1)
}

/// An index as stored in packed words. The databases are sized so that it always fits.
#[inline]
pub(crate) fn narrow(index: usize) -> u32 {
    match u32::try_from(index) {
        Ok(narrow) => narrow,
        Err(_) => unreachable!("{index} is more than a database of 32-bit indices holds"),
    }
}

/// A count of pages as an index into memory that is there.
#[inline]
pub(crate) fn wide(pages: u64) -> usize {
    match usize::try_from(pages) {
        Ok(wide) => wide,
        Err(_) => unreachable!("{pages} pages do not fit in this machine's addresses"),
    }
}

/// Pages as bytes, of a count that stands for existing pages.
pub(crate) const fn bytes(pages: u64) -> u64 {
    pages.saturating_mul(PAGE_SIZE)
}
