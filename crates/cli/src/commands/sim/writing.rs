//! Writing a trace: what is not whole in the end is taken away.

use anyhow::Context;
use memtide_sim::Reference;
use memtide_sim::trace::{TraceWriter, Unit, Written};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// A trace that is being written.
pub(super) struct Writing {
    path: PathBuf,
    /// Gone once it is finished.
    writer: Option<TraceWriter<BufWriter<File>>>,
}

impl Writing {
    /// Begins a file, in place of one that may be there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) fn begin(path: &Path, unit: Unit) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let writer = TraceWriter::new(BufWriter::new(file), unit)
            .with_context(|| path.display().to_string())?;
        Ok(Self { path: path.to_owned(), writer: Some(writer) })
    }

    /// Writes references.
    ///
    /// # Errors
    /// Where the disk takes no more.
    pub(super) fn write(&mut self, references: &[Reference]) -> anyhow::Result<()> {
        match &mut self.writer {
            Some(writer) => {
                writer.write(references).with_context(|| self.path.display().to_string())
            }
            None => Ok(()),
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Where the disk takes no more.
    pub(super) fn finish(mut self) -> anyhow::Result<Written> {
        let Some(writer) = self.writer.take() else { return Ok(Written::default()) };
        let written = writer.finish();
        if written.is_err() {
            // The error that counts is that of writing.
            let _ = fs::remove_file(&self.path);
        }
        written.with_context(|| self.path.display().to_string())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
