//! What Windows knows about pages in the working set: QueryWorkingSetEx.

use memtide_core::Refusal;
use memtide_core::page::PAGE_SIZE;

use super::native::process;
use super::regions::pages_in;
use super::space::Space;
use crate::error::Error;

/// A page as the working set has it.
///
/// Source: Microsoft's documentation of `PSAPI_WORKING_SET_EX_BLOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkingSetPage {
    /// Where it is.
    pub address: u64,
    /// Whether it is in the working set. Of a page that is not, nothing else is known.
    pub is_valid: bool,
    /// How many working sets have it; counted up to seven.
    pub share_count: u8,
    /// Whether others may map it as well.
    pub is_shared: bool,
    /// Whether it is locked.
    pub is_locked: bool,
    /// Whether it is part of a large page.
    pub is_large: bool,
    /// The memory node that its frame is of.
    pub node: u8,
}

impl WorkingSetPage {
    fn of(address: u64, word: usize) -> Self {
        let field = |shift: u32, mask: usize| u8::try_from((word >> shift) & mask).unwrap_or(0);
        let bit = |shift: u32| (word >> shift) & 1 == 1;
        if !bit(0) {
            let (share_count, node) = (0, 0);
            let (is_valid, is_shared, is_locked, is_large) = (false, false, false, false);
            return Self { address, is_valid, share_count, is_shared, is_locked, is_large, node };
        }
        Self {
            address,
            is_valid: true,
            share_count: field(1, 7),
            is_shared: bit(15),
            node: field(16, 0x3f),
            is_locked: bit(22),
            is_large: bit(23),
        }
    }
}

impl Space {
    /// The pages of a range as the working set has them: `QueryWorkingSetEx`.
    ///
    /// # Errors
    /// [`Error::Refused`] for a range that is not in one region; [`Error::System`].
    pub fn working_set(&self, address: u64, bytes: u64) -> Result<Vec<WorkingSetPage>, Error> {
        let pages = pages_in(address, bytes)?;
        let mut regions = self.regions();
        regions.of(&pages)?;
        let count = (pages.end - pages.start) / PAGE_SIZE;
        // The system takes a size of 32 bits.
        if count > 1 << 24 {
            let (what, expected) = ("the size", "at most 64 GiB at a time");
            return Err(Refusal::InvalidParameter { what, value: bytes, expected }.into());
        }
        let asked: Vec<u64> = (0..count).map(|page| pages.start + page * PAGE_SIZE).collect();
        let found = process::working_set_pages(&asked);
        let found = found.map_err(Error::system("looking at the working set"))?;
        Ok(asked.iter().zip(found).map(|(page, word)| WorkingSetPage::of(*page, word)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_not_valid_tells_nothing_else() {
        let page = WorkingSetPage::of(4096, !1);
        assert!(!page.is_valid && !page.is_shared && !page.is_locked && !page.is_large);
        assert_eq!((page.share_count, page.node), (0, 0));
    }

    #[test]
    fn the_fields_of_a_valid_page_are_where_windows_has_them() {
        let word = 1 | 5 << 1 | 0x4 << 4 | 1 << 15 | 9 << 16 | 1 << 22;
        let page = WorkingSetPage::of(8192, word);
        assert!(page.is_valid && page.is_shared && page.is_locked && !page.is_large);
        assert_eq!((page.address, page.share_count, page.node), (8192, 5, 9));
    }
}
