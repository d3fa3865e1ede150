//! A trace of any format, compressed or not: recognised and read, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_fuzz::read;

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, None);
});
