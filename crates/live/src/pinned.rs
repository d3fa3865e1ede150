//! Pages that stay: memory that a system call may use.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range as Pages;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memtide_core::page::{Access, PAGE_SIZE};
use memtide_core::{Call, Limits, Range, Refusal};

use crate::error::Error;
use crate::space::Space;

/// How many pins each page of a space has: the manager locks a page once, and who unlocks it
/// unlocks it for all.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<BTreeMap<u64, u32>>);

impl Pins {
    /// The counts; nobody holds them while waiting for a page.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pages that stay in memory, and may be accessed without a fault, until this is dropped.
#[derive(Debug)]
pub struct Pinned<'a> {
    space: &'a Space,
    pages: Pages<u64>,
    address: u64,
    bytes: u64,
}

impl<'a> Pinned<'a> {
    pub(crate) fn new(
        space: &'a Space,
        address: u64,
        bytes: u64,
        access: Access,
    ) -> Result<Self, Error> {
        let inside = space.inside(address)?;
        space.inside(address.saturating_add(bytes.saturating_sub(1)))?;
        let pages = inside / PAGE_SIZE..(inside + bytes).div_ceil(PAGE_SIZE);
        {
            let mut counts = space.pins().lock();
            // As a program on Windows does before it locks more than a few pages.
            let before = limits(space)?;
            let minimum = (u64::from(before.minimum) + (pages.end - pages.start)) * PAGE_SIZE;
            let maximum = (u64::from(before.maximum) * PAGE_SIZE).max(minimum);
            space.set_working_set_limits(minimum, maximum)?;
            pages.clone().for_each(|page| *counts.entry(page).or_default() += 1);
        }
        let pinned = Self { space, pages: pages.clone(), address, bytes };
        space.machine().pager().lock_pages(space.id(), inside, bytes)?;
        if access == Access::Write {
            for page in pages {
                space.fault(page * PAGE_SIZE, access)?;
            }
        }
        Ok(pinned)
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

fn limits(space: &Space) -> Result<Limits, Refusal> {
    space.machine().inspect(|manager| manager.working_set_limits(space.id()))
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        let (space, pages) = (self.space, self.pages.clone());
        let mut counts = space.pins().lock();
        for page in pages.clone() {
            let Entry::Occupied(mut count) = counts.entry(page) else { continue };
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
                let range =
                    Range { space: space.id(), address: page * PAGE_SIZE, bytes: PAGE_SIZE };
                // Refused where the memory was freed meanwhile, or was never locked.
                let _ = space.machine().pager().call(&Call::Unlock(range));
            }
        }
        if let Ok(limits) = limits(space) {
            let minimum = u64::from(limits.minimum).saturating_sub(pages.end - pages.start);
            let maximum = u64::from(limits.maximum) * PAGE_SIZE;
            let _ = space.set_working_set_limits(minimum.max(1) * PAGE_SIZE, maximum);
        }
    }
}
