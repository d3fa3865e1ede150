//! Writing a trace: under another name until it is whole, so that what was there before stays
//! until then.

use anyhow::Context;
use memtide_sim::Reference;
use memtide_sim::trace::{TraceWriter, Unit, Written};
#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A trace that is being written.
pub(super) struct Writing {
    path: PathBuf,
    writer: TraceWriter<BufWriter<Target>>,
}

/// Where it goes.
enum Target {
    /// A file that gets its name in the end.
    New(NamedTempFile),
    /// What is no regular file, such as a pipe.
    There(File),
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return File::create(path).map(Self::There);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".memtide");
        // As any other new file.
        #[cfg(unix)]
        builder.permissions(Permissions::from_mode(0o666));
        builder.tempfile_in(folder.unwrap_or(Path::new("."))).map(Self::New)
    }

    fn name(self, path: &Path) -> io::Result<()> {
        match self {
            Self::New(file) => file.persist(path).map(drop).map_err(|error| error.error),
            Self::There(_) => Ok(()),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::New(file) => file.write(bytes),
            Self::There(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::New(file) => file.flush(),
            Self::There(file) => file.flush(),
        }
    }
}

impl Writing {
    /// Begins a file that will take the place of one that may be there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) fn begin(path: &Path, unit: Unit) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let target = BufWriter::new(Target::open(path).with_context(named)?);
        let writer = TraceWriter::new(target, unit).with_context(named)?;
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Writes references.
    ///
    /// # Errors
    /// Where the disk takes no more.
    pub(super) fn write(&mut self, references: &[Reference]) -> anyhow::Result<()> {
        self.writer.write(references).with_context(|| self.path.display().to_string())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Where the disk takes no more.
    pub(super) fn finish(self) -> anyhow::Result<Written> {
        let named = || self.path.display().to_string();
        let (target, written) = self.writer.finish().with_context(named)?;
        let target = target.into_inner().map_err(io::IntoInnerError::into_error);
        target.and_then(|target| target.name(&self.path)).with_context(named)?;
        Ok(written)
    }
}
