//! Memtide's own format: compact, fast to read, and proof against damage. docs/TRACES.md
//! describes it byte by byte.
//!
//! A header of 16 bytes; blocks, each with the number of its references, the number of its bytes
//! and their checksum; an end mark with the number of all references. Within a block a reference
//! is what changed since the last one of its kind: a number of one to eight bytes, its length in
//! the lowest bits of the first, so that it is read at once and without a branch.

mod codec;
mod reader;
mod writer;

pub(super) use reader::Memtide;
pub use writer::{TraceWriter, Unit, Written};

/// What every such file begins with; the last byte ends a text on systems that know it.
pub(super) const MAGIC: [u8; 8] = *b"MEMTIDE\x1a";

/// The version of the format.
const VERSION: u16 = 1;

/// Bytes of the header.
const HEADER: usize = 16;

/// Bytes before each block: references, bytes, checksum.
const BLOCK_HEADER: usize = 12;

/// The most bytes of a block.
const BLOCK_MAX: usize = 1 << 20;

/// Bytes of an end mark's number.
const END: usize = 8;
