//! A cgroup and those above it: which limit leaves least.

use super::{Location, MemoryStat, Version, parse_limit};
use crate::linux::ProcFile;
use crate::{Container, Error};
use memtide_core::units::Bytes;
use std::path::Path;
use std::sync::Arc;

/// One cgroup of the chain that limits memory, with the files its levels are read from.
#[derive(Debug)]
struct Limited {
    directory: Arc<Path>,
    limit: Bytes,
    usage: ProcFile,
    stat: ProcFile,
}

/// What a cgroup's files say of its charge.
struct Charge {
    charged: Option<Bytes>,
    reclaimable: Option<Bytes>,
    available: Option<Bytes>,
}

/// A memory cgroup with every limit that holds for it.
#[derive(Debug)]
pub(crate) struct Chain {
    location: Location,
    limited: Vec<Limited>,
}

impl Chain {
    /// Reads which cgroups limit memory, from this one up to the top of the tree.
    ///
    /// A cgroup that vanished leaves a chain without it; limits of the machine's own size or more
    /// limit nothing and are left out.
    pub(crate) fn open(location: Location, physical: Option<Bytes>) -> Self {
        let up_to_top = location.directory.ancestors().take_while(|d| d.starts_with(&location.top));
        let limited = up_to_top.filter_map(|directory| {
            let limit = least_limit(directory, location.version)?;
            if physical.is_some_and(|physical| limit >= physical) {
                return None;
            }
            Limited::open(directory, location.version, limit).ok()
        });
        let limited = limited.collect();
        Self { location, limited }
    }

    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    pub(crate) fn version(&self) -> Version {
        self.location.version
    }

    /// Whether anything limits this cgroup.
    pub(crate) fn is_limited(&self) -> bool {
        !self.limited.is_empty()
    }

    /// The limit that leaves least, or `None` where nothing limits this cgroup; allocates nothing.
    ///
    /// # Errors
    /// Where a file of the cgroup cannot be read any more.
    pub(crate) fn tightest(&mut self) -> Result<Option<Container>, Error> {
        let version = self.version();
        let mut tightest: Option<Container> = None;
        for level in &mut self.limited {
            let container = level.container(version)?;
            // An unknown room can't be the least one.
            let room = |c: &Container| c.available.unwrap_or(Bytes(u64::MAX));
            let tighter = tightest.as_ref().is_none_or(|t| room(&container) < room(t));
            if tighter {
                tightest = Some(container);
            }
        }
        Ok(tightest)
    }
}

impl Limited {
    fn open(directory: &Path, version: Version, limit: Bytes) -> Result<Self, Error> {
        Ok(Self {
            directory: directory.into(),
            limit,
            usage: ProcFile::open(directory.join(version.usage_file()))?,
            stat: ProcFile::open(directory.join("memory.stat"))?,
        })
    }

    fn measure(&mut self, version: Version) -> Result<Charge, Error> {
        let charged = parse_limit(self.usage.read()?).flatten();
        let reclaimable = MemoryStat::parse(self.stat.read()?, version).reclaimable();
        let available = charged.zip(reclaimable).map(|(charged, reclaimable)| {
            self.limit.saturating_sub(charged.saturating_sub(reclaimable))
        });
        Ok(Charge { charged, reclaimable, available })
    }

    fn container(&mut self, version: Version) -> Result<Container, Error> {
        let Charge { charged, reclaimable, available } = self.measure(version)?;
        Ok(Container {
            path: Arc::clone(&self.directory),
            version: version.number(),
            limit: self.limit,
            charged,
            reclaimable,
            available,
        })
    }
}

fn least_limit(directory: &Path, version: Version) -> Option<Bytes> {
    let read = |name: &&str| parse_limit(&std::fs::read(directory.join(name)).ok()?)?;
    version.limit_files().iter().filter_map(read).min()
}
