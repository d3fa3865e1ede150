//! Pages by their addresses: the only place that reads and writes managed memory directly.
//!
//! Whoever calls knows that the page is present, or lies in plain memory of our own, and that
//! nobody moves it meanwhile: whoever calls holds the pager's lock, or an operation in progress has
//! the page's frame.

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;

/// The bytes of a page.
pub(crate) type Page = [u8; PAGE_BYTES];

/// Bytes of a page.
pub(crate) const PAGE_BYTES: usize = 4096;

const _: () = assert!(PAGE_BYTES as u64 == PAGE_SIZE);

/// The bytes of a page that nobody writes to meanwhile.
pub(crate) fn page<'a>(at: u64) -> &'a Page {
    debug_assert!(at.is_multiple_of(PAGE_SIZE));
    // SAFETY: the caller holds the pager's lock and knows the page to be present: a home, or a page
    // of a space that is mapped. Programs reach it only through their own references.
    unsafe { &*(at as *const Page) }
}

/// The bytes of a page that is ours alone: a home.
pub(crate) fn page_mut<'a>(at: u64) -> &'a mut Page {
    debug_assert!(at.is_multiple_of(PAGE_SIZE));
    // SAFETY: as above, and no program has a reference into a home.
    unsafe { &mut *(at as *mut Page) }
}

/// The bytes of pages side by side that are ours alone: the homes of an operation's frames.
pub(crate) fn pages_mut<'a>(at: u64, pages: usize) -> &'a mut [u8] {
    debug_assert!(at.is_multiple_of(PAGE_SIZE));
    // SAFETY: as above, for each of the pages, which lie in one reservation.
    unsafe { std::slice::from_raw_parts_mut(at as *mut u8, pages * PAGE_BYTES) }
}

/// XXH3 of a page's bytes; 0 and 1, which stand for other things, count as 2.
pub(crate) fn sum(bytes: &Page) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytes).max(2)
}

/// Ends the process: the kernel refused what it cannot refuse, and the bytes of a page would be
/// lost or wrong if anything went on.
pub(crate) fn fatal(what: &str, errno: Errno) -> ! {
    eprintln!("memtide: {what} of {PAGE_SIZE} bytes: {errno}; no page can be trusted any more");
    std::process::abort()
}
