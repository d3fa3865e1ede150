//! /proc/swaps, /etc/fstab and the overcommit mode.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::commit::{parse_fstab, parse_overcommit, parse_swaps};

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(parse_swaps(text).len() <= lines && parse_fstab(text).len() <= lines);
    let _ = parse_overcommit(text);
});
