//! What a page file is made of, and why there may be none.

use std::path::{Path, PathBuf};

use memtide_core::units::Bytes;
use rustix::io::Errno;

pub use crate::options::{Direct, IoEngine, PageFileOptions};

/// The directory of temporary files; but a default one in memory gives way to one that is not.
pub(crate) fn default_directory() -> PathBuf {
    let temporary = std::env::temp_dir();
    let on_disk = Path::new("/var/tmp");
    let is_chosen = std::env::var_os("TMPDIR").is_some();
    if !is_chosen && is_memory(&temporary) && on_disk.is_dir() && !is_memory(on_disk) {
        return on_disk.into();
    }
    temporary
}

pub(super) fn is_memory(directory: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    let kind = rustix::fs::statfs(directory).map(|found| u64::try_from(found.f_type));
    matches!(kind, Ok(Ok(TMPFS | RAMFS)))
}

/// Why there is no page file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No file can be made there.
    #[error("no page file in {path}: {error}; expected a directory where files can be made")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        error: Errno,
    },
    /// There is no room for what it holds at first.
    #[error("a page file of {initial} in {path}: {error}; expected room for it")]
    Room {
        /// The directory.
        path: PathBuf,
        /// What it should hold at first.
        initial: Bytes,
        /// What the kernel said.
        error: Errno,
    },
    /// Its sizes are none.
    #[error(
        "a page file of {initial} up to {maximum}: expected the first to be at most the second, \
         and that at most {most}"
    )]
    Size {
        /// What it should hold at first.
        initial: Bytes,
        /// What it should hold at most.
        maximum: Bytes,
        /// The largest maximum.
        most: Bytes,
    },
    /// The system refuses something else that it needs.
    #[error("a page file in {path}: {what}: {error}; expected {expected}")]
    System {
        /// The directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        error: Errno,
        /// What would do.
        expected: &'static str,
    },
}
