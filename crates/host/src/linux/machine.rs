//! This machine, read through files that stay open.

use super::ProcFile;
use super::cgroup::{Chain, Location, Version};
use super::commit::{self, parse_fstab, parse_overcommit, parse_swaps};
use super::meminfo::Meminfo;
use super::pressure::Pressure;
use super::zfs::reclaimable_arc;
use crate::{CommitRule, Container, Error, Pool, Pools, Sample, Scope, Stall};
use memtide_core::conditions::{Bound, Levels, Sizes};
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long what seldom changes is believed: limits, the overcommit mode, page files, our cgroup.
const SETTINGS_LAST: Duration = Duration::from_secs(2);

/// Whose limit holds.
#[derive(Debug)]
enum Domain {
    /// Nothing but the machine's memory.
    Machine,
    /// A memory cgroup, with its PSI file where it has one.
    Container { chain: Chain, pressure: Option<ProcFile> },
    /// The cgroup that the user named is gone.
    Vanished,
}

/// What limits, as far as it can be told.
#[derive(Clone, Debug)]
enum Limit {
    /// Nothing.
    None,
    /// Something, and what it leaves cannot be read.
    Unknown,
    /// The tightest limit up the tree.
    Tightest(Container),
}

/// What seldom changes.
#[derive(Debug)]
struct Settings {
    read_at: Instant,
    rule: Option<CommitRule>,
    swap_to_add: Option<Bytes>,
    domain: Domain,
}

/// This machine as a whole, or as a container leaves it.
///
/// A read of the levels costs about 15 µs and allocates nothing once warm.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    scope: Scope,
    meminfo: ProcFile,
    pressure: Option<ProcFile>,
    arcstats: Option<ProcFile>,
    settings: Settings,
}

impl Machine {
    /// Opens the files of this machine.
    ///
    /// # Errors
    /// Where /proc/meminfo cannot be opened, or the scope names a directory that is no memory
    /// cgroup. Every other file may be missing: what it tells is then unknown.
    pub fn open(scope: &Scope) -> Result<Self, Error> {
        Self::open_at(Path::new("/"), scope)
    }

    /// Opens a tree that stands for a machine: a directory with `proc` and `sys` in it.
    ///
    /// # Errors
    /// As [`Machine::open`].
    pub fn open_at(root: &Path, scope: &Scope) -> Result<Self, Error> {
        if let Scope::Cgroup(directory) = scope {
            Location::at(directory)?;
        }
        let mut meminfo = ProcFile::open(root.join("proc/meminfo"))?;
        let physical = Meminfo::parse(meminfo.read()?).total;
        Ok(Self {
            settings: Settings::read(root, scope, physical),
            root: root.to_path_buf(),
            scope: scope.clone(),
            meminfo,
            pressure: ProcFile::open_if_there(root.join("proc/pressure/memory")),
            arcstats: ProcFile::open_if_there(root.join("proc/spl/kstat/zfs/arcstats")),
        })
    }

    /// The root of the tree that is read: `/` for this machine.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The levels the conditions are judged by, and the sizes their thresholds are a share of.
    ///
    /// # Errors
    /// Where /proc/meminfo can no longer be read.
    pub fn levels(&mut self) -> Result<(Levels, Sizes, Option<Stall>), Error> {
        let sample = self.sample()?;
        Ok((sample.levels, sample.sizes, sample.stall))
    }

    /// One look at everything.
    ///
    /// # Errors
    /// Where /proc/meminfo can no longer be read.
    pub fn sample(&mut self) -> Result<Sample, Error> {
        let meminfo = self.read_meminfo()?;
        self.refresh_settings(meminfo.total);
        let stall = self.stall();
        let limit = self.limit();
        let available = self.available(&meminfo);
        let pools = pools(&meminfo, available);
        let commit = commit::commit(&meminfo, self.settings.rule, self.settings.swap_to_add);
        let total = meminfo.total.unwrap_or_default();
        let (available, bound, physical) = judge(available, total, &limit);
        let levels = Levels {
            // Without a size there is no mark to compare with.
            available: available.filter(|_| physical > Bytes::ZERO),
            bound,
            stall: stall.map(|s| s.some),
            paged_pool_free: pools.paged.free,
            nonpaged_pool_free: pools.nonpaged.free,
            commit_charge: commit.charge,
            commit_limit: commit.limit,
            commit_maximum: commit.maximum,
        };
        let sizes =
            Sizes { physical, paged_pool: pools.paged.limit, nonpaged_pool: pools.nonpaged.limit };
        let container = match limit {
            Limit::Tightest(container) => Some(container),
            Limit::None | Limit::Unknown => None,
        };
        Ok(Sample { lists: meminfo.lists(), levels, sizes, pools, commit, container, stall })
    }

    /// The PSI file that speaks for this scope, for triggers to be set on.
    #[must_use]
    pub fn pressure_path(&self) -> Option<&Path> {
        match &self.settings.domain {
            Domain::Machine => self.pressure.as_ref().map(ProcFile::path),
            Domain::Container { pressure, .. } => pressure.as_ref().map(ProcFile::path),
            Domain::Vanished => None,
        }
    }

