//! The bytes of a trace: from a file, a pipe or memory, decompressed where they are compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::error::{Place, Problem, TraceError};
use super::zstd::Zstd;

/// What is read at a time, and the most that is kept.
const BUFFER: usize = 1 << 18;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a trace, kept as long as somebody looks at them.
pub(super) struct Input {
    name: String,
    source: Box<dyn Read + Send>,
    is_compressed: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` lies, from the beginning.
    offset: u64,
    is_ended: bool,
    progress: Progress,
}

/// How much of a file was read.
#[derive(Clone, Debug)]
pub struct Progress {
    read: Arc<AtomicU64>,
    references: Arc<AtomicU64>,
    /// Bytes of the whole file, where that is known.
    pub total: Option<u64>,
}

impl Progress {
    /// Bytes of the file that were read, compressed ones where it is compressed.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// References that were read.
    #[must_use]
    pub fn references(&self) -> u64 {
        self.references.load(Ordering::Relaxed)
    }

    pub(super) fn add_references(&self, count: u64) {
        self.references.fetch_add(count, Ordering::Relaxed);
    }
}

/// Counts what is read.
struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).field("offset", &self.offset).finish()
    }
}

impl Input {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let name = path.display().to_string();
        let failed =
            |error| TraceError { file: name.clone(), place: None, problem: Problem::Open(error) };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        let total = about.is_file().then_some(about.len());
        Self::new(name, file, total)
    }

    /// Takes what a source gives, such as a pipe.
    pub(super) fn new(
        name: String,
        source: impl Read + Send + 'static,
        total: Option<u64>,
    ) -> Result<Self, TraceError> {
        let read = Arc::new(AtomicU64::new(0));
        let references = Arc::new(AtomicU64::new(0));
        let progress = Progress { read: Arc::clone(&read), references, total };
        let mut source = BufReader::with_capacity(BUFFER, Counted { source, read });
        let first = match first_bytes(&mut source) {
            Ok(first) => first,
            Err(error) => {
                let problem = Problem::Read(error);
                return Err(TraceError { file: name, place: None, problem });
            }
        };
        let is_gzip = first.starts_with(&GZIP_MAGIC);
        let is_zstd = Zstd::<&[u8]>::is_beginning(&first);
        // The first bytes are gone from the source.
        let source = Cursor::new(first).chain(source);
        let source: Box<dyn Read + Send> = match (is_gzip, is_zstd) {
            (true, _) => Box::new(MultiGzDecoder::new(source)),
            (_, true) => Box::new(Zstd::new(source)),
            _ => Box::new(source),
        };
        Ok(Self {
            name,
            source,
            is_compressed: is_gzip || is_zstd,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            offset: 0,
            is_ended: false,
            progress,
        })
    }

    /// Takes bytes that are in memory.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Result<Self, TraceError> {
        let total = bytes.len() as u64;
        Self::new("bytes".to_owned(), Cursor::new(bytes), Some(total))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Where the next byte lies.
    pub(super) const fn place(&self) -> Place {
        Place::Byte(self.offset)
    }

    /// What is there without reading more.
    #[inline]
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads until so many bytes are there, at most [`BUFFER`], or the source ends.
    pub(super) fn fill(&mut self, wanted: usize) -> Result<&[u8], TraceError> {
        while self.end - self.start < wanted.min(BUFFER) && !self.is_ended {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(self.buffered())
    }

    /// Takes bytes that are there.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start, "{count} bytes are not there");
        self.start += count;
        self.offset += count as u64;
    }

    /// Reads exactly as many bytes as there is room for; how many there were, if fewer.
    pub(super) fn read_whole(&mut self, into: &mut [u8]) -> Result<usize, TraceError> {
        let mut filled = 0;
        while filled < into.len() {
            let there = self.fill(1)?;
            let count = there.len().min(into.len() - filled);
            if count == 0 {
                break;
            }
            into[filled..filled + count].copy_from_slice(&there[..count]);
            filled += count;
            self.consume(count);
        }
        Ok(filled)
    }

    fn failed(&self, error: io::Error) -> TraceError {
        let place = Some(Place::Byte(self.offset + (self.end - self.start) as u64));
        let problem = match error.kind() {
            ErrorKind::UnexpectedEof if self.is_compressed => Problem::Truncated {
                within: "what is compressed".to_owned(),
                expected: "the end of a gzip member or a zstd frame",
            },
            ErrorKind::InvalidData | ErrorKind::InvalidInput if self.is_compressed => {
                Problem::Malformed {
                    found: error.to_string(),
                    expected: "what gzip or zstd compressed",
                }
            }
            _ => Problem::Read(error),
        };
        TraceError { file: self.name.clone(), place, problem }
    }
}

/// Enough of the beginning to tell how it is compressed.
fn first_bytes(source: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(4);
    source.take(4).read_to_end(&mut first)?;
    Ok(first)
}
