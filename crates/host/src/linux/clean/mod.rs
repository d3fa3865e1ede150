//! Cleaning on Linux: one file a region or mechanism.
//!
//! Mechanisms that leave refault evidence are preferred; where only a blind one is there, the
//! report says so. Everything is read and written below a root directory, so that a tree can stand
//! for a machine.

mod combine;
mod compact;
mod detached;
mod gauges;
mod modified;
mod processes;
mod reclaim;
mod setting;
mod slab;
mod standby;
mod working_sets;

use super::cgroup::Location;
use crate::Error;
use crate::clean::{Counters, Gauge, Outcome, Prediction, Region, Reins, Request, Status, System};
use gauges::Gauges;
use memtide_core::units::Bytes;
use std::io;
use std::path::{Path, PathBuf};

/// Prepares a clean of this machine.
pub(crate) fn open(request: &Request) -> Result<Box<dyn System + Send>, Error> {
    Ok(Box::new(Linux::open_at(Path::new("/"), request)?))
}

/// What the regions need to know of the machine and of the request.
struct Scene {
    /// Where the machine's tree begins: `/`, but in tests.
    root: PathBuf,
    /// The cgroup that the request names.
    cgroup: Option<Location>,
    exclude: Vec<String>,
    pids: Vec<u32>,
    gauges: Gauges,
}

/// This machine, for a clean.
struct Linux(Scene);

impl Linux {
    fn open_at(root: &Path, request: &Request) -> Result<Self, Error> {
        let cgroup = request.cgroup.as_deref().map(Location::at).transpose()?;
        let gauges = Gauges::open(root, cgroup.as_ref())?;
        let (exclude, pids) = (request.exclude.clone(), request.pids.clone());
        Ok(Self(Scene { root: root.to_path_buf(), cgroup, exclude, pids, gauges }))
    }
}

impl System for Linux {
    fn gauge(&mut self, region: Region) -> Gauge {
        self.0.gauges.gauge(Reach::of(region))
    }

    fn predict(&mut self, region: Region) -> Prediction {
        let scene = &mut self.0;
        match region {
            Region::WorkingSets => working_sets::predict(scene),
            Region::Modified => modified::predict(scene),
            Region::Standby => standby::predict(scene, standby::Depth::All),
            Region::StandbyLow => standby::predict(scene, standby::Depth::Cold),
            Region::Slab => slab::predict(scene),
            Region::Combine => combine::predict(scene),
            Region::Compact => compact::predict(scene),
            Region::FileCache | Region::ModifiedFiles | Region::Registry => not_here(region),
        }
    }

    fn carry_out(&mut self, region: Region, reins: &mut Reins<'_>) -> Outcome {
        let scene = &mut self.0;
        let outcome = match region {
            Region::WorkingSets => working_sets::carry_out(scene, reins),
            Region::Modified => modified::carry_out(scene, reins),
            Region::Standby => standby::carry_out(scene, standby::Depth::All, reins),
            Region::StandbyLow => standby::carry_out(scene, standby::Depth::Cold, reins),
            Region::Slab => slab::carry_out(scene, reins),
            Region::Combine => combine::carry_out(scene, reins),
            Region::Compact => compact::carry_out(scene, reins),
            Region::FileCache | Region::ModifiedFiles | Region::Registry => not_here(region),
        };
        let tried = outcome.mechanism.is_some();
        if tried && scene.cgroup.is_some() && Reach::of(region) == Reach::Machine {
            return outcome
                .note(format!("{region} reaches the whole machine, not the cgroup alone"));
        }
        outcome
    }

    fn counters(&mut self, settled: bool) -> Counters {
        self.0.gauges.counters(settled)
    }

    fn remarks(&self) -> Vec<String> {
        self.0.gauges.remarks()
    }
}

/// A request refuses the regions of other systems, so none of them gets here.
fn not_here(region: Region) -> ! {
    unreachable!("'{region}' is a region of Windows")
}

/// How far a region's cleaning reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// A cgroup's own pages, where the request names one.
    Cgroup,
    /// Always the whole machine.
    Machine,
}

impl Reach {
    const fn of(region: Region) -> Self {
        match region {
            Region::WorkingSets | Region::Standby | Region::StandbyLow => Self::Cgroup,
            _ => Self::Machine,
        }
    }
}

impl Scene {
    fn path(&self, below_root: &str) -> PathBuf {
        self.root.join(below_root)
    }
}

/// Whether a file could be written, without writing to it.
fn writable(path: &Path) -> io::Result<()> {
    std::fs::OpenOptions::new().write(true).open(path).map(drop)
}

/// What is needed to write a file, where something is.
fn needs_to_write(path: &Path) -> Option<String> {
    let error = writable(path).err()?;
    Some(match error.kind() {
        io::ErrorKind::NotFound => format!("a kernel with {}", path.display()),
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("a writable {} (it is mounted read-only here)", path.display())
        }
        _ => format!("write access to {}, as root has it", path.display()),
    })
}

/// What a refused write needed.
fn needs(path: &Path) -> String {
    needs_to_write(path)
        .unwrap_or_else(|| format!("a kernel that takes it from {}", path.display()))
}

/// A small file with one number in it.
fn read_number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A file as bytes, empty where it cannot be read.
fn read_or_empty(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

fn sum(parts: impl IntoIterator<Item = Bytes>) -> Bytes {
    parts.into_iter().fold(Bytes::ZERO, Bytes::saturating_add)
}

#[cfg(test)]
#[path = "clean_tests.rs"]
mod tests;
