//! What a search for listeners reads: flags of open files, and waiter counts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::objects::parse_fdinfo_flags;
use memtide_host::objects::Waiters;

fuzz_target!(|bytes: &[u8]| {
    if let Some(waiters) = Waiters::decode(bytes) {
        assert_eq!(waiters.encode(), bytes, "what is read is what was written");
    }
    let _ = parse_fdinfo_flags(bytes);
});
