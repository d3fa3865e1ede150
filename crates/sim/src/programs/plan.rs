//! What a process of a scenario is to do, as data.

use memtide_core::conditions::Condition;
use memtide_core::page::Tick;

use crate::workload::Pattern;

/// What a process does, each of its threads for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The private memory that it allocates when it begins, in pages; its threads share it.
    pub memory: u64,
    /// The limits of its working set.
    pub limits: Option<WorkingSetLimits>,
    /// The sections that it maps, whole.
    pub views: Vec<ViewPlan>,
    /// What it does, one phase after the other.
    pub phases: Vec<Phase>,
    /// How often it does all of that; `None` is for ever.
    pub rounds: Option<u64>,
    /// What it does when memory is refused.
    pub on_refusal: OnRefusal,
    /// How its memory shrinks when it is told that memory is low.
    pub cache: Option<Cache>,
}

/// The limits of a working set, in bytes, as `SetProcessWorkingSetSizeEx` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkingSetLimits {
    /// The minimum.
    pub minimum: u64,
    /// The maximum.
    pub maximum: u64,
    /// Whether the minimum and the maximum hold whatever happens.
    pub hard: (bool, bool),
}

/// A section that a process maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewPlan {
    /// Which one, by its place among the sections of the scenario.
    pub section: usize,
    /// What may be done with it, as Windows' constant.
    pub protection: u32,
}

/// What a process does when memory is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// It ends, as most programs do.
    #[default]
    Die,
    /// It asks again after so long.
    Retry(Tick),
    /// It frees what it holds and could do without, the oldest first, and asks again; where it
    /// holds nothing of that kind, it ends.
    Free,
    /// It goes on without.
    GoOn,
}

/// A cache: memory that its process can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// It gives the rest of its memory back while this is set.
    pub shrinks_on: Condition,
    /// It takes all of it again while this is set.
    pub grows_on: Condition,
    /// What it keeps, in pages.
    pub keep: u64,
    /// How long it takes to fetch what it no longer holds.
    pub miss: Tick,
}

/// One thing that a process does for some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// What it does.
    pub activity: Activity,
    /// It ends after so many references, or allocations.
    pub count: Option<u64>,
    /// It ends after so long.
    pub duration: Option<Tick>,
}

impl Phase {
    /// Whether it ends by itself.
    #[must_use]
    pub const fn ends(&self) -> bool {
        self.count.is_some() || self.duration.is_some()
    }
}

/// What a process does.
#[derive(Clone, Debug, PartialEq)]
pub enum Activity {
    /// It references its memory.
    References {
        /// Which pages, in which order.
        pattern: Pattern,
        /// In what.
        place: Place,
        /// The first page of it.
        first: u64,
        /// The share of references that write.
        write_share: f64,
        /// At most so many a second.
        rate: Option<u64>,
    },
    /// It allocates memory and writes every page of it.
    Grow(Growth),
    /// It sleeps.
    Idle,
    /// It computes without touching memory.
    Compute,
}

/// What a process references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its private memory.
    Memory,
    /// A view, by its place among those of the process.
    View(usize),
}

/// Allocating memory, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How much each time, in pages.
    pub pages: u64,
    /// From one time to the next.
    pub every: Tick,
    /// Freed after so long; `None` is never: a leak.
    pub hold: Option<Tick>,
    /// Only when this is set.
    pub only_while: Option<Condition>,
}
