//! What the writer remembers between writes.

use crate::page::Tick;

/// What the writer is about.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Writer {
    /// Frames in writes and compressions.
    pub(crate) in_flight: u32,
    /// Pages still to be written because somebody asked for a flush.
    pub(crate) flush: u64,
    /// It began because many pages were modified, and goes on until half as many are.
    pub(crate) is_busy: bool,
    /// The next write is one of files' pages, if there are any.
    pub(crate) files_next: bool,
    /// So many writes take one page each, to find which slot fails.
    pub(crate) careful: u32,
    /// The page file in which a write has just failed.
    pub(crate) avoid: Option<u8>,
    /// When pages that failed twice are tried again.
    pub(crate) retry_at: Option<Tick>,
    /// Where the search for slots of resident pages goes on.
    pub(crate) hand: u32,
    /// Since when there have been modified pages.
    pub(crate) modified_since: Option<Tick>,
}
