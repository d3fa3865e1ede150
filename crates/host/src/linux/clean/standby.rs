//! `standby` and `standby-low`: clean page cache.
//!
//! The kernel's evidence of what comes back is kept with the file's inode. Reclaim shrinks the
//! inode cache too, and what was evicted of a file that is closed would come back uncounted
//! (measured on 6.1: none of 128 MiB counted). So inodes are spared meanwhile: names and
//! attributes are a region of their own.

use super::reclaim::{Cache, Source, Way};
use super::setting::Setting;
use super::{Outcome, Reach, Reins, Scene, Status, detached, needs, needs_to_write};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Gauge, Prediction, Region, Stop};
use memtide_core::units::Bytes;
use std::io;
use std::path::Path;

/// What is asked for at once: some 20 ms of work, so that a limit, a timeout and a cancel hold.
const CHUNK: Bytes = Bytes::from_mib(64);

/// With a limit, half of what is left of it is asked for, down to this: kernels before 6.8 may take
/// nearly twice of what they are asked for (measured on 6.1: 54 MiB for 32).
const SMALL_CHUNK: Bytes = Bytes::from_mib(1);

/// How eagerly inodes are reclaimed, in percent of the usual.
const INODE_PRESSURE: &str = "proc/sys/vm/vfs_cache_pressure";

/// Next to never. Not 0: should this process be killed, a kernel that can't reclaim inodes at all
/// would be left behind.
const SPARED: &str = "1";

/// Less than one part in so many of what was asked for means that the kernel wants to keep the
/// rest.
const KEEPS_PART: u64 = 8;

/// How deep to clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything that is clean.
    All,
    /// Only what hasn't been used for a while.
    Cold,
}

impl Depth {
    const fn region(self) -> Region {
        match self {
            Self::All => Region::Standby,
            Self::Cold => Region::StandbyLow,
        }
    }

    const fn of(self, cache: Cache) -> Bytes {
        match self {
            Self::All => cache.clean,
            Self::Cold => cache.cold,
        }
    }

    const fn basis(self) -> &'static str {
        match self {
            Self::All => "page cache that is clean and mapped by no program",
            Self::Cold => "the part of it on the inactive list: not used for a while, or once only",
        }
    }
}

/// Why draining a source ended.
#[derive(Debug)]
enum End {
    /// What was aimed at is taken.
    Drained,
    /// The kernel keeps so much of it.
    Kept(Bytes),
    /// The limit is reached.
    Limit,
    Stopped(Stop),
    Refused(io::Error),
}

pub(super) fn predict(scene: &mut Scene, depth: Depth) -> Prediction {
    let way = Way::find(scene);
    let cache = way.as_ref().and_then(|way| way.cache(scene));
    let amount = cache.map(|cache| depth.of(cache));
    // What takes all or nothing can't be held to what is cold.
    let bounded = depth == Depth::All || matches!(way, Some(Way::Sized(_)));
    let needs = match &way {
        None => Some(nothing_there(scene)),
        Some(way) if !bounded => Some(all_or_nothing(way)),
        Some(way) => needs_to_write(way.file()),
    };
    Prediction {
        region: depth.region(),
        estimate: amount.map_or(Estimate::Unknown, Estimate::About),
        effect: Effect::MadeFree,
        basis: depth.basis().to_owned(),
        mechanism: way.map(|way| way.mechanism()),
        needs,
    }
}

pub(super) fn carry_out(scene: &mut Scene, depth: Depth, reins: &mut Reins<'_>) -> Outcome {
    let Some(way) = Way::find(scene) else { return Outcome::skipped(nothing_there(scene)) };
    let swapped_before = scene.gauges.vmstat().pswpout;
    let spared = match way.mechanism().evidence {
        Evidence::Refaults => Setting::hold(&scene.path(INODE_PRESSURE), SPARED).map(Some),
        Evidence::Blind | Evidence::TakesNothing => Ok(None),
    };
    let outcome = match &way {
        Way::Sized(sources) => drain_all(scene, sources, &way, depth, reins),
        Way::ForceEmpty(file) => take_all(scene, file, "0", &way, depth, reins),
        Way::DropCaches(file) => take_all(scene, file, "1", &way, depth, reins),
    };
    let outcome = match spared {
        Ok(_) => outcome,
        Err(_) => outcome.note(
            "inodes can't be spared without root: of files that are closed, pages may come back \
             uncounted",
        ),
    };
    let swapped = swapped_before.zip(scene.gauges.vmstat().pswpout);
    match swapped.map(|(before, after)| Bytes::from_pages(after.saturating_sub(before))) {
        Some(swapped) if swapped > Bytes::ZERO => outcome.note(format!(
            "{swapped} went to swap meanwhile: this way can't be told to leave anonymous memory \
             alone, or others swapped"
        )),
        _ => outcome,
    }
}

