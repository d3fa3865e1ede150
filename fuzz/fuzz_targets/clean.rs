//! What a clean reads: free blocks by size, what processors hold, mappings, and whether pages may
//! be merged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_core::units::Bytes;
use memtide_host::linux::buddyinfo::Buddyinfo;
use memtide_host::linux::{ksm, smaps, zoneinfo};

fuzz_target!(|text: &[u8]| {
    if let Some(info) = Buddyinfo::parse(text) {
        let all = info.in_blocks_of(0);
        assert!((0..64).all(|order| info.in_blocks_of(order) <= all), "{info:?}");
    }
    for mapping in smaps::parse(text) {
        assert!(mapping.length() > Bytes::ZERO, "{mapping:?}");
    }
    let _ = (smaps::parse_rollup(text), ksm::parse_mergeable(text));
    let _ = zoneinfo::parse_held_by_processors(text);
});
