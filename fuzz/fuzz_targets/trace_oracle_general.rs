//! libCacheSim's requests of objects: read or
//! refused, and what is read lies where a program may reach.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_fuzz::read;
use memtide_sim::trace::Format;

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, Some(Format::OracleGeneral));
});