fn nothing_there(scene: &Scene) -> String {
    match &scene.cgroup {
        Some(cgroup) => format!(
            "{} has neither memory.reclaim (version 2, Linux 5.19) nor memory.force_empty \
             (version 1)",
            cgroup.directory.display()
        ),
        None => "none of nodeN/reclaim, memory.reclaim and drop_caches is there".to_owned(),
    }
}

fn all_or_nothing(way: &Way) -> String {
    let better = match way {
        Way::ForceEmpty(_) => "memory.reclaim, of version 2",
        _ => "nodeN/reclaim (Linux 6.17) or memory.reclaim (version 2, Linux 5.19)",
    };
    format!("{} takes all or nothing; {better} takes a size", way.mechanism().name)
}

/// Asks for the page cache of each source in chunks.
fn drain_all(
    scene: &mut Scene,
    sources: &[Source],
    way: &Way,
    depth: Depth,
    reins: &mut Reins<'_>,
) -> Outcome {
    let before = scene.gauges.gauge(Reach::Cgroup);
    let mut notes = Vec::new();
    let mut status = Status::Done;
    for source in sources {
        let aim = source.cache(scene).map(|cache| depth.of(cache)).unwrap_or_default();
        match drain(scene, source, aim, &before, reins) {
            End::Drained => continue,
            End::Kept(kept) => {
                notes.push(format!("the kernel keeps {kept} of {aim} that it finds in use"));
                continue;
            }
            End::Limit => notes.push("stopped at the limit".to_owned()),
            End::Stopped(stop) => {
                let left = source.cache(scene).map(|cache| depth.of(cache)).unwrap_or_default();
                status = Status::stopped(stop, format!("{left} of page cache is left"));
            }
            End::Refused(error) => {
                let error = Error::file("writing", &source.file, error);
                return Outcome::refused(error, needs(&source.file));
            }
        }
        break;
    }
    Outcome { status, mechanism: Some(way.mechanism()), notes }
}

fn drain(
    scene: &mut Scene,
    source: &Source,
    aim: Bytes,
    before: &Gauge,
    reins: &mut Reins<'_>,
) -> End {
    let suffix = source.no_swap().unwrap_or_default();
    let mut left = aim;
    loop {
        if let Some(stop) = reins.stop() {
            return End::Stopped(stop);
        }
        let made_free = scene.gauges.gauge(Reach::Cgroup).made_free_since(before);
        let room = reins.room(made_free).map(Bytes::whole_pages);
        if room == Some(Bytes::ZERO) {
            return End::Limit;
        }
        let bound = room.map_or(CHUNK, |room| room.scale(1, 2).max(SMALL_CHUNK).min(room));
        let ask = CHUNK.min(left).min(bound).whole_pages();
        if ask == Bytes::ZERO {
            return End::Drained;
        }
        reins.tell(&format!("{} of {aim} asked back", aim.saturating_sub(left)));
        let had = source.cache(scene).unwrap_or_default().clean;
        let written = detached::write(&source.file, &format!("{}{suffix}", ask.0), reins);
        let taken = had.saturating_sub(source.cache(scene).unwrap_or_default().clean);
        match written {
            Err(stop) => return End::Stopped(stop),
            Ok(Ok(())) => left = left.saturating_sub(ask.max(taken)),
            // A signal that isn't ours to obey: ask again.
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                left = left.saturating_sub(taken);
                if taken < ask.scale(1, KEEPS_PART) {
                    return End::Kept(left);
                }
            }
            Ok(Err(error)) => return End::Refused(error),
        }
    }
}

/// Takes everything at once, where that is within the bounds.
fn take_all(
    scene: &mut Scene,
    file: &Path,
    command: &str,
    way: &Way,
    depth: Depth,
    reins: &mut Reins<'_>,
) -> Outcome {
    if depth == Depth::Cold {
        return Outcome::skipped(all_or_nothing(way));
    }
    let clean = way.cache(scene).unwrap_or_default().clean;
    if let Some(limit) = reins.limit.filter(|limit| clean > *limit) {
        let why = all_or_nothing(way);
        return Outcome::skipped(format!("{clean} is more than the limit leaves ({limit}): {why}"));
    }
    reins.tell(&format!("giving up {clean}"));
    let status = match detached::write(file, command, reins) {
        Ok(Ok(())) => Status::Done,
        Ok(Err(error)) => {
            return Outcome::refused(Error::file("writing", file, error), needs(file));
        }
        Err(stop) => Status::stopped(stop, "the kernel is still at it"),
    };
    Outcome::ended(status, way.mechanism())
}
