//! The files of one process after the other, below an open /proc.

use crate::Error;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::path::DecInt;
use std::path::Path;

/// Larger than any file read here is for an ordinary process, so that one read takes it whole.
const FIRST_CAPACITY: usize = 4 << 10;

/// More of a command line than anyone looks at; a longer one is cut.
const LARGEST: usize = 1 << 20;

/// Every machine and every process namespace has a process of this number: where it isn't seen,
/// processes are hidden.
pub(crate) const FIRST_PID: u32 = 1;

/// Why something of a process could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The process has ended.
    Gone,
    /// It may not be looked into.
    Closed,
}

impl From<Errno> for Missing {
    fn from(error: Errno) -> Self {
        match error {
            // A file that every process has is absent only where the process is.
            Errno::NOENT | Errno::SRCH => Self::Gone,
            _ => Self::Closed,
        }
    }
}

/// The directory of processes of a machine, held open.
#[derive(Debug)]
pub(crate) struct ProcDirectory(OwnedFd);

impl ProcDirectory {
    /// Opens /proc below `root`.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let path = root.join("proc");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&path, flags, Mode::empty())
            .map(Self)
            .map_err(|error| Error::file("opening", &path, error.into()))
    }

    /// Opens the directory of one process.
    pub(crate) fn process(&self, pid: u32) -> Result<OwnedFd, Missing> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, DecInt::new(pid), flags, Mode::empty())?)
    }

    /// The user a process' directory belongs to: as much as a closed process shows.
    pub(crate) fn owner(&self, pid: u32) -> Option<u32> {
        let nothing = rustix::fs::AtFlags::empty();
        Some(rustix::fs::statat(&self.0, DecInt::new(pid), nothing).ok()?.st_uid)
    }
}

impl AsFd for ProcDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The numbers of the processes that /proc below `root` lists.
pub(crate) fn pids(root: &Path) -> Result<Vec<u32>, Error> {
    let path = root.join("proc");
    let listing = |error| Error::file("listing", &path, error);
    let mut pids = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(pids)
}

/// One buffer for every file that one thread reads.
#[derive(Debug)]
pub(crate) struct FileReader(Vec<u8>);

impl FileReader {
    pub(crate) fn new() -> Self {
        Self(vec![0; FIRST_CAPACITY])
    }

    /// The text of a file.
    pub(crate) fn read(
        &mut self,
        directory: impl AsFd,
        path: impl rustix::path::Arg,
    ) -> Result<&[u8], Missing> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, path, flags, Mode::empty())?;
        let mut length = 0;
        loop {
            match rustix::io::read(&file, &mut self.0[length..]) {
                Ok(read) => {
                    length += read;
                    // The kernel makes such a text whole before it copies: less than there is
                    // room for is its end.
                    if length < self.0.len() || length >= LARGEST {
                        return Ok(&self.0[..length]);
                    }
                    self.0.resize(length * 2, 0);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
