//! The pools: memory for the manager's own bookkeeping, and for whoever else asks.
//!
//! Page tables and descriptors are charged to the nonpaged pool, prototype PTEs and write-watch
//! maps to the paged pool, as on Windows. A pool is counted in bytes against its limit; its bytes
//! are the world's own memory and take no frames.
//!
//! Source: *Windows Internals*, "Kernel-mode heaps (system memory pools)".
//!
//! # Invariants
//! - What is used equals what the manager's structures and the open allocations hold.

pub(crate) mod allocate;

use alloc::collections::BTreeMap;

use crate::refusal::Refusal;
use crate::units::Bytes;

/// Which pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PoolKind {
    /// May be paged out.
    Paged,
    /// Always resident.
    NonPaged,
}

impl PoolKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Paged, Self::NonPaged];

    const fn what(self) -> &'static str {
        match self {
            Self::Paged => "the paged pool",
            Self::NonPaged => "the nonpaged pool",
        }
    }
}

/// A pool, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pool {
    /// In use.
    pub used: u64,
    /// The most that was ever in use.
    pub peak: u64,
    /// The most that may be.
    pub limit: u64,
}

impl Pool {
    /// What it can still grow by, in bytes.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// An allocation from a pool, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PoolAllocationId(pub u32);

/// An allocation that somebody outside the manager holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PoolAllocation {
    /// From which pool.
    pub pool: PoolKind,
    /// How large, in bytes.
    pub bytes: u64,
    /// Four letters that say whose it is.
    pub tag: [u8; 4],
}

/// Both pools.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Pools {
    pools: [Pool; 2],
    allocations: BTreeMap<PoolAllocationId, PoolAllocation>,
    next: u32,
}

impl Pools {
    pub(crate) fn new(paged: Bytes, nonpaged: Bytes) -> Self {
        let pool = |limit: Bytes| Pool { limit: limit.0, ..Pool::default() };
        Self { pools: [pool(paged), pool(nonpaged)], allocations: BTreeMap::new(), next: 0 }
    }

    pub(crate) const fn get(&self, kind: PoolKind) -> &Pool {
        &self.pools[kind as usize]
    }

    pub(crate) fn charge(&mut self, kind: PoolKind, bytes: u64) -> Result<(), Refusal> {
        let pool = &mut self.pools[kind as usize];
        if bytes > pool.free() {
            return Err(Refusal::InsufficientResources {
                what: kind.what(),
                wanted: Bytes(bytes),
                free: Bytes(pool.free()),
            });
        }
        pool.used += bytes;
        pool.peak = pool.peak.max(pool.used);
        Ok(())
    }

    pub(crate) fn release(&mut self, kind: PoolKind, bytes: u64) {
        self.pools[kind as usize].used -= bytes;
    }

    pub(crate) fn allocate(
        &mut self,
        allocation: PoolAllocation,
    ) -> Result<PoolAllocationId, Refusal> {
        self.charge(allocation.pool, allocation.bytes)?;
        let id = PoolAllocationId(self.next);
        self.next += 1;
        self.allocations.insert(id, allocation);
        Ok(id)
    }

    pub(crate) fn free(&mut self, id: PoolAllocationId) -> Result<(), Refusal> {
        let Some(allocation) = self.allocations.remove(&id) else {
            return Err(Refusal::NoSuch { what: "pool allocation", number: u64::from(id.0) });
        };
        self.release(allocation.pool, allocation.bytes);
        Ok(())
    }

    pub(crate) fn allocations(
        &self,
    ) -> impl Iterator<Item = (PoolAllocationId, PoolAllocation)> + '_ {
        self.allocations.iter().map(|(id, allocation)| (*id, *allocation))
    }
}
