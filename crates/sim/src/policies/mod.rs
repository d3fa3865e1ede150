//! Replacement policies to hold the memory manager against.
//!
//! Each is a cache of pages in the form that its paper gives it, as simple as can be. Pages go by
//! numbers that [`Numbering`] gives them in the order of their first references.

mod clock;
mod comparison;
mod lru;
mod memtide;
mod name;
mod numbering;
mod optimum;
mod page_list;
mod s3_fifo;

pub use clock::Clock;
pub use comparison::{Comparison, Outcome};
pub use lru::Lru;
pub use memtide::memtide;
pub use name::PolicyName;
pub use numbering::{Numbering, TooMany};
pub use optimum::{NEVER, Optimum, next_uses};
pub use s3_fifo::S3Fifo;

/// A cache of pages that knows nothing of the future.
pub trait PageCache {
    /// Makes a reference to a page; whether it was in the cache.
    fn reference(&mut self, page: u32) -> bool;
}
