//! Stacks: reserved memory whose guard page moves down as it is touched.
//!
//! Source: Microsoft's documentation, "Thread Stack Size" and `SetThreadStackGuarantee`.

use crate::manager::Manager;
use crate::page::{PAGE_SHIFT, SpaceId};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::allocate::{Allocation, MEM_RESERVE};
use crate::space::region::{PageUse, Stack};

impl Manager {
    /// Reserves a stack and commits the top of it, with a guard page below; returns its base, the
    /// lowest address. The guard moves down as it is touched, until only the lowest page and
    /// `guarantee` bytes above it are left: that touch raises a stack overflow, and the guaranteed
    /// bytes are committed for its handler.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for a commitment that leaves no room for the guard and the
    /// lowest page; what [`Manager::allocate`] refuses.
    pub fn allocate_stack(
        &mut self,
        space: SpaceId,
        reserved: u64,
        committed: u64,
        guarantee: u64,
    ) -> Result<u64, Refusal> {
        self.known_space(space)?;
        let page = |bytes: u64| bytes.div_ceil(crate::page::PAGE_SIZE);
        let (all, top, guarantee) = (page(reserved), page(committed.max(1)), page(guarantee));
        if top.saturating_add(guarantee).saturating_add(2) > all {
            return Err(Refusal::InvalidParameter {
                what: "the committed size",
                value: committed,
                expected: "two pages and the guarantee less than the reserved size",
            });
        }
        let reserve =
            Allocation { address: 0, bytes: reserved, kind: MEM_RESERVE, protection: 0x04 };
        let base = self.allocate(space, &reserve)?;
        let holder = self.spaces.get(space);
        let Some(number) = holder.region_at(base >> PAGE_SHIFT) else {
            unreachable!("the stack was just reserved")
        };
        let charge = match self.charge_commit(top + 1) {
            Ok(charge) => charge,
            Err(refusal) => {
                self.release_region(space, number);
                return Err(refusal);
            }
        };
        let region = self.spaces.get_mut(space).region_mut(number);
        region.charge.merge(charge);
        region.stack = Some(Stack { guarantee });
        let protection = Protection::READ_WRITE;
        region.uses.set(all - top..all, PageUse::Committed(protection));
        region.uses.set(all - top - 1..all - top, PageUse::Committed(protection.guarded()));
        let pages = region.range();
        self.set_aside(space, number, &pages);
        self.settle();
        Ok(base)
    }
}
