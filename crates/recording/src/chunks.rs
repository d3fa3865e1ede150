//! The container of both files: a magic, a version, then chunks up to an empty one.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic |
//! | 4 | version |
//! | *a chunk:* 4 | bytes packed; 0 in the last chunk |
//! | 4 | bytes unpacked, at most 1 MiB |
//! | 8 | XXH3 of the packed bytes, with the number of the chunk as its seed |
//! | … | the packed bytes: raw deflate |
//!
//! Numbers are little-endian.
//!
//! # Invariants
//! - No byte of a chunk is handed out before its checksum and its size are right.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use twox_hash::XxHash3_64;

use crate::error::RecordingError;
use crate::{Kind, MAGIC_BYTES};

/// Unpacked bytes of a chunk: enough to compress well, and little to lose at a crash.
const CHUNK: usize = 1 << 20;

/// The most that a chunk packs to: what does not get smaller is stored with a few bytes a block.
const PACKED_MAX: usize = CHUNK + CHUNK / 16;

const HEAD: usize = 16;

/// Writes a file.
pub(crate) struct ChunkWriter<W: Write> {
    inner: W,
    buffer: Vec<u8>,
    packed: Vec<u8>,
    chunk: u64,
    /// What went wrong: who encodes into this does not pass it on.
    failure: Option<io::Error>,
}

impl<W: Write> ChunkWriter<W> {
    /// Begins a file.
    pub(crate) fn new(mut inner: W, kind: Kind) -> io::Result<Self> {
        inner.write_all(&kind.magic())?;
        inner.write_all(&kind.version().to_le_bytes())?;
        let buffer = Vec::with_capacity(CHUNK);
        Ok(Self { inner, buffer, packed: Vec::new(), chunk: 0, failure: None })
    }

    /// Why writing failed.
    pub(crate) const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        self.packed.clear();
        if !self.buffer.is_empty() {
            let mut packing = DeflateEncoder::new(&mut self.packed, Compression::fast());
            packing.write_all(&self.buffer)?;
            packing.finish()?;
        }
        self.inner.write_all(&length(self.packed.len()).to_le_bytes())?;
        self.inner.write_all(&length(self.buffer.len()).to_le_bytes())?;
        let hash = XxHash3_64::oneshot_with_seed(self.chunk, &self.packed);
        self.inner.write_all(&hash.to_le_bytes())?;
        self.inner.write_all(&self.packed)?;
        self.buffer.clear();
        self.chunk += 1;
        Ok(())
    }

    /// Ends the file with what is left and the mark that says so.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.buffer.is_empty() {
            self.end_chunk()?;
        }
        self.end_chunk()?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

/// A whole file of this kind that holds these bytes, whatever they are: for who tests readers.
///
/// # Errors
/// None: memory takes everything.
pub fn pack(kind: Kind, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut chunks = ChunkWriter::new(Vec::new(), kind)?;
    chunks.write_all(bytes)?;
    chunks.finish()
}

/// A length that a chunk can have.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK
            && let Err(error) = self.end_chunk()
        {
            let kind = error.kind();
            self.failure = Some(error);
            return Err(kind.into());
        }
        Ok(taken)
    }

    /// Passes on what is packed; a chunk ends when it is full, or with the file.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads a file.
pub(crate) struct ChunkReader<R: Read> {
    inner: R,
    kind: Kind,
    unpacked: Vec<u8>,
    at: usize,
    packed: Vec<u8>,
    chunk: u64,
    offset: u64,
    is_ended: bool,
    /// What went wrong: [`Read`] cannot say it in full.
    failure: Option<RecordingError>,
}

impl<R: Read> ChunkReader<R> {
    /// Opens a file.
    pub(crate) fn new(mut inner: R, kind: Kind) -> Result<Self, RecordingError> {
        let what = kind.word();
        let mut head = [0; MAGIC_BYTES + 4];
        let read = read_up_to(&mut inner, &mut head)?;
        if Kind::of(&head[..read]) != Some(kind) {
            let magic = String::from_utf8_lossy(&kind.magic()).into_owned();
            return Err(RecordingError::Magic { expected: what, magic });
        }
        let offset = u64::try_from(read).unwrap_or(u64::MAX);
        if read < head.len() {
            return Err(RecordingError::Truncated { what, offset, chunk: 0 });
        }
        let mut version = [0; 4];
        version.copy_from_slice(&head[MAGIC_BYTES..]);
        let (found, expected) = (u32::from_le_bytes(version), kind.version());
        if found != expected {
            return Err(RecordingError::Version { what, found, expected });
        }
        let (unpacked, packed) = (Vec::new(), Vec::new());
        let (at, chunk, is_ended, failure) = (0, 0, false, None);
        Ok(Self { inner, kind, unpacked, at, packed, chunk, offset, is_ended, failure })
    }

