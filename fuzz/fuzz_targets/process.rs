//! The files of a process, and the list of users.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::processes::{
    SmapsRollup, Stat, Statm, Status, capabilities, parse_passwd,
};

fuzz_target!(|text: &[u8]| {
    if let Some(stat) = Stat::parse(text) {
        // Between the outermost parentheses, whatever the name holds.
        let around = [b"(", stat.name, b")"].concat();
        assert!(text.windows(around.len()).any(|window| window == around), "{stat:?}");
    }
    let _ = Statm::parse(text);
    let status = Status::parse(text);
    assert!(status.name.as_ref().is_none_or(|name| name.len() <= text.len()));
    let _ = (status.commit(), status.shared());
    let rollup = SmapsRollup::parse(text);
    let _ = (rollup.private(), rollup.shared());
    let _ = (capabilities::effective(text), capabilities::has_filter(text));
    let _ = parse_passwd(text);
});
