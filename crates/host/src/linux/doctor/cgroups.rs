//! Memory cgroups: which version, which limit, and what their files offer.

use super::probe::Probe;
use crate::doctor::{Capability, Finding};
use crate::linux::cgroup::{Location, Version};
use crate::{Machine, Scope};

const UNIFIED: &str = "boot with cgroup_no_v1=memory systemd.unified_cgroup_hierarchy=1";
const MOUNT: &str = "mount a cgroup file system with the memory controller at /sys/fs/cgroup";

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    let location = Location::of_this_process(probe.root());
    let location = location.as_ref();
    vec![
        controller(location).of("cgroup", "the limits of a container"),
        limit(probe, location).of("container-limit", "judging by the container, not the machine"),
        reclaim(probe, location).of("memory-reclaim", "cleaning one cgroup, with evidence kept"),
        events(probe, location).of("event-control", "eventfds on a version 1 cgroup"),
    ]
}

fn controller(location: Option<&Location>) -> Finding {
    let Some(Location { version, directory, .. }) = location else {
        return Finding::fails("no memory cgroup of this process is mounted", MOUNT);
    };
    let (number, path) = (version.number(), directory.display());
    let statistics = directory.join("memory.stat");
    match std::fs::metadata(&statistics) {
        Ok(_) => Finding::works(format!("version {number}, {path}")),
        // The unified tree is mounted, and the memory controller isn't in it.
        Err(error) => Finding::fails(
            format!("version {number}, {}: {error}", statistics.display()),
            "enable the memory controller for this cgroup (cgroup.subtree_control)",
        ),
    }
}

fn limit(probe: &Probe, location: Option<&Location>) -> Finding {
    if location.is_none() {
        return Finding::fails("no memory cgroup of this process is mounted", MOUNT);
    }
    let sample = Machine::open_at(probe.root(), &Scope::Auto).and_then(|mut m| m.sample());
    match sample.map(|sample| sample.container) {
        Ok(Some(container)) => {
            Finding::works(format!("{} by {}", container.limit, container.path.display()))
        }
        Ok(None) => Finding::works("no cgroup up the tree limits memory: the machine counts"),
        Err(error) => Finding::unknown(error.to_string()),
    }
}

fn reclaim(probe: &Probe, location: Option<&Location>) -> Finding {
    match location {
        Some(Location { version: Version::V2, directory, .. }) => probe.writable(
            &directory.join("memory.reclaim"),
            "a kernel from 5.19 on, and a cgroup below the root",
        ),
        Some(_) => Finding::fails("the memory controller is of version 1", UNIFIED),
        None => Finding::fails("no memory cgroup of this process is mounted", MOUNT),
    }
}

fn events(probe: &Probe, location: Option<&Location>) -> Finding {
    match location {
        Some(Location { version: Version::V1, directory, .. }) => {
            probe.writable(&directory.join("cgroup.event_control"), "CONFIG_MEMCG_V1")
        }
        Some(_) => Finding::fails(
            "the memory controller is of version 2, which has memory.events and PSI instead",
            "nothing is missing: version 2 needs none",
        ),
        None => Finding::fails("no memory cgroup of this process is mounted", MOUNT),
    }
}
