//! The memory that a program needs.

use memtide_core::page::Tick;

use super::curve::MissRatioCurve;
use super::slow_down::{BadBound, SlowDown};
use crate::disk::DiskKind;

/// What a program does with one size of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizePoint {
    /// The memory, in pages.
    pub pages: u64,
    /// Faults that read a page back.
    pub hard_faults: u64,
    /// First touches and hard faults over references, 0 to 1.
    pub miss_ratio: f64,
    /// How many times as long the program takes as with memory enough.
    pub slow_down: f64,
}

/// What is asked about a program.
#[derive(Clone, Debug, PartialEq)]
pub struct FitQuestion {
    /// The time of a reference to a page in memory.
    pub reference_time: Tick,
    /// Where pages come back from.
    pub disk: DiskKind,
    /// The slow-down that is borne, 1 or more.
    pub bound: f64,
    /// Sizes to tell about, in pages; without any, some that show the curve.
    pub memories: Vec<u64>,
    /// About how many sizes show the curve.
    pub points: usize,
}

/// The memory that a program needs, under LRU.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// References in all.
    pub references: u64,
    /// Pages that the program uses.
    pub pages: u64,
    /// The disk's name.
    pub disk: String,
    /// What a reference and a fault take.
    pub model: SlowDown,
    /// The slow-down that is borne.
    pub bound: f64,
    /// The smallest memory that keeps within the bound.
    pub needed: SizePoint,
    /// The size up to which more memory pays most; `None` where no size is better than another.
    pub knee: Option<SizePoint>,
    /// Other sizes, rising.
    pub sizes: Vec<SizePoint>,
}

impl Fit {
    /// Answers a question by a curve.
    ///
    /// # Errors
    /// [`BadBound`] below 1.
    pub fn new(curve: &MissRatioCurve, question: &FitQuestion) -> Result<Self, BadBound> {
        let FitQuestion { reference_time, disk, bound, memories, points } = question;
        let model = SlowDown::new(*reference_time, disk);
        let point = |pages: u64| SizePoint {
            pages,
            hard_faults: curve.hard_faults(pages),
            miss_ratio: curve.miss_ratio(pages),
            slow_down: model.of(curve, pages),
        };
        let mut sizes = if memories.is_empty() { curve.sizes(*points) } else { memories.clone() };
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Self {
            references: curve.references(),
            pages: curve.pages(),
            disk: disk.name.clone(),
            model,
            bound: *bound,
            needed: point(model.smallest(curve, *bound)?),
            knee: curve.knee().map(point),
            sizes: sizes.into_iter().map(point).collect(),
        })
    }
}
