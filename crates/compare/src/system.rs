//! What gives a pattern its memory.

use serde::{Deserialize, Serialize};

/// What gives a pattern its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// A space that resolves faults in the thread that faults.
    MemtideInThread,
    /// The same with LZ4.
    MemtideInThreadLz4,
    /// A space that resolves faults in a thread of its own.
    MemtideHandler,
    /// The same with LZ4.
    MemtideHandlerLz4,
    /// The kernel's swap to a file, in a memory cgroup.
    SwapFile,
    /// The kernel's swap to zram with LZ4, in a memory cgroup.
    SwapZram,
    /// A file mapped shared, in a memory cgroup.
    MappedFile,
    /// Memory without a limit.
    Memory,
}

impl System {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::MemtideInThread,
        Self::MemtideInThreadLz4,
        Self::MemtideHandler,
        Self::MemtideHandlerLz4,
        Self::SwapFile,
        Self::SwapZram,
        Self::MappedFile,
        Self::Memory,
    ];

    /// Its name on the command line and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemtideInThread => "memtide-in-thread",
            Self::MemtideInThreadLz4 => "memtide-in-thread-lz4",
            Self::MemtideHandler => "memtide-handler",
            Self::MemtideHandlerLz4 => "memtide-handler-lz4",
            Self::SwapFile => "swap-file",
            Self::SwapZram => "swap-zram",
            Self::MappedFile => "mapped-file",
            Self::Memory => "memory",
        }
    }

    /// What it is, in one sentence.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::MemtideInThread => "A space of Memtide, faults resolved in the faulting thread",
            Self::MemtideInThreadLz4 => "The same with LZ4",
            Self::MemtideHandler => "A space of Memtide, faults resolved in a thread of its own",
            Self::MemtideHandlerLz4 => "The same with LZ4",
            Self::SwapFile => "Anonymous memory in a memory cgroup, swapped to a file",
            Self::SwapZram => "Anonymous memory in a memory cgroup, swapped to zram with LZ4",
            Self::MappedFile => "A file mapped shared, in a memory cgroup",
            Self::Memory => "Anonymous memory without a limit: what it costs when all fits",
        }
    }
}
