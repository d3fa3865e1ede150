//! The ways to ask clean page cache back, best first.
//!
//! 1. `nodeN/reclaim` (Linux 6.17): sized, never swaps when told so, leaves refault evidence.
//! 2. `memory.reclaim` of the topmost cgroup, or of the one named (version 2, Linux 5.19): sized,
//!    leaves refault evidence; can be told not to swap since 6.9.
//! 3. `memory.force_empty` of the cgroup named (version 1): everything, leaves refault evidence.
//! 4. `drop_caches`: everything, and what comes back goes uncounted.

use super::{Scene, read_or_empty, sum, writable};
use crate::clean::{Evidence, Mechanism};
use crate::linux::cgroup::{MemoryStat, Version};
use crate::linux::meminfo::Meminfo;
use crate::linux::mounts;
use crate::linux::proc_file::lines;
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};

/// Tells the kernel to leave anonymous memory alone.
const NO_SWAP: &str = " swappiness=0";

/// The clean page cache that no program maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cache {
    /// All of it.
    pub(super) clean: Bytes,
    /// What of it hasn't been used for a while: the clean part of the inactive list.
    pub(super) cold: Bytes,
}

impl Cache {
    fn of(active: Bytes, inactive: Bytes, dirty: Bytes, mapped: Bytes) -> Self {
        let clean = active.saturating_add(inactive).saturating_sub(dirty).saturating_sub(mapped);
        Self { clean, cold: inactive.saturating_sub(dirty).min(clean) }
    }

    fn of_machine(meminfo: &Meminfo) -> Option<Self> {
        let dirty = sum([meminfo.dirty, meminfo.writeback].into_iter().flatten());
        let mapped = meminfo.mapped.unwrap_or_default();
        Some(Self::of(meminfo.active_file?, meminfo.inactive_file?, dirty, mapped))
    }

    fn of_cgroup(stat: &MemoryStat) -> Option<Self> {
        let dirty = sum([stat.dirty, stat.writeback].into_iter().flatten());
        let mapped = stat.mapped.unwrap_or_default();
        Some(Self::of(stat.active_file?, stat.inactive_file?, dirty, mapped))
    }
}

/// Whose page cache it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The machine's.
    Machine,
    /// A NUMA node's; the path is its meminfo.
    Node(PathBuf),
    /// The cgroup's that the request names.
    Cgroup,
}

/// A file that takes "so many bytes" and reclaims them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The control file.
    pub(super) file: PathBuf,
    /// Whose page cache it takes.
    pub(super) owner: Owner,
}

impl Source {
    /// The page cache it could take from, as it is now.
    pub(super) fn cache(&self, scene: &mut Scene) -> Option<Cache> {
        match &self.owner {
            Owner::Machine => Cache::of_machine(&scene.gauges.meminfo()),
            Owner::Node(meminfo) => Cache::of_machine(&parse_node(&read_or_empty(meminfo))),
            Owner::Cgroup => Cache::of_cgroup(&scene.gauges.cgroup_stat()?),
        }
    }

    /// What to write after the size, so that nothing is swapped; `None` where this kernel can't
    /// be told. Asking for no bytes at all finds out without doing anything.
    pub(super) fn no_swap(&self) -> Option<&'static str> {
        std::fs::write(&self.file, format!("0{NO_SWAP}")).is_ok().then_some(NO_SWAP)
    }
}

/// A way to ask page cache back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Files that take a size.
    Sized(Vec<Source>),
    /// A file that takes everything from the cgroup named.
    ForceEmpty(PathBuf),
    /// A file that drops everything there is.
    DropCaches(PathBuf),
}

impl Way {
    /// The best way that may be used; where none may, the best there is.
    pub(super) fn find(scene: &Scene) -> Option<Self> {
        let ways = match &scene.cgroup {
            Some(location) => {
                let file = |name| location.directory.join(name);
                vec![match location.version {
                    Version::V1 => Self::ForceEmpty(file("memory.force_empty")),
                    Version::V2 => {
                        let file = file("memory.reclaim");
                        Self::Sized(vec![Source { file, owner: Owner::Cgroup }])
                    }
                }]
            }
            None => {
                let drop = Self::DropCaches(scene.path("proc/sys/vm/drop_caches"));
                [nodes(scene), topmost(scene), Some(drop)].into_iter().flatten().collect()
            }
        };
        let ways: Vec<_> = ways.into_iter().filter(|way| way.file().exists()).collect();
        ways.iter().find(|way| writable(way.file()).is_ok()).or(ways.first()).cloned()
    }

