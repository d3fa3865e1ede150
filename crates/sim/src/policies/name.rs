//! The policies by their names.

/// A policy that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyName {
    /// The memory manager, which brings pages in one by one, as the others do.
    Memtide,
    /// The memory manager as it is, which reads ahead along a stream.
    MemtideReadingAhead,
    /// Least recently used.
    Lru,
    /// Second chance.
    Clock,
    /// S3-FIFO.
    S3Fifo,
    /// The optimum.
    Optimum,
}

impl PolicyName {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Memtide,
        Self::MemtideReadingAhead,
        Self::Lru,
        Self::Clock,
        Self::S3Fifo,
        Self::Optimum,
    ];

    /// Whether it is the memory manager.
    #[must_use]
    pub const fn is_memtide(self) -> bool {
        matches!(self, Self::Memtide | Self::MemtideReadingAhead)
    }

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memtide => "memtide",
            Self::MemtideReadingAhead => "memtide-reading-ahead",
            Self::Lru => "lru",
            Self::Clock => "clock",
            Self::S3Fifo => "s3-fifo",
            Self::Optimum => "optimum",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Memtide => "the memory manager, its pages brought in one by one",
            Self::MemtideReadingAhead => {
                "the memory manager as it is, reading ahead along a stream"
            }
            Self::Lru => "evicts the page whose last reference lies furthest back",
            Self::Clock => "a second chance for pages referenced since the hand passed",
            Self::S3Fifo => "three queues: small, main, ghost (SOSP 2023)",
            Self::Optimum => "knows the future (Belady 1966)",
        }
    }
}
