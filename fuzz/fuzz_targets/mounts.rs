//! /proc/self/mountinfo: no more mounts than lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::mounts;

fuzz_target!(|text: &[u8]| {
    let mounts = mounts::parse(text);
    assert!(mounts.len() <= text.split(|byte| *byte == b'\n').count());
    for mount in mounts {
        let _ = mount.has_option("memory");
    }
});
