//! PSI: the file, triggers on it, and the cgroup's own.

use super::probe::Probe;
use crate::doctor::{Capability, Finding};
use crate::linux::cgroup::{Location, Version};
use crate::linux::pressure::Pressure;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

const NO_PSI: &str = "a kernel with CONFIG_PSI (since 4.20), booted with psi=1";

/// A window of 500 ms needs CAP_SYS_RESOURCE, one of 2 s doesn't. The kernel overwrites the last
/// byte written, so it is one to spare.
const SHORT: &[u8] = b"some 100000 500000\0";
const LONG: &[u8] = b"some 100000 2000000\0";

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    let path = probe.path("proc/pressure/memory");
    let counted = match probe.read("proc/pressure/memory") {
        Ok(text) => match Pressure::parse(&text).some {
            Some(line) => Finding::works(format!("{} µs of stall counted", line.total_us)),
            None => Finding::unknown(format!("{} holds no 'some' line", path.display())),
        },
        // A kernel built with PSI and booted without it refuses the open.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            Finding::fails(format!("opening {}: {error}", path.display()), "boot with psi=1")
        }
        Err(error) => Probe::refused("reading", &path, &error, NO_PSI),
    };
    vec![
        counted.of("psi", "evidence of stalls, beside what is available"),
        triggers(&path).of("psi-triggers", "being woken by the kernel when a stall begins"),
        of_the_cgroup(probe).of("psi-cgroup", "stalls of this container alone"),
    ]
}

fn set(path: &Path, trigger: &[u8]) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(path)?.write_all(trigger)
}

fn triggers(path: &Path) -> Finding {
    let short = match set(path, SHORT) {
        Ok(()) => return Finding::works("a trigger with a window of 500 ms was accepted"),
        Err(error) => error,
    };
    match set(path, LONG) {
        Ok(()) => Finding::works(format!(
            "windows of whole 2 s only, so up to 2 s late: 500 ms gave {short}"
        ))
        .with_remedy("CAP_SYS_RESOURCE, for windows from 500 ms"),
        Err(long) if long.raw_os_error() == Some(libc::EPERM) => Finding::fails(
            format!("a trigger: {long}"),
            "CAP_SYS_RESOURCE, or a kernel from 6.4 on",
        ),
        Err(long) => Probe::refused("setting a trigger on", path, &long, NO_PSI),
    }
}

fn of_the_cgroup(probe: &Probe) -> Finding {
    match Location::of_this_process(probe.root()) {
        None => Finding::fails("this process has no memory cgroup", "a mounted cgroup2"),
        Some(Location { version: Version::V1, directory, .. }) => Finding::fails(
            format!("{} is a cgroup of version 1, which counts none", directory.display()),
            "boot with cgroup_no_v1=memory systemd.unified_cgroup_hierarchy=1",
        ),
        Some(Location { version: Version::V2, directory, .. }) => {
            let absent = "a cgroup below the root, with CONFIG_PSI";
            probe.readable(&directory.join("memory.pressure"), absent)
        }
    }
}