    /// The file it is done through, the first where there are several.
    pub(super) fn file(&self) -> &Path {
        match self {
            Self::Sized(sources) => sources.first().map_or(Path::new(""), |s| &s.file),
            Self::ForceEmpty(file) | Self::DropCaches(file) => file,
        }
    }

    pub(super) fn mechanism(&self) -> Mechanism {
        let (name, evidence) = match self {
            Self::Sized(sources) => {
                let more = sources.len().saturating_sub(1);
                let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
                (format!("{}{and_more}", self.file().display()), Evidence::Refaults)
            }
            Self::ForceEmpty(file) => (file.display().to_string(), Evidence::Refaults),
            Self::DropCaches(_) => ("drop_caches 1".to_owned(), Evidence::Blind),
        };
        Mechanism { name, evidence }
    }

    /// The page cache it could take from, as it is now.
    pub(super) fn cache(&self, scene: &mut Scene) -> Option<Cache> {
        match self {
            Self::Sized(sources) => {
                let caches: Vec<_> = sources.iter().filter_map(|s| s.cache(scene)).collect();
                let clean = sum(caches.iter().map(|cache| cache.clean));
                let cold = sum(caches.iter().map(|cache| cache.cold));
                (!caches.is_empty()).then_some(Cache { clean, cold })
            }
            Self::ForceEmpty(_) => Cache::of_cgroup(&scene.gauges.cgroup_stat()?),
            Self::DropCaches(_) => Cache::of_machine(&scene.gauges.meminfo()),
        }
    }
}

fn nodes(scene: &Scene) -> Option<Way> {
    let directory = std::fs::read_dir(scene.path("sys/devices/system/node")).ok()?;
    let nodes = directory.flatten().map(|entry| entry.path());
    let mut sources: Vec<_> = nodes
        .map(|node| Source { file: node.join("reclaim"), owner: Owner::Node(node.join("meminfo")) })
        .filter(|source| source.file.exists())
        .collect();
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    (!sources.is_empty()).then_some(Way::Sized(sources))
}

/// The topmost cgroup that can be seen; in a container that is the container's own.
fn topmost(scene: &Scene) -> Option<Way> {
    let mounts = mounts::parse(&read_or_empty(&scene.path("proc/self/mountinfo")));
    let mount = mounts.iter().rfind(|mount| mount.kind == "cgroup2")?;
    let file = scene.path("").join(mount.point.strip_prefix("/").ok()?).join("memory.reclaim");
    file.exists().then(|| Way::Sized(vec![Source { file, owner: Owner::Machine }]))
}

/// Reads a node's meminfo: the machine's lines with the node before them.
fn parse_node(text: &[u8]) -> Meminfo {
    let mut plain = String::with_capacity(text.len());
    for line in lines(text) {
        let fields = line.strip_prefix("Node ").and_then(|rest| rest.split_once(' '));
        let Some((_, fields)) = fields else { continue };
        plain.push_str(fields.trim_start());
        plain.push('\n');
    }
    Meminfo::parse(plain.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_meminfo_reads_as_the_machines() {
        let text = b"Node 0 MemTotal: 100 kB\nNode 0 Active(file):   40 kB\n\
            Node 0 Inactive(file): 60 kB\nNode 0 Dirty: 5 kB\nNode 0 Mapped: 20 kB\nNode\n";
        let cache = Cache::of_machine(&parse_node(text)).expect("the lists are there");
        assert_eq!(cache.clean, Bytes::from_kib(100 - 5 - 20));
        assert_eq!(cache.cold, Bytes::from_kib(55));
        assert_eq!(Cache::of_machine(&parse_node(b"")), None);
    }

    #[test]
    fn cold_is_never_more_than_what_is_clean() {
        let kib = Bytes::from_kib;
        assert_eq!(Cache::of(kib(0), kib(50), kib(0), kib(30)).cold, kib(20));
        assert_eq!(Cache::of(kib(0), kib(10), kib(30), kib(0)), Cache::default());
    }
}
