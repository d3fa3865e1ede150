//! The log of a live run.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use memtide_core::{Config, Event};
use memtide_recording::{End, LogWriter, RecordingError};

use crate::error::Error;
use crate::machine::Machine;
use crate::options::MachineOptions;
use crate::pager::Recorder;

/// A log that is being written, and what went wrong with it.
struct Writing<W: Write> {
    log: LogWriter<W>,
    failure: Option<RecordingError>,
}

/// The log of a machine's run: a replay of it leads to the same state, without the memory.
///
/// Events are written in their order, with the machine's lock held: faults wait for a slow writer.
///
/// # Invariants
/// - The log begins with a machine in which nothing has happened, so nothing is missing.
pub struct RunLog<W: Write> {
    machine: Machine,
    writing: Arc<Mutex<Writing<W>>>,
}

impl<W: Write> std::fmt::Debug for RunLog<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunLog").finish_non_exhaustive()
    }
}

impl<W: Write + Send + 'static> RunLog<W> {
    /// Begins a machine, and the log of all that happens in it. What is written lies in no space
    /// of it.
    ///
    /// # Errors
    /// As [`Machine::new`], and [`Error::Recording`] where the log cannot be begun.
    pub fn begin(options: &MachineOptions, to: W) -> Result<Self, Error> {
        let mut writing = None;
        let machine = Machine::start(options, |config: &Config| {
            let log = LogWriter::new(to, config)?;
            let begun = Arc::new(Mutex::new(Writing { log, failure: None }));
            writing = Some(Arc::clone(&begun));
            let recorder: Recorder = Box::new(move |event: &Event| {
                let mut writing = begun.lock().unwrap_or_else(PoisonError::into_inner);
                if writing.failure.is_none() {
                    writing.failure = writing.log.event(event).err();
                }
            });
            Ok(Some(recorder))
        })?;
        let Some(writing) = writing else { unreachable!("a machine that started is recorded") };
        Ok(Self { machine, writing })
    }

    /// The machine.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Ends the log with the state that the run has led to; the machine goes on.
    ///
    /// # Errors
    /// Where the log could not be written, now or at any event.
    pub fn finish(self) -> Result<End, RecordingError> {
        self.machine.stop_recording(|manager| {
            let Some(writing) = Arc::into_inner(self.writing) else {
                unreachable!("the recorder has been dropped")
            };
            let writing = writing.into_inner().unwrap_or_else(PoisonError::into_inner);
            match writing {
                Writing { failure: Some(failure), .. } => Err(failure),
                Writing { log, failure: None } => log.finish(manager),
            }
        })
    }
}
