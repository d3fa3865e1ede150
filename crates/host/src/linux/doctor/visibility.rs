//! Whose processes can be seen, and what this process may do.

use super::probe::Probe;
use crate::doctor::{Capability, Finding};
use crate::linux::mounts;
use crate::linux::processes::capabilities;

/// The capabilities that Memtide has a use for. Source: capabilities(7).
const USED: [(&str, u32); 5] = [
    ("CAP_DAC_OVERRIDE", 1),
    ("CAP_SYS_PTRACE", 19),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_SYS_NICE", 23),
    ("CAP_SYS_RESOURCE", 24),
];

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    vec![
        processes(probe).of("processes", "seeing the processes of every user"),
        privileges(probe).of("privileges", "what the kernel permits this process"),
    ]
}

fn processes(probe: &Probe) -> Finding {
    let mounts = probe.read("proc/self/mountinfo").map(|text| mounts::parse(&text));
    let mounts = mounts.unwrap_or_default();
    let proc = mounts.iter().rfind(|m| m.kind == "proc" && m.point.ends_with("proc"));
    let hiding = proc.and_then(|mount| {
        let mut options = mount.options.split(',');
        options.find_map(|option| option.strip_prefix("hidepid=")).filter(|how| *how != "0")
    });
    // There is a first process in every machine and every container.
    let first = probe.read("proc/1/stat");
    match (hiding, first) {
        (None, Ok(_)) => Finding::works("/proc shows every process"),
        (Some(how), Ok(_)) => {
            Finding::works(format!("/proc has hidepid={how}, and this process sees all the same"))
        }
        (Some(how), Err(error)) => Finding::fails(
            format!("/proc has hidepid={how}: process 1 gives {error}"),
            "run as root, or as a member of the group that /proc is mounted for (gid=)",
        ),
        (None, Err(error)) => Finding::unknown(format!("process 1 gives {error}")),
    }
}

fn privileges(probe: &Probe) -> Finding {
    let status = probe.read("proc/self/status").unwrap_or_default();
    let Some(held) = capabilities::effective(&status) else {
        return Finding::unknown("/proc/self/status tells of no capabilities");
    };
    let names = |wanted: bool| {
        let is = |bit: u32| held & (1 << bit) != 0;
        let names = USED.iter().filter(|(_, bit)| is(*bit) == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    let (has, lacks) = (names(true), names(false));
    match (has.is_empty(), lacks.is_empty()) {
        (_, true) => Finding::works(has),
        (false, false) => {
            Finding::works(format!("{has}; not {lacks}")).with_remedy(format!("grant {lacks}"))
        }
        (true, false) => Finding::fails(format!("none of {lacks}"), "run as root"),
    }
}
