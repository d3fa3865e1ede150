//! Which regions a space has.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;
use memtide_core::{MEM_RELEASE, Protection, Refusal, Unsound};

use super::commit::Charge;
use super::native::{memory, sections};
use super::section::SectionMemory;
use crate::error::Error;

/// What a region is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Of VirtualAlloc; maybe with write watch.
    Private { is_watched: bool },
    /// Of VirtualAlloc in large pages.
    LargePages,
    /// Addresses for physical pages.
    Physical,
    /// A view, from a page of its section on, mapped with a protection.
    View { section: Arc<SectionMemory>, first: u64, protection: Protection },
}

impl Kind {
    /// The words for it in a message.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Private { .. } => "private",
            Self::LargePages => "large-page",
            Self::Physical => "physical",
            Self::View { .. } => "mapped",
        }
    }
}

/// A reservation or a view.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) base: u64,
    /// Whole pages.
    pub(super) bytes: u64,
    pub(super) kind: Kind,
    pub(super) charge: Charge,
}

impl Region {
    pub(super) const fn end(&self) -> u64 {
        self.base + self.bytes
    }

    /// Refuses the call for a region of another kind.
    pub(super) fn wrong_kind(&self, address: u64, expected: &'static str) -> Refusal {
        Refusal::WrongKind { address, found: self.kind.word(), expected }
    }

    /// Gives its addresses back.
    fn release(self) {
        let released = match self.kind {
            Kind::View { .. } => sections::unmap(self.base),
            Kind::Private { .. } | Kind::LargePages | Kind::Physical => {
                memory::free(self.base, 0, MEM_RELEASE)
            }
        };
        debug_assert!(released.is_ok(), "releasing {:#x}: {released:?}", self.base);
    }
}

/// The pages that a range of bytes touches, by the addresses of the first and behind the last.
///
/// # Errors
/// [`Refusal::InvalidParameter`] where there are none or they wrap around.
pub(super) fn pages_in(address: u64, bytes: u64) -> Result<Range<u64>, Refusal> {
    let last = bytes.checked_sub(1).and_then(|bytes| address.checked_add(bytes));
    let end = last.and_then(|last| (last / PAGE_SIZE + 1).checked_mul(PAGE_SIZE));
    let expected = "at least one byte within the address space";
    let end = end.ok_or(Refusal::InvalidParameter { what: "the size", value: bytes, expected })?;
    Ok(address / PAGE_SIZE * PAGE_SIZE..end)
}

/// The runs of alike pages of a range: each with its first byte, its length, and whether it is
/// committed.
fn runs(pages: Range<u64>) -> impl Iterator<Item = Result<(u64, u64, bool), Error>> {
    let mut at = pages.start;
    std::iter::from_fn(move || {
        if at >= pages.end {
            return None;
        }
        let run = memory::query(at).map_err(Error::system("looking at a page"));
        let found = run.map(|run| {
            let end = (run.base + run.bytes).clamp(at + PAGE_SIZE, pages.end);
            (at, end - at, run.is_committed)
        });
        at = found.as_ref().map_or(pages.end, |(start, bytes, _)| start + bytes);
        Some(found)
    })
}

/// How many bytes of a range are committed.
///
/// # Errors
/// [`Error::System`].
pub(super) fn committed_in(pages: Range<u64>) -> Result<u64, Error> {
    runs(pages).try_fold(0, |sum, run| {
        run.map(|(_, bytes, is_committed)| sum + if is_committed { bytes } else { 0 })
    })
}

/// Refuses a range of which a page is not committed.
///
/// # Errors
/// [`Refusal::NotCommitted`] with the first.
pub(super) fn all_committed(pages: Range<u64>) -> Result<(), Error> {
    for run in runs(pages) {
        let (address, _, is_committed) = run?;
        if !is_committed {
            return Err(Refusal::NotCommitted { address }.into());
        }
    }
    Ok(())
}

/// The regions of a space, by their bases.
#[derive(Debug, Default)]
pub(super) struct Regions {
    regions: BTreeMap<u64, Region>,
    /// Bytes of addresses that they have.
    pub(super) bytes: u64,
}

impl Regions {
    /// The region that an address is in.
    pub(super) fn at(&self, address: u64) -> Option<&Region> {
        let (_, region) = self.regions.range(..=address).next_back()?;
        (address < region.end()).then_some(region)
    }

    /// The same, to change it.
    pub(super) fn at_mut(&mut self, address: u64) -> Option<&mut Region> {
        let (_, region) = self.regions.range_mut(..=address).next_back()?;
        (address < region.end()).then_some(region)
    }

    /// The region that a range is in.
    ///
    /// # Errors
    /// [`Refusal::ConflictingAddresses`].
    pub(super) fn of(&mut self, pages: &Range<u64>) -> Result<&mut Region, Refusal> {
        let outside = |problem| Refusal::ConflictingAddresses {
            address: pages.start,
            bytes: Bytes(pages.end - pages.start),
            problem,
        };
        let region = self.at_mut(pages.start).ok_or(outside("not allocated"))?;
        if pages.end > region.end() {
            return Err(outside("not in one region"));
        }
        Ok(region)
    }

    pub(super) fn insert(&mut self, region: Region) {
        self.bytes += region.bytes;
        self.regions.insert(region.base, region);
    }

    /// Takes the region away that begins at an address; its charge goes with it.
    pub(super) fn release(&mut self, base: u64) {
        if let Some(region) = self.regions.remove(&base) {
            self.bytes -= region.bytes;
            region.release();
        }
    }

    /// Takes all of them away.
    pub(super) fn release_all(&mut self) {
        self.bytes = 0;
        std::mem::take(&mut self.regions).into_values().for_each(Region::release);
    }

    /// Proves that Windows has the regions that are noted here, and as much committed as charged.
    ///
    /// # Errors
    /// What is unsound.
    pub(super) fn verify(&self) -> Result<(), Unsound> {
        for region in self.regions.values() {
            let base = region.base;
            let unsound = |what: String| Unsound(format!("the region at {base:#x}: {what}"));
            let found = memory::query(base).map_err(|error| unsound(error.to_string()))?;
            if found.is_free || found.allocation_base != base {
                return Err(unsound(format!("Windows has {found:x?}")));
            }
            if let Kind::Private { .. } = region.kind {
                let committed = committed_in(base..region.end());
                let committed = committed.map_err(|error| unsound(error.to_string()))?;
                if committed != region.charge.bytes() {
                    let charged = region.charge.bytes();
                    return Err(unsound(format!("{committed} bytes committed, {charged} charged")));
                }
            }
        }
        Ok(())
    }
}
