//! Pages that stay: memory that a system call may use.

use memtide_core::page::{Access, PAGE_SIZE};
use memtide_core::{Call, Range};

use crate::error::Error;
use crate::space::Space;

/// Pages that stay in memory, and may be accessed without a fault, until this is dropped.
#[derive(Debug)]
pub struct Pinned<'a> {
    space: &'a Space,
    inside: u64,
    bytes: u64,
    address: u64,
}

impl<'a> Pinned<'a> {
    pub(crate) fn new(
        space: &'a Space,
        address: u64,
        bytes: u64,
        access: Access,
    ) -> Result<Self, Error> {
        let inside = space.inside(address)?;
        let pages = pages_of(inside, bytes);
        let limits = |space: &Space| {
            space.machine().inspect(|manager| manager.working_set_limits(space.id()))
        };
        // As a program on Windows does before it locks more than a few pages.
        let before = limits(space)?;
        let minimum = (u64::from(before.minimum) + pages) * PAGE_SIZE;
        let maximum = (u64::from(before.maximum) * PAGE_SIZE).max(minimum);
        space.set_working_set_limits(minimum, maximum)?;
        let pinned = Self { space, inside, bytes, address };
        space.machine().pager().lock_pages(space.id(), inside, bytes)?;
        if access == Access::Write {
            let first = inside & !(PAGE_SIZE - 1);
            for page in 0..pages {
                space.fault(first + page * PAGE_SIZE, access)?;
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

fn pages_of(inside: u64, bytes: u64) -> u64 {
    (inside % PAGE_SIZE + bytes).div_ceil(PAGE_SIZE)
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        let space = self.space;
        let range = Range { space: space.id(), address: self.inside, bytes: self.bytes };
        // Refused where the memory was freed meanwhile, or was never locked.
        let _ = space.machine().pager().call(&Call::Unlock(range));
        let pages = pages_of(self.inside, self.bytes);
        let limits = space.machine().inspect(|manager| manager.working_set_limits(space.id()));
        if let Ok(limits) = limits {
            let minimum = u64::from(limits.minimum).saturating_sub(pages).max(1) * PAGE_SIZE;
            let _ = space.set_working_set_limits(minimum, u64::from(limits.maximum) * PAGE_SIZE);
        }
    }
}
