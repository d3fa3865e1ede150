//! Tries every capability of this machine without changing it: one file a kind.

mod cgroups;
mod page_state;
mod paging;
mod pressure;
mod probe;
mod reclaim;
mod swap;
mod visibility;

use crate::doctor::Capability;
use probe::Probe;
use std::path::Path;

pub(crate) fn examine() -> Vec<Capability> {
    examine_at(Path::new("/"))
}

/// Examines a tree that stands for a machine: a directory with `proc` and `sys` in it. System
/// calls are tried on the kernel that runs, whatever the tree says.
#[must_use]
pub fn examine_at(root: &Path) -> Vec<Capability> {
    let probe = Probe::new(root);
    [
        pressure::examine(&probe),
        cgroups::examine(&probe),
        reclaim::examine(&probe),
        page_state::examine(&probe),
        swap::examine(&probe),
        visibility::examine(&probe),
        paging::examine(&probe),
    ]
    .concat()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
