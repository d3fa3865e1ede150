//! One look at a machine, in the core's words.

use memtide_core::conditions::{Levels, Permille, Sizes};
use memtide_core::lists::MemoryLists;
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose memory is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The container this process runs in where one limits it, else the machine.
    #[default]
    Auto,
    /// The whole machine, whatever limits this process.
    Machine,
    /// The memory cgroup in this directory, with every limit above it.
    Cgroup(PathBuf),
}

/// A pool: kernel memory of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Bytes in use.
    pub used: Option<Bytes>,
    /// The most it may hold.
    pub limit: Option<Bytes>,
    /// What it can still grow by.
    pub free: Option<Bytes>,
}

/// The two pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// Memory of the kernel that can be given up.
    pub paged: Pool,
    /// Memory of the kernel that cannot.
    pub nonpaged: Pool,
}

/// How the system answers a program that asks for more than can be backed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitRule {
    /// Every promise is backed; more is refused. Windows, and Linux' overcommit mode 2.
    Strict,
    /// Only what can obviously never be backed is refused. Linux' overcommit mode 0.
    Heuristic,
    /// Nothing is refused. Linux' overcommit mode 1.
    Always,
}

impl CommitRule {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Heuristic => "heuristic",
            Self::Always => "always",
        }
    }
}

/// The commit charge and its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Memory promised to programs.
    pub charge: Option<Bytes>,
    /// The most that can be promised, or backed where promises are not limited.
    pub limit: Option<Bytes>,
    /// The same, once every page file that is configured has grown or been added.
    pub maximum: Option<Bytes>,
    /// The highest charge since the system started; Linux keeps none.
    pub peak: Option<Bytes>,
    /// How promises beyond the limit are answered.
    pub rule: Option<CommitRule>,
}

/// The container this process runs in, by the limit that leaves least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The cgroup that sets the limit.
    pub path: Arc<Path>,
    /// The version of the cgroup interface, 1 or 2.
    pub version: u8,
    /// The limit.
    pub limit: Bytes,
    /// Memory charged to it, page cache included.
    pub charged: Option<Bytes>,
    /// The page cache and other memory in that charge which the kernel can reclaim.
    pub reclaimable: Option<Bytes>,
    /// What is left: the limit less what is charged and cannot be reclaimed.
    pub available: Option<Bytes>,
}

/// How long threads waited for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The share of the last seconds in which at least one thread waited.
    pub some: Permille,
    /// The share in which every thread that could run waited; `None` where it is not counted.
    pub full: Option<Permille>,
    /// Time in which at least one thread waited, since the start, in microseconds.
    pub total_us: u64,
}

/// One look at a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The page lists of the machine.
    pub lists: MemoryLists,
    /// What the conditions are judged by.
    pub levels: Levels,
    /// What the thresholds are a share of.
    pub sizes: Sizes,
    /// The pools of the machine.
    pub pools: Pools,
    /// The commit charge of the machine.
    pub commit: Commit,
    /// The container, where one limits this process.
    pub container: Option<Container>,
    /// Waiting for memory, where it is counted.
    pub stall: Option<Stall>,
}
