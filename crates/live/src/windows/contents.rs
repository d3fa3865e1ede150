//! Calls about what pages hold: reset, offer, discard, prefetch, and which of them were written.

use std::ops::Range;

use memtide_core::page::PAGE_SIZE;
use memtide_core::{Allocation, MEM_RESET_UNDO, OfferPriority, Refusal};
use windows_sys::Win32::Foundation::{ERROR_BUSY, ERROR_INVALID_PARAMETER};

use super::native::{memory, newer};
use super::regions::{Kind, Regions, all_committed, pages_in};
use super::space::Space;
use super::status::{About, SystemError};
use crate::error::Error;

/// A call that this Windows may not have.
fn found<T>(
    what: &'static str,
    reason: &'static str,
    answer: Option<Result<T, SystemError>>,
) -> Result<Result<T, SystemError>, Error> {
    answer.ok_or(Error::Unsupported { what, reason })
}

/// The committed private pages of a range, which calls on contents are for.
fn contents(regions: &mut Regions, address: u64, bytes: u64) -> Result<Range<u64>, Error> {
    let pages = pages_in(address, bytes)?;
    let region = regions.of(&pages)?;
    if !matches!(region.kind, Kind::Private { .. }) {
        return Err(region.wrong_kind(address, "private memory").into());
    }
    all_committed(pages.clone())?;
    Ok(pages)
}

/// Offers take whole pages.
fn whole_pages(address: u64, bytes: u64) -> Result<(), Refusal> {
    let expected = "a multiple of the page size, 4096";
    let refused = |what, value| Refusal::InvalidParameter { what, value, expected };
    match (address % PAGE_SIZE, bytes % PAGE_SIZE) {
        (0, 0) => Ok(()),
        (0, _) => Err(refused("the size", bytes)),
        _ => Err(refused("the address", address)),
    }
}

impl Space {
    /// MEM_RESET and MEM_RESET_UNDO, of the pages that lie in a range with all of their bytes.
    pub(super) fn reset(&self, wanted: &Allocation) -> Result<u64, Error> {
        let Allocation { address, bytes, kind, protection } = *wanted;
        let mut regions = self.regions();
        let pages = pages_in(address, bytes)?;
        let region = regions.of(&pages)?;
        if matches!(region.kind, Kind::LargePages | Kind::Physical) {
            return Err(region.wrong_kind(address, "private memory").into());
        }
        all_committed(pages.clone())?;
        match memory::allocate(address, bytes, kind, protection) {
            Ok(base) => Ok(base),
            Err(SystemError::Win32(ERROR_INVALID_PARAMETER)) if kind == MEM_RESET_UNDO => {
                Err(Error::Unsupported { what: "MEM_RESET_UNDO", reason: "it takes Windows 8" })
            }
            Err(_) if kind == MEM_RESET_UNDO => {
                Err(Refusal::ContentsLost { address: pages.start }.into())
            }
            Err(error) => Err(About { what: "a reset", address, bytes }.refused(error)),
        }
    }

    /// The addresses of pages written since they were allocated or reset: `GetWriteWatch`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn write_watch(
        &self,
        address: u64,
        bytes: u64,
        resets: bool,
        most: usize,
    ) -> Result<Vec<u64>, Error> {
        let mut regions = self.regions();
        let pages = watched(&mut regions, address, bytes)?;
        if most == 0 {
            let (what, expected) = ("the count", "room for at least one address");
            return Err(Refusal::InvalidParameter { what, value: 0, expected }.into());
        }
        let length = pages.end - pages.start;
        // More than there are pages cannot be written.
        let most = most.min(usize::try_from(length / PAGE_SIZE).unwrap_or(most));
        let about = About { what: "a write watch", address, bytes };
        memory::write_watch(pages.start, length, resets, most).map_err(|error| about.refused(error))
    }

    /// Forgets which pages were written: `ResetWriteWatch`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn reset_write_watch(&self, address: u64, bytes: u64) -> Result<(), Error> {
        let mut regions = self.regions();
        let pages = watched(&mut regions, address, bytes)?;
        let about = About { what: "resetting a write watch", address, bytes };
        memory::reset_write_watch(pages.start, pages.end - pages.start)
            .map_err(|error| about.refused(error))
    }

    /// Offers contents that can be made again: `OfferVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents; [`Error::Unsupported`] before Windows 8.1.
    pub fn offer(&self, address: u64, bytes: u64, priority: OfferPriority) -> Result<(), Error> {
        whole_pages(address, bytes)?;
        let mut regions = self.regions();
        contents(&mut regions, address, bytes)?;
        let number = match priority {
            OfferPriority::VeryLow => 1,
            OfferPriority::Low => 2,
            OfferPriority::BelowNormal => 3,
            OfferPriority::Normal => 4,
        };
        let answer = newer::offer(address, bytes, number);
        found("OfferVirtualMemory", "it takes Windows 8.1", answer)?
            .map_err(|error| About { what: "an offer", address, bytes }.refused(error))
    }

    /// Takes offered contents back: `ReclaimVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Refusal::ContentsLost`] where some are gone; [`Error::Unsupported`]
    /// before Windows 8.1.
    pub fn reclaim(&self, address: u64, bytes: u64) -> Result<(), Error> {
        whole_pages(address, bytes)?;
        let mut regions = self.regions();
        let pages = contents(&mut regions, address, bytes)?;
        let answer = newer::reclaim(address, bytes);
        match found("ReclaimVirtualMemory", "it takes Windows 8.1", answer)? {
            Ok(()) => Ok(()),
            Err(SystemError::Win32(ERROR_BUSY)) => {
                Err(Refusal::ContentsLost { address: pages.start }.into())
            }
            Err(error) => {
                Err(About { what: "reclaiming what was offered", address, bytes }.refused(error))
            }
        }
    }

    /// Gives contents up: `DiscardVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents; [`Error::Unsupported`] before Windows 8.1.
    pub fn discard(&self, address: u64, bytes: u64) -> Result<(), Error> {
        whole_pages(address, bytes)?;
        let mut regions = self.regions();
        contents(&mut regions, address, bytes)?;
        let answer = newer::discard(address, bytes);
        found("DiscardVirtualMemory", "it takes Windows 8.1", answer)?
            .map_err(|error| About { what: "discarding memory", address, bytes }.refused(error))
    }

    /// Begins to read what will be used soon: `PrefetchVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents; [`Error::Unsupported`] before Windows 8.
    pub fn prefetch(&self, address: u64, bytes: u64) -> Result<(), Error> {
        let mut regions = self.regions();
        let pages = pages_in(address, bytes)?;
        regions.of(&pages)?;
        let answer = newer::prefetch(address, bytes);
        found("PrefetchVirtualMemory", "it takes Windows 8", answer)?
            .map_err(|error| About { what: "reading ahead", address, bytes }.refused(error))
    }
}

/// The pages of a range in one region with write watch.
fn watched(regions: &mut Regions, address: u64, bytes: u64) -> Result<Range<u64>, Refusal> {
    let expected = "at least one byte, all in one region with write watch";
    let refused = |what, value| Refusal::InvalidParameter { what, value, expected };
    let pages = pages_in(address, bytes).map_err(|_| refused("the size", bytes))?;
    let region = regions.of(&pages).ok();
    match region.map(|region| &region.kind) {
        Some(Kind::Private { is_watched: true }) => Ok(pages),
        _ => Err(refused("the address", address)),
    }
}
