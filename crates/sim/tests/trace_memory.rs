//! However long a trace is, reading it takes the same memory.

use std::io::{self, Read, Write};

use allocation_counter::measure;
use flate2::Compression;
use flate2::write::GzEncoder;
use memtide_core::page::Access;
use memtide_sim::Reference;
use memtide_sim::trace::{Format, Trace, TraceWriter, Unit, write_oracle_general};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// What reading may take, in bytes: buffers, a batch, and the window of a compression.
const MOST: u64 = 8 << 20;

/// The same bytes again and again, up to a length: a pipe that somebody writes into.
struct Repeated {
    bytes: Vec<u8>,
    at: usize,
    left: u64,
}

impl Read for Repeated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            self.at = 0;
        }
        let whole = self.at == 0 && self.left < self.bytes.len() as u64;
        if whole {
            return Ok(0);
        }
        let length = into.len().min(self.bytes.len() - self.at);
        into[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        self.left -= length as u64;
        Ok(length)
    }
}

/// Reads so many bytes; references, and the most bytes that were allocated at a time.
fn read(bytes: Vec<u8>, length: u64, format: Option<Format>) -> (u64, u64) {
    let mut references = 0;
    let info = measure(|| {
        let source = Repeated { bytes, at: 0, left: length };
        let mut trace = Trace::of_source("pipe", source, format).expect("a trace");
        let mut batch = Vec::new();
        while trace.read(&mut batch).expect("a good trace") {
            references += batch.len() as u64;
        }
    });
    (references, info.bytes_max)
}

fn lackey() -> Vec<u8> {
    let line = |n: u64| format!("I  {:08x},4\n L {:010x},8\n", 0x401_0000 + 4 * n, n << 13);
    (0..1_000).map(line).collect::<String>().into_bytes()
}

#[test]
fn two_hundred_megabytes_of_requests_take_no_more_than_a_few() {
    let mut bytes = Vec::new();
    write_oracle_general(&mut bytes, &(0..1_000).collect::<Vec<_>>()).expect("memory");
    let length = 200 << 20;
    let (references, most) = read(bytes, length, Some(Format::OracleGeneral));
    assert_eq!(references, length / 24_000 * 1_000);
    assert!(most < MOST, "{most} bytes");
}

#[test]
fn long_texts_take_no_more_than_a_few_megabytes() {
    let text: String = (0..1_000).map(|n| format!("{:#x} w\n", n << 16 | 0x10_0000)).collect();
    for (bytes, length) in [(lackey(), 64 << 20), (text.into_bytes(), 32 << 20)] {
        let (references, most) = read(bytes, length, None);
        assert!(references > 2_000_000, "{references}");
        assert!(most < MOST, "{most} bytes");
    }
}

#[test]
fn what_is_compressed_takes_no_more_than_its_window() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&lackey()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let zstd = compress_to_vec(&lackey()[..], CompressionLevel::Fastest);
    for bytes in [gzip, zstd] {
        let length = bytes.len() as u64 * 2_000;
        let (references, most) = read(bytes, length, None);
        assert_eq!(references, 2_000 * 2_000);
        assert!(most < MOST, "{most} bytes");
    }
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let (references, most) = {
        let noise = Repeated { bytes: vec![b'x'; 1 << 16], at: 0, left: 64 << 20 };
        let source = noise.chain(io::Cursor::new(b"\n L 1ffeffe7e0,8\n".to_vec()));
        let mut references = 0;
        let info = measure(|| {
            let mut trace =
                Trace::of_source("pipe", source, Some(Format::Lackey)).expect("a trace");
            let mut batch = Vec::new();
            while trace.read(&mut batch).expect("a good trace") {
                references += batch.len();
            }
        });
        (references, info.bytes_max)
    };
    assert_eq!(references, 1);
    assert!(most < MOST, "{most} bytes");
}

#[test]
fn writing_takes_a_block_however_much_is_written() {
    let batch: Vec<_> = (0..10_000_u64)
        .map(|n| Reference { address: 0x10_0000 + (n << 20), access: Access::Write })
        .collect();
    let info = measure(|| {
        let mut writer = TraceWriter::new(io::sink(), Unit::Byte).expect("a sink");
        for _ in 0..2_000 {
            writer.write(&batch).expect("a sink");
        }
        assert_eq!(writer.finish().expect("a sink").1.references, 20_000_000);
    });
    assert!(info.bytes_max < MOST, "{} bytes", info.bytes_max);
}
