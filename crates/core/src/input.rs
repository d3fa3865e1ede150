//! What the world tells the manager.

use crate::operation::OperationId;
use crate::page::{Access, Pfn, SpaceId, ThreadId};

/// An I/O error, as the world knows it: an errno or a Windows status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IoError(pub u32);

/// What became of one page given to be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Compressed {
    /// So many bytes, 1 to 4096; above [`Compressed::WORTH_MAX`] it counts as incompressible.
    Bytes(u16),
    /// Every eight bytes of the page are this word.
    Same(u64),
    /// It does not get smaller.
    Incompressible,
}

impl Compressed {
    /// Two pages must fit in a frame: a page that keeps more than half of its size saves nothing.
    pub const WORTH_MAX: u16 = 2048;
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Input {
    /// Time passed: [`next_deadline`](crate::Manager::next_deadline) was reached.
    Tick,
    /// A thread faulted; [`touch`](crate::Manager::touch) returned `false` for it.
    Fault {
        /// Who waits for the answer.
        thread: ThreadId,
        /// In which space.
        space: SpaceId,
        /// At which address.
        address: u64,
        /// What it was doing.
        access: Access,
    },
    /// A thread wants pages locked: VirtualLock. Answered as a fault is.
    Lock {
        /// Who waits for the answer.
        thread: ThreadId,
        /// In which space.
        space: SpaceId,
        /// The first byte.
        address: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// A thread is gone: it waits for nothing any more.
    ThreadEnded {
        /// Which thread.
        thread: ThreadId,
    },
    /// A read ended.
    ReadDone {
        /// The operation of its output.
        operation: OperationId,
        /// Whether all of its frames are filled.
        result: Result<(), IoError>,
    },
    /// A write ended.
    WriteDone {
        /// The operation of its output.
        operation: OperationId,
        /// Whether all of its frames are safe.
        result: Result<(), IoError>,
    },
    /// A compression ended.
    CompressDone {
        /// The operation of its output.
        operation: OperationId,
        /// What became of each of its frames, in their order.
        pages: alloc::vec::Vec<Compressed>,
    },
    /// A page file was extended, or could not be.
    ExtendDone {
        /// The operation of its output.
        operation: OperationId,
        /// Its size now, in pages.
        result: Result<u32, IoError>,
    },
    /// The contents that an [`Output::Decompress`](crate::Output::Decompress) or
    /// [`Output::Copy`](crate::Output::Copy) should have put into a frame could not be made.
    Lost {
        /// The frame.
        frame: Pfn,
        /// Why.
        error: IoError,
    },
    /// The world has nothing better to do than to zero so many free pages.
    Idle {
        /// How many at most.
        pages: u32,
    },
    /// A page of a space was seen to have been used, where accesses are not touched one by one.
    Accessed {
        /// In which space.
        space: SpaceId,
        /// At which address.
        address: u64,
    },
}
