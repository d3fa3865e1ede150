//! A recorded run: the machine, every event, and the state they led to.

use std::io::{Read, Write};

use memtide_core::page::{SpaceId, Tick};
use memtide_core::{Config, Event, Manager};
use serde::{Deserialize, Serialize};

use crate::Kind;
use crate::chunks::{ChunkReader, ChunkWriter};
use crate::error::RecordingError;
use crate::snapshot::digest;

/// The longest name of a process that is kept, in bytes.
const NAME_BYTES: usize = 255;

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Something happened.
    Event(Event),
    /// A space belongs to a process of this name.
    Name(SpaceId, String),
    /// The run is over.
    End(End),
}

/// The same as [`Record`], on its way into a file.
#[derive(Serialize)]
enum RecordRef<'a> {
    Event(&'a Event),
    Name(SpaceId, &'a str),
    End(&'a End),
}

/// What a log ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many events there are.
    pub events: u64,
    /// The moment of the last input.
    pub now: Tick,
    /// The [`digest`] of the state they led to.
    pub digest: u64,
}

/// What a log begins with.
#[derive(Serialize, Deserialize)]
struct Beginning {
    /// The version of Memtide that recorded it.
    made_by: String,
    config: Config,
}

/// Writes a log, event by event.
pub struct LogWriter<W: Write> {
    chunks: ChunkWriter<W>,
    events: u64,
}

impl<W: Write> LogWriter<W> {
    /// Begins the log of a machine in which nothing has happened yet.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn new(to: W, config: &Config) -> Result<Self, RecordingError> {
        let mut chunks = ChunkWriter::new(to, Kind::Log)?;
        let made_by = env!("CARGO_PKG_VERSION").to_owned();
        write(&mut chunks, &Beginning { made_by, config: config.clone() })?;
        Ok(Self { chunks, events: 0 })
    }

    /// Notes an event, before or after the manager takes it, but always in their order.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn event(&mut self, event: &Event) -> Result<(), RecordingError> {
        self.events += 1;
        write(&mut self.chunks, &RecordRef::Event(event))
    }

    /// Notes whose a space is, once it is made.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn name(&mut self, space: SpaceId, name: &str) -> Result<(), RecordingError> {
        let end = name.floor_char_boundary(NAME_BYTES);
        write(&mut self.chunks, &RecordRef::Name(space, &name[..end]))
    }

    /// Ends the log with the state that its events led to.
    ///
    /// # Errors
    /// Where the file cannot be written, or the manager has outputs left.
    pub fn finish(mut self, manager: &Manager) -> Result<End, RecordingError> {
        let end = End { events: self.events, now: manager.now(), digest: digest(manager)? };
        write(&mut self.chunks, &RecordRef::End(&end))?;
        self.chunks.finish()?;
        Ok(end)
    }
}

fn write<W: Write>(
    chunks: &mut ChunkWriter<W>,
    what: &impl Serialize,
) -> Result<(), RecordingError> {
    match postcard::to_io(what, &mut *chunks) {
        Ok(_) => Ok(()),
        Err(problem) => {
            let error = chunks.take_failure();
            Err(error.unwrap_or_else(|| std::io::Error::other(problem)).into())
        }
    }
}

/// Reads a log, entry by entry.
pub struct LogReader<R: Read> {
    chunks: ChunkReader<R>,
    config: Config,
    made_by: String,
    records: u64,
    end: Option<End>,
    scratch: [u8; NAME_BYTES],
}

impl<R: Read> LogReader<R> {
    /// Opens a log.
    ///
    /// # Errors
    /// [`RecordingError`] where it is none, or cannot be read.
    pub fn new(from: R) -> Result<Self, RecordingError> {
        let mut chunks = ChunkReader::new(from, Kind::Log)?;
        let mut scratch = [0; NAME_BYTES];
        let beginning = read(&mut chunks, &mut scratch, || "its beginning".to_owned())?;
        let Beginning { made_by, config } = beginning;
        Ok(Self { chunks, config, made_by, records: 0, end: None, scratch })
    }

    /// The machine.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The version of Memtide that recorded it.
    #[must_use]
    pub fn made_by(&self) -> &str {
        &self.made_by
    }

    /// The next entry; `None` behind the last.
    ///
    /// # Errors
    /// [`RecordingError`] where the file is cut off or damaged from here on.
    pub fn record(&mut self) -> Result<Option<Record>, RecordingError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let number = self.records;
        let place = || format!("entry {number}");
        let record = read(&mut self.chunks, &mut self.scratch, place)?;
        self.records += 1;
        if let Record::End(end) = record {
            self.end = Some(end);
            self.chunks.finish()?;
        }
        Ok(Some(record))
    }
}

fn read<R: Read, T: for<'de> Deserialize<'de>>(
    chunks: &mut ChunkReader<R>,
    scratch: &mut [u8],
    place: impl Fn() -> String,
) -> Result<T, RecordingError> {
    match postcard::from_io((&mut *chunks, scratch)) {
        Ok((value, _)) => Ok(value),
        Err(problem) => Err(chunks.take_failure().unwrap_or_else(|| RecordingError::Decode {
            what: Kind::Log.word(),
            place: place(),
            problem: problem.to_string(),
        })),
    }
}
