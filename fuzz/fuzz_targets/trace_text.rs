//! A number a line, as addresses, as names, and as the first line says: read or
//! refused, and what is read lies where a program may reach.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_fuzz::read;
use memtide_sim::trace::Format;

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Text, Format::Addresses, Format::Ids] {
        let _ = read(bytes, Some(format));
    }
});