    /// Why reading failed, where it was not what the file said.
    pub(crate) const fn take_failure(&mut self) -> Option<RecordingError> {
        self.failure.take()
    }

    /// Expects that everything has been read.
    pub(crate) fn finish(&mut self) -> Result<(), RecordingError> {
        let rest = match self.next_chunk() {
            Ok(()) if self.at < self.unpacked.len() => "more than was expected",
            Ok(()) if !self.is_ended => "more than was expected",
            Ok(()) => return Ok(()),
            Err(error) => return Err(error),
        };
        Err(self.damaged(rest.to_owned()))
    }

    fn damaged(&self, problem: String) -> RecordingError {
        let (what, offset, chunk) = (self.kind.word(), self.offset, self.chunk);
        RecordingError::Damaged { what, offset, chunk, problem }
    }

    fn truncated(&self, read: usize) -> RecordingError {
        let offset = self.offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        RecordingError::Truncated { what: self.kind.word(), offset, chunk: self.chunk }
    }

    /// Makes the next chunk the current one, where the current one is read.
    fn next_chunk(&mut self) -> Result<(), RecordingError> {
        if self.at < self.unpacked.len() || self.is_ended {
            return Ok(());
        }
        let mut head = [0; HEAD];
        let read = read_up_to(&mut self.inner, &mut head)?;
        if read < HEAD {
            return Err(self.truncated(read));
        }
        let (packed, unpacked, hash) = fields(&head);
        if (packed == 0) != (unpacked == 0) || unpacked > CHUNK || packed > PACKED_MAX {
            let problem = format!("it claims {packed} bytes that unpack to {unpacked}");
            return Err(self.damaged(problem));
        }
        self.packed.resize(packed, 0);
        let read = read_up_to(&mut self.inner, &mut self.packed)?;
        if read < packed {
            return Err(self.truncated(HEAD + read));
        }
        let found = XxHash3_64::oneshot_with_seed(self.chunk, &self.packed);
        if found != hash {
            return Err(self.damaged(format!("its checksum is {found:016x}, not {hash:016x}")));
        }
        self.unpack(packed, unpacked)?;
        self.chunk += 1;
        self.offset += u64::try_from(HEAD + packed).unwrap_or(u64::MAX);
        Ok(())
    }

    fn unpack(&mut self, packed: usize, unpacked: usize) -> Result<(), RecordingError> {
        self.at = 0;
        self.unpacked.resize(unpacked, 0);
        if packed == 0 {
            self.unpacked.clear();
            self.is_ended = true;
            let mut more = [0; 1];
            if read_up_to(&mut self.inner, &mut more)? > 0 {
                return Err(self.damaged("the file goes on behind its end".to_owned()));
            }
            return Ok(());
        }
        let mut unpacking = DeflateDecoder::new(&self.packed[..]);
        let found = read_up_to(&mut unpacking, &mut self.unpacked);
        let found = found.map_err(|error| self.damaged(error.to_string()))?;
        if found < unpacked {
            return Err(self.damaged(format!("it unpacks to {found} bytes, not {unpacked}")));
        }
        match read_up_to(&mut unpacking, &mut [0; 1]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged(format!("it unpacks to more than {unpacked} bytes"))),
            Err(error) => Err(self.damaged(error.to_string())),
        }
    }
}

/// The fields of a chunk's head.
fn fields(head: &[u8; HEAD]) -> (usize, usize, u64) {
    let (mut packed, mut unpacked, mut hash) = ([0; 4], [0; 4], [0; 8]);
    packed.copy_from_slice(&head[..4]);
    unpacked.copy_from_slice(&head[4..8]);
    hash.copy_from_slice(&head[8..]);
    let wide = |bytes| usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX);
    (wide(packed), wide(unpacked), u64::from_le_bytes(hash))
}

/// Fills a buffer as far as the file goes.
fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.unpacked.len()
            && let Err(error) = self.next_chunk()
        {
            let told = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
            self.failure = Some(error);
            return Err(told);
        }
        let left = &self.unpacked[self.at..];
        let taken = left.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&left[..taken]);
        self.at += taken;
        Ok(taken)
    }
}
