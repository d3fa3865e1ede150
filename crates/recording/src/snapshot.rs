//! The whole state at one moment.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::{self, Read, Write};

use memtide_core::Manager;
use memtide_core::page::SpaceId;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::Kind;
use crate::chunks::{ChunkReader, ChunkWriter};
use crate::error::RecordingError;

/// A state that was saved.
#[derive(Debug, Deserialize)]
pub struct Saved {
    /// The version of Memtide that saved it.
    pub made_by: String,
    /// The names of the processes, by their spaces.
    pub names: BTreeMap<SpaceId, String>,
    /// The manager.
    pub manager: Manager,
}

/// The same as [`Saved`], on its way into a file.
#[derive(Serialize)]
struct SavedRef<'a> {
    made_by: &'a str,
    names: &'a BTreeMap<SpaceId, String>,
    manager: &'a Manager,
}

/// Saves a manager whose outputs are all taken.
///
/// # Errors
/// Where the file cannot be written, or outputs are left.
pub fn save<W: Write>(
    to: W,
    manager: &Manager,
    names: &BTreeMap<SpaceId, String>,
) -> Result<W, RecordingError> {
    expect_no_outputs(manager)?;
    let mut chunks = ChunkWriter::new(to, Kind::Snapshot)?;
    let made_by = env!("CARGO_PKG_VERSION");
    if let Err(problem) = postcard::to_io(&SavedRef { made_by, names, manager }, &mut chunks) {
        let error = chunks.take_failure();
        return Err(error.unwrap_or_else(|| io::Error::other(problem)).into());
    }
    Ok(chunks.finish()?)
}

/// Loads a manager, and proves that its state is sound.
///
/// # Errors
/// [`RecordingError`] where the file is no snapshot, is cut off or damaged, or holds a state that
/// cannot be.
pub fn load(from: impl Read) -> Result<Saved, RecordingError> {
    let mut chunks = ChunkReader::new(from, Kind::Snapshot)?;
    let mut scratch = [0; 4096];
    let saved: Saved = match postcard::from_io((&mut chunks, &mut scratch[..])) {
        Ok((saved, _)) => saved,
        Err(problem) => {
            return Err(chunks.take_failure().unwrap_or_else(|| RecordingError::Decode {
                what: Kind::Snapshot.word(),
                place: "its state".to_owned(),
                problem: problem.to_string(),
            }));
        }
    };
    chunks.finish()?;
    saved.manager.verify()?;
    Ok(saved)
}

/// A number that equal states share and different ones do not: XXH3 of the state as it is saved.
///
/// Work: the whole state.
///
/// # Errors
/// [`RecordingError::OutputsLeft`].
pub fn digest(manager: &Manager) -> Result<u64, RecordingError> {
    expect_no_outputs(manager)?;
    let hashed = postcard::to_io(manager, Hashed(XxHash3_64::with_seed(0)));
    Ok(hashed.map_err(io::Error::other)?.0.finish())
}

fn expect_no_outputs(manager: &Manager) -> Result<(), RecordingError> {
    match manager.has_outputs() {
        true => Err(RecordingError::OutputsLeft),
        false => Ok(()),
    }
}

/// Hashes what is written.
struct Hashed(XxHash3_64);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
