//! A PSI trigger: the kernel tells when programs begin to stall.

use rustix::fs::{Mode, OFlags, open};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What is asked for, best first: how long some thread must wait, within which window.
///
/// Without CAP_SYS_RESOURCE the window must be a multiple of two seconds.
const ASKED: [&[u8]; 2] = [b"some 50000 500000\0", b"some 100000 2000000\0"];

/// A trigger that is set on a PSI file.
#[derive(Debug)]
pub(crate) struct Trigger {
    file: OwnedFd,
    path: PathBuf,
}

impl Trigger {
    /// Sets the best trigger this process may set; `None` where it may set none.
    pub(crate) fn set(path: &Path) -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        ASKED.into_iter().find_map(|asked| {
            // A file that has refused one trigger is not used for another.
            let file = open(path, flags, Mode::empty()).ok()?;
            rustix::io::write(&file, asked).ok()?;
            Some(Self { file, path: path.to_path_buf() })
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
