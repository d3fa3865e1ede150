//! What a machine has promised, and how much it may promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memtide_core::Refusal;
use memtide_core::units::Bytes;

/// The commit charge of a machine, in bytes, and its limit.
///
/// Windows counts the charge of a process and of the system; this counts that of the spaces of one
/// machine, so that its limit means the same as on Linux.
#[derive(Debug)]
pub(super) struct Commit {
    charged: AtomicU64,
    limit: u64,
}

impl Commit {
    pub(super) const fn new(limit: u64) -> Self {
        Self { charged: AtomicU64::new(0), limit }
    }

    pub(super) fn charged(&self) -> u64 {
        self.charged.load(Ordering::Acquire)
    }

    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Promises so many bytes.
    ///
    /// # Errors
    /// [`Refusal::CommitmentLimit`].
    pub(super) fn charge(self: &Arc<Self>, bytes: u64) -> Result<Charge, Refusal> {
        let within = |charged: u64| charged.checked_add(bytes).filter(|sum| *sum <= self.limit);
        match self.charged.fetch_update(Ordering::AcqRel, Ordering::Acquire, within) {
            Ok(_) => Ok(Charge { commit: Arc::clone(self), bytes }),
            Err(charged) => Err(Refusal::CommitmentLimit {
                wanted: Bytes(bytes),
                charge: Bytes(charged),
                limit: Bytes(self.limit),
            }),
        }
    }
}

/// Bytes that were promised; they are given back when it is dropped.
#[derive(Debug)]
#[must_use = "what is dropped is promised no longer"]
pub(super) struct Charge {
    commit: Arc<Commit>,
    bytes: u64,
}

impl Charge {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes another's promise over.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Gives so many of its bytes back.
    pub(super) fn release(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.commit.charged.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}
