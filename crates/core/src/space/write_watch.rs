//! GetWriteWatch and ResetWriteWatch: which pages of a region were written.
//!
//! Source: Microsoft's documentation of both; the answers to bad arguments were measured.

use alloc::vec::Vec;
use core::ops::Range;

use crate::manager::Manager;
use crate::page::{PAGE_SHIFT, SpaceId, pages_of};
use crate::refusal::Refusal;

impl Manager {
    /// The addresses of pages written since they were allocated or reset, in ascending order, at
    /// most `most`; with `resets` those that are returned are reset.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for an empty range, a range that leaves its region, a region
    /// without write watch, or room for none.
    pub fn write_watch(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
        resets: bool,
        most: usize,
    ) -> Result<Vec<u64>, Refusal> {
        let (number, pages) = self.watched(space, address, bytes)?;
        if most == 0 {
            return Err(invalid("the count", 0, "room for at least one address"));
        }
        let region = self.spaces.get(space).region(number);
        let (first, inside) = (region.first, region.inside(&pages));
        let mut written = Vec::new();
        let mut at = inside.start;
        if let Some(map) = &region.write_watch {
            while written.len() < most {
                let Some(page) = map.next(at..inside.end) else { break };
                written.push((first + page) << PAGE_SHIFT);
                at = page + 1;
            }
        }
        if resets && !written.is_empty() {
            self.reset_watched(space, number, first + inside.start..first + at);
        }
        self.settle();
        Ok(written)
    }

    /// Forgets which pages were written: `ResetWriteWatch`.
    ///
    /// # Errors
    /// As [`Manager::write_watch`].
    pub fn reset_write_watch(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let (number, pages) = self.watched(space, address, bytes)?;
        self.reset_watched(space, number, pages);
        self.settle();
        Ok(())
    }

    fn watched(
        &self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(u32, Range<u64>), Refusal> {
        self.known_space(space)?;
        let expected = "at least one byte, all in one region with write watch";
        let pages = pages_of(address, bytes).ok_or(invalid("the size", bytes, expected))?;
        let holder = self.spaces.get(space);
        let found = holder.region_at(pages.start);
        let watched = found.filter(|number| {
            let region = holder.region(*number);
            region.holds(&pages) && region.write_watch.is_some()
        });
        let number = watched.ok_or(invalid("the address", address, expected))?;
        Ok((number, pages))
    }

    /// Resets a range: the next write to each of its pages faults again.
    fn reset_watched(&mut self, space: SpaceId, number: u32, pages: Range<u64>) {
        let mut reset = core::mem::take(&mut self.scratch);
        let region = self.spaces.get_mut(space).region_mut(number);
        let (first, inside) = (region.first, region.inside(&pages));
        if let Some(map) = &mut region.write_watch {
            map.reset(inside, |page| reset.push(first + page));
        }
        let root = self.spaces.get(space).root;
        for page in reset.drain(..) {
            if let Some(pte) = self.tables.find(space, root, crate::page::Vpn(page)) {
                self.update_rights(space, page, pte);
            }
        }
        self.scratch = reset;
    }
}

const fn invalid(what: &'static str, value: u64, expected: &'static str) -> Refusal {
    Refusal::InvalidParameter { what, value, expected }
}