    fn read_meminfo(&mut self) -> Result<Meminfo, Error> {
        Ok(Meminfo::parse(self.meminfo.read()?))
    }

    fn refresh_settings(&mut self, physical: Option<Bytes>) {
        if self.settings.read_at.elapsed() >= SETTINGS_LAST {
            self.settings = Settings::read(&self.root, &self.scope, physical);
        }
    }

    /// The stall of the container where it has its own count, else of the machine; a container
    /// without one is not judged by what its neighbours do.
    fn stall(&mut self) -> Option<Stall> {
        let file = match &mut self.settings.domain {
            Domain::Machine => self.pressure.as_mut(),
            Domain::Container { pressure, .. } => pressure.as_mut(),
            Domain::Vanished => None,
        };
        Pressure::parse(file?.read().ok()?).stall()
    }

    fn limit(&mut self) -> Limit {
        match &mut self.settings.domain {
            Domain::Machine => Limit::None,
            Domain::Container { chain, .. } => match chain.tightest() {
                Ok(Some(container)) => Limit::Tightest(container),
                Ok(None) => Limit::None,
                Err(_) => Limit::Unknown,
            },
            Domain::Vanished => Limit::Unknown,
        }
    }

    fn available(&mut self, meminfo: &Meminfo) -> Option<Bytes> {
        let arc = self.arcstats.as_mut().and_then(|file| reclaimable_arc(file.read().ok()?));
        Some(meminfo.available?.saturating_add(arc.unwrap_or_default()))
    }
}

/// What is available, what bounds it, and the memory that the thresholds are a share of.
///
/// A container is judged by its limit; what it may take is never more than the machine has.
fn judge(machine: Option<Bytes>, total: Bytes, limit: &Limit) -> (Option<Bytes>, Bound, Bytes) {
    match limit {
        Limit::None => (machine, Bound::PhysicalMemory, total),
        Limit::Unknown => (None, Bound::Container, total),
        Limit::Tightest(container) => match (machine, container.available) {
            (Some(machine), Some(room)) if machine < room => {
                (Some(machine), Bound::PhysicalMemory, container.limit.min(total))
            }
            (_, room) => (room, Bound::Container, container.limit),
        },
    }
}

/// Linux sets its pools no limit of their own. Windows' are taken: the paged pool may fill
/// memory, the nonpaged pool three quarters of it; and a pool can't grow by more than there is.
fn pools(meminfo: &Meminfo, available: Option<Bytes>) -> Pools {
    let pool = |used: Option<Bytes>, limit: Option<Bytes>| {
        let left = used.zip(limit).map(|(used, limit)| limit.saturating_sub(used));
        let free = left.zip(available).map(|(left, available)| left.min(available));
        Pool { used, limit, free }
    };
    Pools {
        paged: pool(meminfo.paged_pool(), meminfo.total),
        nonpaged: pool(meminfo.nonpaged_pool(), meminfo.total.map(|t| t.scale(3, 4))),
    }
}

impl Settings {
    fn read(root: &Path, scope: &Scope, physical: Option<Bytes>) -> Self {
        let read = |path: &str| std::fs::read(root.join(path)).ok();
        let in_use = if_there(&root.join("proc/swaps"), parse_swaps);
        let configured = if_there(&root.join("etc/fstab"), parse_fstab);
        let swap = in_use.zip(configured);
        Self {
            read_at: Instant::now(),
            rule: read("proc/sys/vm/overcommit_memory").and_then(|text| parse_overcommit(&text)),
            swap_to_add: swap
                .and_then(|(used, configured)| commit::swap_to_add(&used, &configured)),
            domain: Domain::read(root, scope, physical),
        }
    }
}

/// The page files that a file names: none where there is no such file, unknown where it can't be
/// read.
fn if_there(path: &Path, parse: fn(&[u8]) -> Vec<PathBuf>) -> Option<Vec<PathBuf>> {
    match std::fs::read(path) {
        Ok(text) => Some(parse(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Err(_) => None,
    }
}

impl Domain {
    fn read(root: &Path, scope: &Scope, physical: Option<Bytes>) -> Self {
        let location = match scope {
            Scope::Machine => return Self::Machine,
            Scope::Auto => Location::of_this_process(root),
            Scope::Cgroup(directory) => match Location::at(directory) {
                Ok(location) => Some(location),
                Err(_) => return Self::Vanished,
            },
        };
        let Some(location) = location else { return Self::Machine };
        let chain = Chain::open(location, physical);
        // Without a limit up the tree there is no container, unless the user named one.
        if !chain.is_limited() && matches!(scope, Scope::Auto) {
            return Self::Machine;
        }
        let pressure = match chain.version() {
            Version::V1 => None,
            Version::V2 => {
                ProcFile::open_if_there(chain.location().directory.join("memory.pressure"))
            }
        };
        Self::Container { chain, pressure }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
