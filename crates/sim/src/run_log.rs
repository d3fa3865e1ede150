//! The log of a simulated run.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use memtide_core::Event;
use memtide_core::page::SpaceId;
use memtide_recording::{End, LogWriter, RecordingError};

use crate::simulation::Simulation;

/// A log that is being written, and what went wrong with it.
struct Writing<W: Write> {
    log: LogWriter<W>,
    failure: Option<RecordingError>,
}

impl<W: Write> Writing<W> {
    fn note(&mut self, write: impl FnOnce(&mut LogWriter<W>) -> Result<(), RecordingError>) {
        if self.failure.is_none() {
            self.failure = write(&mut self.log).err();
        }
    }
}

/// The log of a simulated run.
pub struct RunLog<W: Write> {
    writing: Arc<Mutex<Writing<W>>>,
}

impl<W: Write + Send + 'static> RunLog<W> {
    /// From now on everything that happens is written to a log. The simulation must be new: a log
    /// begins with a machine in which nothing has happened.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn begin(simulation: &mut Simulation, to: W) -> Result<Self, RecordingError> {
        let log = LogWriter::new(to, simulation.world().manager().config())?;
        let writing = Arc::new(Mutex::new(Writing { log, failure: None }));
        let (events, names) = (Arc::clone(&writing), Arc::clone(&writing));
        let world = simulation.world_mut();
        world.record(Box::new(move |event: &Event| {
            let mut writing = events.lock().unwrap_or_else(PoisonError::into_inner);
            writing.note(|log| log.event(event));
        }));
        world.record_names(Box::new(move |space: SpaceId, name: &str| {
            let mut writing = names.lock().unwrap_or_else(PoisonError::into_inner);
            writing.note(|log| log.name(space, name));
        }));
        Ok(Self { writing })
    }

    /// Ends the log with the state that the run led to.
    ///
    /// # Errors
    /// Where the file could not be written, now or at any event.
    pub fn finish(self, simulation: &mut Simulation) -> Result<End, RecordingError> {
        simulation.world_mut().stop_recording();
        let Some(writing) = Arc::into_inner(self.writing) else {
            unreachable!("the recorder has been dropped")
        };
        let Writing { log, failure } = writing.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(failure) => Err(failure),
            None => log.finish(simulation.world().manager()),
        }
    }
}
