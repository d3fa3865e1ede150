//! `compact`: free memory in larger blocks.

use super::{Outcome, Reins, Scene, Status, detached, needs, needs_to_write, read_or_empty};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region};
use crate::linux::buddyinfo::{Buddyinfo, HUGE_ORDER};
use memtide_core::units::Bytes;

const CONTROL: &str = "proc/sys/vm/compact_memory";

fn mechanism() -> Mechanism {
    Mechanism { name: "compact_memory".to_owned(), evidence: Evidence::TakesNothing }
}

fn free_blocks(scene: &Scene) -> Option<Buddyinfo> {
    Buddyinfo::parse(&read_or_empty(&scene.path("proc/buddyinfo")))
}

fn in_large_blocks(scene: &Scene) -> Option<Bytes> {
    free_blocks(scene).map(|info| info.in_blocks_of(HUGE_ORDER))
}

pub(super) fn predict(scene: &Scene) -> Prediction {
    let scattered = free_blocks(scene)
        .map(|info| info.in_blocks_of(0).saturating_sub(info.in_blocks_of(HUGE_ORDER)));
    Prediction {
        region: Region::Compact,
        estimate: scattered.map_or(Estimate::Unknown, Estimate::AtMost),
        effect: Effect::LargerBlocks,
        basis: "free memory in blocks smaller than 2 MiB; what pinned pages leave of it".to_owned(),
        mechanism: Some(mechanism()),
        needs: needs_to_write(&scene.path(CONTROL)),
    }
}

pub(super) fn carry_out(scene: &Scene, reins: &mut Reins<'_>) -> Outcome {
    let path = scene.path(CONTROL);
    let before = in_large_blocks(scene);
    reins.tell("moving pages together");
    let status = match detached::write(&path, "1", reins) {
        Ok(Ok(())) => Status::Done,
        Ok(Err(error)) => {
            let error = Error::file("writing", &path, error);
            return Outcome::refused(error, needs(&path));
        }
        Err(stop) => Status::stopped(stop, "the kernel is still moving pages"),
    };
    let after = in_large_blocks(scene);
    let outcome = Outcome::ended(status, mechanism());
    match before.zip(after) {
        Some((before, after)) => outcome.note(format!(
            "free memory in blocks of 2 MiB and more: {before} before, {after} after ({})",
            after.since(before)
        )),
        None => outcome,
    }
}
