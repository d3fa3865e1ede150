//! What tells of single pages: of the machine, of files, of processes.

use super::probe::Probe;
use crate::doctor::{Capability, Finding};
use crate::linux::system_calls::{may_ask_for_cache, may_scan_pages};
use rustix::fd::AsFd;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io;

const NO_MONITOR: &str = "a kernel with CONFIG_PROC_PAGE_MONITOR";

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    let readable = |path: &str| probe.readable(&probe.path(path), NO_MONITOR);
    vec![
        readable("proc/kpageflags").of("kpageflags", "the state of each frame"),
        readable("proc/kpagecount").of("kpagecount", "how often each frame is mapped"),
        readable("proc/kpagecgroup").of("kpagecgroup", "which cgroup each frame is charged to"),
        readable("proc/self/smaps_rollup").of("pss", "how this user's processes share memory"),
        of_others(probe).of("pss-others", "how everyone's processes share memory"),
        cached_pages(probe).of("cachestat", "how much of a file is cached, and was evicted"),
        scan(probe).of("pagemap-scan", "ranges of memory by state, and written pages"),
    ]
}

fn of_others(probe: &Probe) -> Finding {
    if !probe.path("proc/1").exists() {
        return Finding::fails("process 1 cannot be seen", "what 'processes' says");
    }
    probe.readable(&probe.path("proc/1/smaps_rollup"), NO_MONITOR)
}

fn cached_pages(probe: &Probe) -> Finding {
    // Asked about a file of its own: the kernel tells an owner, not anyone.
    let file = memfd_create("memtide-doctor", MemfdFlags::CLOEXEC).map_err(io::Error::from);
    match file.and_then(|file| may_ask_for_cache(file.as_fd())) {
        Ok(()) => Finding::works("a file of this process is answered for"),
        Err(error) => {
            probe.call_failed("cachestat", &error, "a kernel from 6.5 on", "a file of one's own")
        }
    }
}

fn scan(probe: &Probe) -> Finding {
    let tried = File::open("/proc/self/pagemap").and_then(|file| may_scan_pages(file.as_fd()));
    match tried {
        Ok(()) => Finding::works("an empty range of this process was scanned"),
        Err(error) => {
            let absent = "a kernel from 6.7 on, with CONFIG_PROC_PAGE_MONITOR";
            probe.call_failed("PAGEMAP_SCAN", &error, absent, "a process of one's own")
        }
    }
}
