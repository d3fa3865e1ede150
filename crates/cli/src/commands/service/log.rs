//! The log of the service: a line at each change, and at its beginning and end.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The log, open to be written at its end.
pub(super) struct Log(File);

impl Log {
    /// Opens it, or begins it with its folder.
    ///
    /// # Errors
    /// The system's own.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        OpenOptions::new().create(true).append(true).open(path).map(Self)
    }

    /// Writes a line that ends in one already, whole.
    ///
    /// # Errors
    /// The system's own.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(line.as_bytes())
    }

    /// Writes what the service itself did, with the time.
    ///
    /// # Errors
    /// The system's own.
    pub(super) fn note(&mut self, what: &str) -> io::Result<()> {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        self.line(&format!("{now}  service {what}\n"))
    }
}

/// Where the log is where nobody says otherwise.
pub(super) fn default_path() -> PathBuf {
    let folder = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
    PathBuf::from(folder).join("Memtide").join("conditions.log")
}
