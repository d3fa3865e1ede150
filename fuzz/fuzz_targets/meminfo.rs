//! /proc/meminfo, and the page lists it amounts to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::meminfo::Meminfo;

fuzz_target!(|text: &[u8]| {
    let meminfo = Meminfo::parse(text);
    let lists = meminfo.lists();
    let _ = (lists.unattributed(), lists.in_use.total());
    let _ = (meminfo.paged_pool(), meminfo.nonpaged_pool());
    assert!(lists.total.is_some() || meminfo.total.is_none());
});
