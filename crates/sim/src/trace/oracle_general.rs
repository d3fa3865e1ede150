//! libCacheSim's oracleGeneral: packed records of 24 bytes, little-endian: the time in seconds
//! (u32), the object (u64), its size in bytes (u32), and the number of the next request of the
//! same object (i64; -1 or the largest number where there is none).
//!
//! Each record is one read of one object, which has a page of its own whatever its size. Time
//! and next request are not used.

use std::collections::HashMap;
use std::io::{self, Write};

use memtide_core::page::Access;
use rustc_hash::FxBuildHasher;

use super::addresses::Objects;
use super::error::{Fault, Place, TraceError};
use super::input::Input;
use super::{BATCH, Tally};
use crate::Reference;

/// Bytes of a record.
const RECORD: usize = 24;

const EXPECTED: &str = "records of 24 bytes";

/// A trace of requests.
#[derive(Debug)]
pub(super) struct OracleGeneral {
    input: Input,
    objects: Objects,
    tally: Tally,
}

impl OracleGeneral {
    pub(super) fn new(input: Input) -> Self {
        Self { input, objects: Objects::default(), tally: Tally::default() }
    }

    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The next references; none at the end.
    pub(super) fn read(&mut self, into: &mut Vec<Reference>) -> Result<(), TraceError> {
        while into.len() < BATCH {
            let (records, rest) = self.input.fill(RECORD)?.as_chunks::<RECORD>();
            if records.is_empty() {
                let left = rest.len();
                return self.end(left).map_err(|fault| fault.of(self.input.name()));
            }
            let records = &records[..records.len().min(BATCH - into.len())];
            for (number, record) in records.iter().enumerate() {
                if next_of(record) < NEXT_LEAST {
                    let bytes = number * RECORD + NEXT_AT;
                    self.input.consume(bytes);
                    let fault = wrong_next(self.input.place(), next_of_buffered(&self.input));
                    return Err(fault.of(self.input.name()));
                }
                let address = self.objects.address(id_of(record));
                into.push(Reference { address, access: Access::Read });
            }
            let count = records.len();
            self.tally.lines += count as u64;
            self.input.consume(count * RECORD);
        }
        Ok(())
    }

    fn end(&self, left: usize) -> Result<(), Fault> {
        if left > 0 {
            let within = format!("a record, after {left} bytes of it");
            return Err(Fault::truncated(self.input.place(), within, EXPECTED));
        }
        self.tally.end(EXPECTED)
    }
}

/// The size that is written for an object, in bytes.
const SIZE: u32 = 4096;

/// Writes requests of objects, each of a page, with the number of the next request of each. It
/// takes 16 bytes of memory a request.
///
/// # Errors
/// Where the sink takes no bytes.
pub fn write_oracle_general(sink: &mut impl Write, objects: &[u64]) -> io::Result<()> {
    let mut seen: HashMap<u64, i64, FxBuildHasher> = HashMap::default();
    let mut next = vec![-1_i64; objects.len()];
    for (number, (object, next)) in objects.iter().zip(&mut next).enumerate().rev() {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        *next = seen.insert(*object, number).unwrap_or(-1);
    }
    for (object, next) in objects.iter().zip(next) {
        let mut record = [0; RECORD];
        record[4..12].copy_from_slice(&object.to_le_bytes());
        record[12..16].copy_from_slice(&SIZE.to_le_bytes());
        record[NEXT_AT..].copy_from_slice(&next.to_le_bytes());
        sink.write_all(&record)?;
    }
    sink.flush()
}

/// Where the number of the next request lies in a record.
const NEXT_AT: usize = 16;

/// The least number of a next request that writers use: -1 is none, -2 was not set.
const NEXT_LEAST: i64 = -2;

fn wrong_next(place: Place, next: i64) -> Fault {
    let found = format!("{next} as the number of a next request");
    Fault::malformed(place, found, "-1 or a number of requests: is this oracleGeneral?")
}

fn next_of_buffered(input: &Input) -> i64 {
    input.buffered().first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// Bytes of a record as an array; the places are constants within it.
fn at<const N: usize>(record: &[u8; RECORD], place: usize) -> [u8; N] {
    record[place..].first_chunk().copied().unwrap_or([0; N])
}

fn time_of(record: &[u8; RECORD]) -> u32 {
    u32::from_le_bytes(at(record, 0))
}

#[inline]
fn id_of(record: &[u8; RECORD]) -> u64 {
    u64::from_le_bytes(at(record, 4))
}

#[inline]
fn next_of(record: &[u8; RECORD]) -> i64 {
    i64::from_le_bytes(at(record, NEXT_AT))
}

/// Whether the beginning of a file can be such records: times that do not go back, and next
/// requests that lie ahead.
pub(super) fn is_plausible(first: &[u8]) -> bool {
    let (records, _) = first.as_chunks::<RECORD>();
    let times_ascend = records.is_sorted_by_key(time_of);
    let is_ahead = |(number, record): (i64, &[u8; RECORD])| {
        let next = next_of(record);
        (NEXT_LEAST..=0).contains(&next) || next > number
    };
    !records.is_empty() && times_ascend && (0_i64..).zip(records).all(is_ahead)
}
