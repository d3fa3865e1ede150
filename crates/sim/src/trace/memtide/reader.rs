//! Reads our own format.

use super::codec::{self, REFERENCE_MAX};
use super::{BLOCK_HEADER, BLOCK_MAX, END, HEADER, MAGIC, VERSION};
use crate::Reference;
use crate::trace::Tally;
use crate::trace::error::{Fault, Place, Problem, TraceError, quoted};
use crate::trace::input::Input;

const EXPECTED: &str = "a memtide trace with references";

/// The largest unit: a page.
const SHIFT_MAX: u8 = 12;

/// A trace in our format.
#[derive(Debug)]
pub(in crate::trace) struct Memtide {
    input: Input,
    shift: u32,
    /// A block, with room behind it.
    block: Vec<u8>,
    is_ended: bool,
    tally: Tally,
}

/// What stands before a block.
#[derive(Clone, Copy, Debug)]
struct BlockHeader {
    place: Place,
    references: usize,
    bytes: usize,
    checksum: u32,
}

impl Memtide {
    /// Reads the header.
    pub(in crate::trace) fn new(mut input: Input) -> Result<Self, TraceError> {
        let mut header = [0; HEADER];
        let count = input.read_whole(&mut header)?;
        let shift = check(&header, count).map_err(|fault| fault.of(input.name()))?;
        let block = Vec::with_capacity(BLOCK_MAX + REFERENCE_MAX);
        Ok(Self { input, shift, block, is_ended: false, tally: Tally::default() })
    }

    pub(in crate::trace) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The references of the next block; none at the end.
    pub(in crate::trace) fn read(&mut self, into: &mut Vec<Reference>) -> Result<(), TraceError> {
        if self.is_ended {
            return Ok(());
        }
        let header = self.next_header()?;
        let place = self.input.place();
        let fault = match self.next_block(header)? {
            Err(fault) => Some(fault),
            Ok(()) if header.references == 0 => self.end().err(),
            Ok(()) => {
                let decoded = codec::decode(&self.block, header.references, self.shift, into);
                self.tally.lines += into.len() as u64;
                decoded.err().map(|damage| within(place, damage))
            }
        };
        if let Some(fault) = fault {
            return Err(fault.of(self.input.name()));
        }
        if self.is_ended && !self.input.fill(1)?.is_empty() {
            let found = format!("{} behind the end mark", quoted(self.input.buffered()));
            let fault = Fault::malformed(self.input.place(), found, "the end of the file");
            return Err(fault.of(self.input.name()));
        }
        Ok(())
    }

    fn next_header(&mut self) -> Result<BlockHeader, TraceError> {
        let place = self.input.place();
        let mut header = [0; BLOCK_HEADER];
        let count = self.input.read_whole(&mut header)?;
        let [references, bytes, checksum] = words(&header);
        let fault = if count < BLOCK_HEADER {
            let within = format!("the header of a block, after {count} bytes of it");
            Fault::truncated(place, within, "12 bytes, and an end mark behind all blocks")
        } else if bytes as usize > BLOCK_MAX || references > bytes {
            let found = format!("a block of {references} references in {bytes} bytes");
            Fault::malformed(place, found, "at most 1048576 bytes, and a byte a reference at least")
        } else {
            let (references, bytes) = (references as usize, bytes as usize);
            return Ok(BlockHeader { place, references, bytes, checksum });
        };
        Err(fault.of(self.input.name()))
    }

    /// Reads a block whole, and proves its checksum.
    fn next_block(&mut self, header: BlockHeader) -> Result<Result<(), Fault>, TraceError> {
        self.block.clear();
        self.block.resize(header.bytes + REFERENCE_MAX, 0);
        let place = self.input.place();
        let count = self.input.read_whole(&mut self.block[..header.bytes])?;
        if count < header.bytes {
            let within = format!("a block of {} bytes, after {count} of them", header.bytes);
            return Ok(Err(Fault::truncated(place, within, "the rest of the block")));
        }
        let checksum = crc32fast::hash(&self.block[..header.bytes]);
        if checksum != header.checksum {
            let found = format!("a block with the checksum {checksum:#010x}");
            let place = header.place;
            return Ok(Err(Fault::malformed(place, found, "the checksum that stands before it")));
        }
        Ok(Ok(()))
    }

    /// The end mark: as many references as there were.
    fn end(&mut self) -> Result<(), Fault> {
        self.is_ended = true;
        let place = self.input.place();
        let length = self.block.len() - REFERENCE_MAX;
        let total = self.block.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let read = self.tally.lines;
        if length != END || total != Some(read) {
            let total = total.unwrap_or_default();
            let found = format!("an end mark of {length} bytes for {total} references");
            let problem = Problem::Malformed { found, expected: "8 bytes, for as many as came" };
            return Err(Fault { place: Some(place), problem });
        }
        self.tally.end(EXPECTED)
    }
}

fn within(block: Place, damage: codec::Damage) -> Fault {
    let place = match block {
        Place::Byte(byte) => Place::Byte(byte + damage.at as u64),
        place @ Place::Line(_) => place,
    };
    Fault::malformed(place, damage.found.to_owned(), "references as docs/TRACES.md has them")
}

/// Proves the header; returns the unit of addresses.
fn check(header: &[u8; HEADER], count: usize) -> Result<u32, Fault> {
    let place = Place::Byte(0);
    let magic = &header[..count.min(MAGIC.len())];
    if !MAGIC.starts_with(magic) {
        return Err(Fault::malformed(place, quoted(magic), "the magic \"MEMTIDE\\x1a\""));
    }
    if count < HEADER {
        let within = format!("the header, after {count} bytes of it");
        return Err(Fault::truncated(place, within, "16 bytes"));
    }
    let [.., version_low, version_high, shift, _, _, _, _, _] = *header;
    let version = u16::from_le_bytes([version_low, version_high]);
    if version != VERSION {
        let found = format!("version {version}");
        return Err(Fault::malformed(Place::Byte(8), found, "version 1"));
    }
    if shift > SHIFT_MAX {
        let found = format!("a unit of 2^{shift} bytes");
        return Err(Fault::malformed(Place::Byte(10), found, "at most a page, 2^12 bytes"));
    }
    Ok(u32::from(shift))
}

fn words(header: &[u8; BLOCK_HEADER]) -> [u32; 3] {
    let (words, _) = header.as_chunks::<4>();
    let word = |index: usize| words.get(index).map_or(0, |word| u32::from_le_bytes(*word));
    [word(0), word(1), word(2)]
}
