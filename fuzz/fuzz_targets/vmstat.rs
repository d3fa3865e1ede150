//! /proc/vmstat, and the counts between two of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::vmstat::Vmstat;

fuzz_target!(|texts: (&[u8], &[u8])| {
    let (before, after) = (Vmstat::parse(texts.0), Vmstat::parse(texts.1));
    let since = after.since(&before);
    assert!(since.pgfault.is_none() || before.pgfault.is_some() && after.pgfault.is_some());
});
