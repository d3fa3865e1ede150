//! The files of memory cgroups, of both versions, and /proc/PID/cgroup.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::cgroup::{MemoryStat, Version, parse_limit, parse_proc_cgroup};

fuzz_target!(|text: &[u8]| {
    for version in [Version::V1, Version::V2] {
        let stat = MemoryStat::parse(text, version);
        if let (Some(sum), Some(active)) = (stat.reclaimable(), stat.active_file) {
            assert!(sum >= active, "{stat:?}");
        }
    }
    let _ = (parse_limit(text), parse_proc_cgroup(text));
});
