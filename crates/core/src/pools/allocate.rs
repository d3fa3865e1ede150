//! Allocations that others than the manager hold.

use crate::manager::Manager;
use crate::pools::{PoolAllocation, PoolAllocationId};
use crate::refusal::Refusal;

impl Manager {
    /// Allocates from a pool, for whoever the tag names.
    ///
    /// # Errors
    /// [`Refusal::InsufficientResources`] where the pool has no room.
    pub fn allocate_pool(
        &mut self,
        allocation: PoolAllocation,
    ) -> Result<PoolAllocationId, Refusal> {
        let allocated = self.pools.allocate(allocation);
        self.settle();
        allocated
    }

    /// Gives an allocation back to its pool.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn free_pool(&mut self, id: PoolAllocationId) -> Result<(), Refusal> {
        let freed = self.pools.free(id);
        self.settle();
        freed
    }
}
