//! What the manager asks of the world.
//!
//! Outputs are carried out in their order: a copy, a decompression, a zeroing or a mapping is done
//! before the next output is looked at; reads, writes, compressions and extensions are begun, and
//! their end comes back as an input.

use crate::conditions::Reading;
use crate::exception::Exception;
use crate::input::IoError;
use crate::operation::OperationId;
use crate::page::{Pfn, SectionId, SpaceId, ThreadId, Vpn};
use crate::refusal::Refusal;
use crate::space::pte::Rights;

/// What a page shows when it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Zeros, whatever the frame held.
    Zero,
    /// What the frame holds.
    Kept,
}

/// Where a compressed page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// In a frame of the store.
    Bytes {
        /// The frame.
        frame: Pfn,
        /// Where in it, in bytes.
        offset: u16,
        /// How many bytes.
        bytes: u16,
    },
    /// Every eight bytes of it are this word.
    Same(u64),
}

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Output {
    /// Map a frame.
    Map {
        /// In which space.
        space: SpaceId,
        /// Which page.
        page: Vpn,
        /// The frame.
        frame: Pfn,
        /// What the page shows.
        content: Content,
        /// What passes without a fault.
        rights: Rights,
        /// The section that the frame's page is of, and which of its pages; `None` for a page of
        /// the space alone.
        shared: Option<(SectionId, u64)>,
    },
    /// Take a page out of a space; the frame keeps its bytes.
    Unmap {
        /// In which space.
        space: SpaceId,
        /// Which page.
        page: Vpn,
        /// The frame.
        frame: Pfn,
    },
    /// Nothing is mapped in this range any more; what private pages of it held is void.
    Discard {
        /// In which space.
        space: SpaceId,
        /// The first page.
        page: Vpn,
        /// How many.
        pages: u64,
    },
    /// Change what passes without a fault.
    Protect {
        /// In which space.
        space: SpaceId,
        /// Which page.
        page: Vpn,
        /// The frame.
        frame: Pfn,
        /// What passes from now on.
        rights: Rights,
    },
    /// Fill a frame with zeros.
    Zero {
        /// The frame.
        frame: Pfn,
    },
    /// Copy one frame's bytes to another.
    Copy {
        /// Whose bytes.
        from: Pfn,
        /// Where to.
        to: Pfn,
    },
    /// Fill a frame with a page of the store.
    Decompress {
        /// Where it lies.
        from: Stored,
        /// The frame.
        to: Pfn,
    },
    /// Keep a compressed page: one that a [`Compress`](Output::Compress) made.
    Store {
        /// That operation.
        operation: OperationId,
        /// Which of its pages.
        index: u32,
        /// Where to put it.
        to: Stored,
    },
    /// Compress the frames of an operation.
    Compress {
        /// Which one; [`frames_of`](crate::Manager::frames_of) tells the frames.
        operation: OperationId,
    },
    /// Read into the frames of an operation.
    Read {
        /// Which one; [`source_of`](crate::Manager::source_of) tells from where.
        operation: OperationId,
    },
    /// Write the frames of an operation.
    Write {
        /// Which one; [`source_of`](crate::Manager::source_of) tells where to.
        operation: OperationId,
    },
    /// Make a page file larger.
    ExtendPageFile {
        /// Which operation.
        operation: OperationId,
        /// Which page file.
        file: u8,
        /// The size wanted, in pages.
        pages: u32,
    },
    /// The thread's access or lock is done: it goes on. The fault counts as the access; a world
    /// that touches it once more makes the page look as if it were used twice.
    Resume {
        /// Which thread.
        thread: ThreadId,
    },
    /// The thread's access raises an exception.
    Raise {
        /// Which thread.
        thread: ThreadId,
        /// What is raised.
        exception: Exception,
    },
    /// The thread's lock is refused.
    Refuse {
        /// Which thread.
        thread: ThreadId,
        /// Why.
        refusal: Refusal,
    },
    /// A condition was set, cleared, or became unknown.
    Condition(Reading),
    /// A page could not be written. It stays modified, in memory, and is tried again elsewhere.
    WriteFailed {
        /// The frame.
        frame: Pfn,
        /// Why.
        error: IoError,
    },
}
