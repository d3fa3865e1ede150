//! `slab`: the kernel's caches of names (dentries) and files (inodes).

use super::{Outcome, Reins, Scene, Status, detached, needs, needs_to_write};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region};
use std::time::Duration;

const CONTROL: &str = "proc/sys/vm/drop_caches";

/// drop_caches takes 1 for page cache and 2 for slab.
const SLAB: &str = "2";

/// The kernel spares what was used since it last looked: the first pass takes note of names, the
/// second drops them, and only then can a third drop the attributes. It stops looking where a look
/// finds nothing, so one pass may free nothing (measured: 52 KiB of 3000 fresh files).
const PASSES_MIN: u32 = 3;

/// What is dropped is freed after a grace period; before that, nothing shows.
const GRACE: Duration = Duration::from_millis(30);

/// Where more keeps being used than is dropped, there is no end to wait for.
const PASSES_MAX: u32 = 8;

/// A pass that drops less than one part in so many is the last.
const LITTLE_PART: u64 = 32;

fn mechanism() -> Mechanism {
    Mechanism { name: "drop_caches 2".to_owned(), evidence: Evidence::Blind }
}

pub(super) fn predict(scene: &mut Scene) -> Prediction {
    let pool = scene.gauges.meminfo().paged_pool();
    Prediction {
        region: Region::Slab,
        estimate: pool.map_or(Estimate::Unknown, Estimate::AtMost),
        effect: Effect::MadeFree,
        basis: "reclaimable slab (KReclaimable); what files in use hold of it stays".to_owned(),
        mechanism: Some(mechanism()),
        needs: needs_to_write(&scene.path(CONTROL)),
    }
}

pub(super) fn carry_out(scene: &mut Scene, reins: &mut Reins<'_>) -> Outcome {
    let path = scene.path(CONTROL);
    let pool = |scene: &mut Scene| scene.gauges.meminfo().paged_pool();
    let before = pool(scene);
    reins.tell("dropping cached names and attributes of files");
    let mut status = Status::Done;
    let mut had = before;
    for pass in 1..=PASSES_MAX {
        match detached::write(&path, SLAB, reins) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Outcome::refused(Error::file("writing", &path, error), needs(&path));
            }
            Err(stop) => {
                status = Status::stopped(stop, "the kernel is still dropping");
                break;
            }
        }
        std::thread::sleep(GRACE);
        let has = pool(scene);
        let dropped = had.zip(has).map(|(had, has)| had.saturating_sub(has));
        let little = dropped.zip(had).is_none_or(|(d, had)| d < had.scale(1, LITTLE_PART));
        if pass >= PASSES_MIN && little {
            break;
        }
        had = has;
    }
    let after = pool(scene);
    let outcome = Outcome::ended(status, mechanism());
    match before.zip(after) {
        Some((before, after)) => {
            let change = after.since(before);
            outcome.note(format!("reclaimable slab changed by {change} to {after}"))
        }
        None => outcome,
    }
}
