//! PSI files: a share is never more than the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_host::linux::pressure::Pressure;

fuzz_target!(|text: &[u8]| {
    let pressure = Pressure::parse(text);
    for line in [pressure.some, pressure.full].into_iter().flatten() {
        assert!(line.avg10.0 <= 1000, "{line:?}");
    }
    assert_eq!(pressure.stall().is_some(), pressure.some.is_some());
});
