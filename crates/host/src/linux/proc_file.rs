//! A file of /proc or /sys that is read again and again.

use crate::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Larger than the file it is mostly used for (/proc/meminfo), so that one read takes it whole
/// and its numbers belong together.
const FIRST_CAPACITY: usize = 8 << 10;

/// No file read here comes near this; a file that does is not what it should be.
const LARGEST: usize = 16 << 20;

/// An open file and the buffer it is read into; once warm, a read allocates nothing.
#[derive(Debug)]
pub(crate) struct ProcFile {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl ProcFile {
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let file = File::open(&path).map_err(|e| Error::file("opening", &path, e))?;
        Ok(Self { file, path, buffer: vec![0; FIRST_CAPACITY] })
    }

    /// Opens a file that may be absent on this kernel or hidden from this user.
    pub(crate) fn open_if_there(path: impl Into<PathBuf>) -> Option<Self> {
        Self::open(path).ok()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file as it is now.
    pub(crate) fn read(&mut self) -> Result<&[u8], Error> {
        let length = self.fill().map_err(|e| Error::file("reading", &self.path, e))?;
        Ok(&self.buffer[..length])
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= LARGEST {
                    return Err(io::Error::other(format!("more than {LARGEST} bytes long")));
                }
                self.buffer.resize(length * 2, 0);
            }
            match self.file.read_at(&mut self.buffer[length..], length as u64) {
                Ok(0) => return Ok(length),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The lines of a file as text where they are text; a line that is not UTF-8 is left out.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes.split(|b| *b == b'\n').filter_map(|line| std::str::from_utf8(line).ok())
}
