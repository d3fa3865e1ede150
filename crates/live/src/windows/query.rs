//! What pages of a space are: VirtualQuery.

use memtide_core::page::PAGE_SIZE;
use memtide_core::{PageUse, Protection, Refusal, RegionInfo, RegionKind, RegionState};

use super::native::{memory, process};
use super::regions::Kind;
use super::space::Space;
use crate::error::Error;

impl Space {
    /// What the page at an address is, and how many after it are alike: `VirtualQuery`.
    ///
    /// Offered pages show as what they were before.
    ///
    /// # Errors
    /// [`Error::Foreign`] for memory of the process that is not of the space;
    /// [`Refusal::InvalidParameter`] for an address outside what programs may use.
    pub fn query(&self, address: u64) -> Result<RegionInfo, Error> {
        if address >= process::end_of_addresses() {
            let expected = "an address that programs may use";
            let (what, value) = ("the address", address);
            return Err(Refusal::InvalidParameter { what, value, expected }.into());
        }
        let regions = self.regions();
        let base = address / PAGE_SIZE * PAGE_SIZE;
        let found = memory::query(base).map_err(Error::system("looking at a page"))?;
        let bytes = found.base + found.bytes - base;
        let Some(region) = regions.at(address) else {
            if !found.is_free {
                return Err(Error::Foreign { address });
            }
            return Ok(RegionInfo { base, bytes, state: RegionState::Free });
        };
        let kind = match &region.kind {
            Kind::Private { .. } => RegionKind::Private,
            Kind::LargePages => RegionKind::LargePages,
            Kind::Physical => RegionKind::Physical,
            Kind::View { section, first, .. } => {
                RegionKind::View { section: section.id(), first: *first }
            }
        };
        let page_use = if found.is_committed {
            PageUse::Committed(Protection::from_windows(found.protection)?)
        } else {
            PageUse::Reserved
        };
        let allocation_protection = match region.kind {
            Kind::View { protection, .. } => protection,
            _ => Protection::from_windows(found.allocation_protection)?,
        };
        let allocation_base = region.base;
        let state =
            RegionState::Allocated { allocation_base, allocation_protection, kind, page_use };
        Ok(RegionInfo { base, bytes, state })
    }
}
