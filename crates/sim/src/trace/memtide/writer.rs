//! Writes our own format.

use std::io::{self, Write};

use super::codec::{self, Last, REFERENCE_MAX};
use super::{BLOCK_MAX, MAGIC, VERSION};
use crate::Reference;
use crate::trace::BATCH;

/// What addresses are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes.
    Byte,
    /// Pages: the place within a page is lost, and the file smaller.
    Page,
}

impl Unit {
    const fn shift(self) -> u8 {
        match self {
            Self::Byte => 0,
            Self::Page => 12,
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// References.
    pub references: u64,
    /// Bytes of the whole file.
    pub bytes: u64,
}

/// Writes references in Memtide's own format.
///
/// A file is whole once [`finish`](Self::finish) has returned; what lacks its end mark is refused
/// by whoever reads it.
#[derive(Debug)]
pub struct TraceWriter<W> {
    sink: W,
    unit: Unit,
    last: Last,
    block: Vec<u8>,
    /// References in the block.
    count: u32,
    written: Written,
}

impl<W: Write> TraceWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Where the sink takes no bytes.
    pub fn new(mut sink: W, unit: Unit) -> io::Result<Self> {
        let mut header = Vec::with_capacity(super::HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend([unit.shift(), 0, 0, 0, 0, 0]);
        sink.write_all(&header)?;
        let written = Written { references: 0, bytes: header.len() as u64 };
        let block = Vec::with_capacity(BLOCK_MAX);
        Ok(Self { sink, unit, last: Last::default(), block, count: 0, written })
    }

    /// Writes references that a [`Trace`](crate::trace::Trace) gave.
    ///
    /// # Errors
    /// Where the sink takes no bytes, or an address is none that a program may use.
    pub fn write(&mut self, references: &[Reference]) -> io::Result<()> {
        for reference in references {
            if !crate::trace::addresses::is_usable(reference.address) {
                let problem = format!("a program may not use the address {:#x}", reference.address);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
            }
            let place = reference.address >> self.unit.shift();
            codec::encode(&mut self.block, &mut self.last, place, reference.access);
            self.count += 1;
            let is_full = self.block.len() + REFERENCE_MAX > BLOCK_MAX;
            if self.count as usize == BATCH || is_full {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// Writes the end mark; the sink, and what was written.
    ///
    /// # Errors
    /// Where the sink takes no bytes.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        if self.count > 0 {
            self.end_block()?;
        }
        self.block.extend(self.written.references.to_le_bytes());
        self.end_block()?;
        self.sink.flush()?;
        Ok((self.sink, self.written))
    }

    fn end_block(&mut self) -> io::Result<()> {
        let bytes = u32::try_from(self.block.len()).unwrap_or(u32::MAX);
        let checksum = crc32fast::hash(&self.block);
        for word in [self.count, bytes, checksum] {
            self.sink.write_all(&word.to_le_bytes())?;
        }
        self.sink.write_all(&self.block)?;
        self.written.references += u64::from(self.count);
        self.written.bytes += (super::BLOCK_HEADER + self.block.len()) as u64;
        self.block.clear();
        (self.count, self.last) = (0, Last::default());
        Ok(())
    }
}
