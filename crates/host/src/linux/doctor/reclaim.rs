//! What takes memory back: from a node, a process, the caches.

use super::probe::Probe;
use crate::doctor::{Capability, Finding, Verdict};
use crate::linux::system_calls::may_advise;
use rustix::fd::AsFd;
use rustix::process::{Pid, PidfdFlags, getpid, getppid, pidfd_open};
use std::io;

const RUN: &str = "sys/kernel/mm/ksm/run";

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    let node = probe.path("sys/devices/system/node/node0/reclaim");
    let (drop_caches, compact) =
        (probe.path("proc/sys/vm/drop_caches"), probe.path("proc/sys/vm/compact_memory"));
    vec![
        probe
            .writable(&node, "a kernel from about 6.17 on, with CONFIG_NUMA")
            .of("node-reclaim", "cleaning the whole machine, with evidence kept"),
        probe
            .writable(&drop_caches, "a /proc/sys that is not masked")
            .of("drop-caches", "dropping clean caches; leaves no evidence of refaults"),
        probe
            .writable(&compact, "a kernel with CONFIG_COMPACTION")
            .of("compact-memory", "moving pages together; frees nothing"),
        advice(probe, Some(getpid())).of("process-madvise", "paging out this process"),
        advice(probe, getppid()).of("process-madvise-others", "paging out other processes"),
        same_pages(probe).of("ksm", "combining equal pages of programs that allow it"),
    ]
}

fn advice(probe: &Probe, process: Option<Pid>) -> Finding {
    let Some(process) = process else {
        return Finding::unknown("this process has no parent here to try it on");
    };
    let pidfd = pidfd_open(process, PidfdFlags::empty()).map_err(io::Error::from);
    let tried = pidfd.and_then(|pidfd| may_advise(pidfd.as_fd()));
    match tried {
        Ok(()) => Finding::works(format!(
            "process {} accepts advice on no range",
            process.as_raw_nonzero()
        )),
        Err(error) => {
            let permitted = "CAP_SYS_NICE and CAP_SYS_PTRACE (run as root)";
            probe.call_failed("process_madvise", &error, "a kernel from 5.10 on", permitted)
        }
    }
}

fn same_pages(probe: &Probe) -> Finding {
    let path = probe.path(RUN);
    let run = probe.read(RUN);
    if run.as_deref().map(<[u8]>::trim_ascii).is_ok_and(|value| value == b"1") {
        return Finding::works(format!("{} is 1: equal pages are merged", path.display()));
    }
    let finding = probe.writable(&path, "a kernel with CONFIG_KSM");
    // It would work, once someone starts it.
    match finding.verdict() {
        Verdict::Works => finding.with_remedy(format!("write 1 to {}", path.display())),
        Verdict::Fails | Verdict::Unknown => finding,
    }
}
