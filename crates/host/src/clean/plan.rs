//! What a clean would yield: the dry run.

use super::{Mechanism, Region};
use memtide_core::units::Bytes;

/// How much a region would yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// About so much.
    About(Bytes),
    /// No more than so much; how much less is not known before it is tried.
    AtMost(Bytes),
    /// It cannot be told.
    Unknown,
}

impl Estimate {
    /// The word for how sure it is.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::About(_) => "about",
            Self::AtMost(_) => "at most",
            Self::Unknown => "unknown",
        }
    }

    /// The amount, where there is one.
    #[must_use]
    pub const fn bytes(self) -> Option<Bytes> {
        match self {
            Self::About(bytes) | Self::AtMost(bytes) => Some(bytes),
            Self::Unknown => None,
        }
    }
}

/// What becomes of the memory a region yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is made free.
    MadeFree,
    /// It moves to the standby list: it stays, and can be reused.
    MovedToStandby,
    /// It was free, and comes to lie in larger blocks.
    LargerBlocks,
}

impl Effect {
    /// The words for it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::MadeFree => "made free",
            Self::MovedToStandby => "moved to standby",
            Self::LargerBlocks => "in larger blocks",
        }
    }
}

/// What one region would yield by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// The region.
    pub region: Region,
    /// How much.
    pub estimate: Estimate,
    /// What becomes of it.
    pub effect: Effect,
    /// What the estimate is based on, in words.
    pub basis: String,
    /// How it would be done; `None` where there is no way.
    pub mechanism: Option<Mechanism>,
    /// What is missing to do it, in words; `None` where nothing is.
    pub needs: Option<String>,
}

/// What each region of a request would yield, each by itself; nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A prediction a region, in the order that works.
    pub predictions: Vec<Prediction>,
}
