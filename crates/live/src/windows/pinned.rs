//! Pages that stay in the working set.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memtide_core::page::{Access, PAGE_SIZE};
use memtide_core::{Protection, Refusal};

use super::budget;
use super::native::memory;
use super::regions::{all_committed, pages_in};
use super::status::About;
use crate::error::Error;
use crate::space::Space;

/// How many pins each page of a space has: Windows locks a page once, and who unlocks it unlocks it
/// for all.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<BTreeMap<u64, u32>>);

impl Pins {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pages that stay in memory until this is dropped.
#[derive(Debug)]
pub struct Pinned<'a> {
    space: &'a Space,
    pages: Range<u64>,
    address: u64,
    bytes: u64,
}

impl<'a> Pinned<'a> {
    pub(super) fn new(
        space: &'a Space,
        address: u64,
        bytes: u64,
        access: Access,
    ) -> Result<Self, Error> {
        let pages = pages_in(address, bytes)?;
        lockable(space, &pages, access)?;
        let length = pages.end - pages.start;
        let mut counts = space.pins().lock();
        budget::pin(length)?;
        let about = About { what: "locking memory", address: pages.start, bytes: length };
        let locked = memory::lock(pages.start, length).map_err(|error| about.refused(error));
        locked.inspect_err(|_| budget::unpin(length))?;
        for page in each(&pages) {
            *counts.entry(page).or_default() += 1;
        }
        drop(counts);
        Ok(Self { space, pages, address, bytes })
    }

    /// The first byte.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn each(pages: &Range<u64>) -> impl Iterator<Item = u64> + use<> {
    (pages.start..pages.end).step_by(4096)
}

const _: () = assert!(PAGE_SIZE == 4096);

/// Refuses what the manager does not lock.
fn lockable(space: &Space, pages: &Range<u64>, access: Access) -> Result<(), Error> {
    let mut regions = space.regions();
    regions.of(pages)?;
    all_committed(pages.clone())?;
    let mut address = pages.start;
    while address < pages.end {
        let run = memory::query(address).map_err(Error::system("looking at a page"))?;
        let protection = Protection::from_windows(run.protection)?;
        if protection.is_guard() {
            return Err(Refusal::GuardPage { address }.into());
        }
        if !protection.allows(access) {
            return Err(Refusal::NoAccess { address }.into());
        }
        address = (run.base + run.bytes).max(address + PAGE_SIZE);
    }
    Ok(())
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        let mut counts = self.space.pins().lock();
        for page in each(&self.pages) {
            let Entry::Occupied(mut count) = counts.entry(page) else { continue };
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
                // Refused where the memory was freed meanwhile.
                let _ = memory::unlock(page, PAGE_SIZE);
            }
        }
        budget::unpin(self.pages.end - self.pages.start);
    }
}
