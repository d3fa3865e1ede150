//! What a world notes so that a run can be judged: proofs that failed, and what went wrong.

use memtide_core::page::Pfn;
use memtide_core::snapshot::PteOwner;
use memtide_core::{OperationId, Unsound};

/// Something that went wrong in a world, because it was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// A read failed.
    Read(OperationId),
    /// A write failed.
    Write(OperationId),
    /// A page file did not grow.
    Extend(OperationId),
    /// A frame could not be filled.
    Contents {
        /// The frame.
        frame: Pfn,
        /// Whose page it holds, when the manager is told of it.
        owner: Option<PteOwner>,
        /// How many threads had been told something before, and not been taken.
        after: usize,
    },
}

/// What a world notes, where it is asked to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    /// The first proof that failed.
    pub(crate) unsound: Option<Unsound>,
    pub(crate) incidents: Vec<Incident>,
}

/// I/O in progress, as a world shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Io {
    /// A read.
    Read(OperationId),
    /// A write.
    Write(OperationId),
    /// A compression.
    Compress(OperationId),
    /// A page file is to have so many pages.
    Extend(OperationId, u32),
}
