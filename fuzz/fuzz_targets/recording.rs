//! Recorded runs and snapshots: any bytes as a file, and any bytes as what a whole file holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_recording::{Kind, LogReader, Record, load, pack};

fn read_log(bytes: &[u8]) {
    let Ok(mut reader) = LogReader::new(bytes) else { return };
    let mut events = 0u64;
    while let Ok(Some(record)) = reader.record() {
        match record {
            Record::Event(_) | Record::Name(..) => events += 1,
            Record::End(_) => break,
        }
        assert!(events <= bytes.len() as u64 * 1024, "an event takes room");
    }
}

fuzz_target!(|bytes: &[u8]| {
    read_log(bytes);
    let _ = load(bytes);
    if let Ok(whole) = pack(Kind::Log, bytes) {
        read_log(&whole);
    }
});
