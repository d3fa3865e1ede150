//! What the examinations share: files below a root, and verdicts.

use crate::doctor::Finding;
use crate::linux::processes::capabilities;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What would permit what a user may not: not even root may do all where capabilities were taken
/// from it, as in a container.
pub(super) fn more_privilege() -> &'static str {
    match rustix::process::geteuid().is_root() {
        true => "grant the capabilities that 'privileges' says are missing",
        false => "run as root",
    }
}

/// Where to look.
#[derive(Debug)]
pub(super) struct Probe {
    root: PathBuf,
    /// Whether a filter of system calls is in force, as in most containers.
    filtered: bool,
}

impl Probe {
    pub(super) fn new(root: &Path) -> Self {
        let status = std::fs::read(root.join("proc/self/status")).unwrap_or_default();
        let filtered = capabilities::has_filter(&status);
        Self { root: root.to_path_buf(), filtered }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A path such as `proc/swaps` below the root.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(path))
    }

    /// Whether a file can be written; it is opened and left as it is. `absent` is what would
    /// bring a file that isn't there.
    pub(super) fn writable(&self, path: &Path, absent: &str) -> Finding {
        match OpenOptions::new().write(true).open(path) {
            Ok(_) => Finding::works(format!("{} opens for writing", path.display())),
            Err(error) => Self::refused("opening", path, &error, absent),
        }
    }

    /// Whether a file can be read at all.
    pub(super) fn readable(&self, path: &Path, absent: &str) -> Finding {
        let read = File::open(path).and_then(|mut f| io::Read::read(&mut f, &mut [0; 8]));
        match read {
            Ok(1..) => Finding::works(format!("{} is read", path.display())),
            Ok(0) => Finding::fails(format!("{} is empty", path.display()), "a /proc unmasked"),
            Err(error) => Self::refused("reading", path, &error, absent),
        }
    }

    /// A file that was refused, by the system's own error.
    pub(super) fn refused(doing: &str, path: &Path, error: &io::Error, absent: &str) -> Finding {
        let evidence = format!("{doing} {}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound => Finding::fails(evidence, absent),
            io::ErrorKind::PermissionDenied => Finding::fails(evidence, more_privilege()),
            io::ErrorKind::ReadOnlyFilesystem => {
                let remedy = "mount it writable (in a container: run outside it, or privileged)";
                Finding::fails(evidence, remedy)
            }
            _ => Finding::unknown(evidence),
        }
    }

    /// A system call that failed; `absent` is what would bring one that the kernel lacks,
    /// `permitted` what would permit it.
    pub(super) fn call_failed(
        &self,
        call: &str,
        error: &io::Error,
        absent: &str,
        permitted: &str,
    ) -> Finding {
        let evidence = format!("{call}: {error}");
        match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM) if self.filtered => {
                let remedy = format!("a seccomp filter that allows {call}; otherwise {permitted}");
                Finding::fails(evidence, remedy)
            }
            Some(libc::ENOSYS | libc::ENOTTY | libc::EINVAL) => Finding::fails(evidence, absent),
            Some(libc::EPERM | libc::EACCES) => Finding::fails(evidence, permitted),
            _ => Finding::unknown(evidence),
        }
    }
}
