//! `slab`: the kernel's caches of names (dentries) and files (inodes).

use super::{Outcome, Reins, Scene, Status, detached, needs, needs_to_write};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region};

const CONTROL: &str = "proc/sys/vm/drop_caches";

/// drop_caches takes 1 for page cache and 2 for slab.
const SLAB: &str = "2";

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
    let status = match detached::write(&path, SLAB, reins) {
        Ok(Ok(())) => Status::Done,
        Ok(Err(error)) => {
            let error = Error::file("writing", &path, error);
            return Outcome::refused(error, needs(&path));
        }
        Err(stop) => Status::stopped(stop, "the kernel is still dropping"),
    };
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
