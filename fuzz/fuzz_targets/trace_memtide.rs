//! Our own format: any bytes, and any bytes as a block whose header is right, so that they are
//! looked at. What is read reads the same once it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_fuzz::read;
use memtide_sim::trace::{Format, TraceWriter, Unit};

/// A file with one block of these bytes, in units of 2^`shift` bytes.
fn framed(shift: u8, references: u32, block: &[u8]) -> Vec<u8> {
    let mut file = b"MEMTIDE\x1a\x01\0".to_vec();
    file.extend([shift, 0, 0, 0, 0, 0]);
    let end = u64::from(references).to_le_bytes();
    for (references, bytes) in [(references, block), (0, &end[..])] {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        for word in [references, length, crc32fast::hash(bytes)] {
            file.extend(word.to_le_bytes());
        }
        file.extend(bytes);
    }
    file
}

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, Some(Format::Memtide));
    let [shift, low, high, block @ ..] = bytes else { return };
    let references = u32::from(u16::from_le_bytes([*low, *high]));
    let Ok(found) = read(&framed(*shift, references, block), Some(Format::Memtide)) else {
        return;
    };
    let mut again = Vec::new();
    let mut writer = TraceWriter::new(&mut again, Unit::Byte).expect("memory takes bytes");
    writer.write(&found).expect("what was read can be written");
    writer.finish().expect("memory takes bytes");
    assert_eq!(read(&again, None).expect("what was written can be read"), found);
});
