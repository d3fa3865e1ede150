//! A recorded run, run again.

use std::collections::BTreeMap;
use std::io::Read;

use memtide_core::page::{SpaceId, Tick};
use memtide_core::{Call, Event, Manager, Output, Refusal, Reply};

use crate::error::RecordingError;
use crate::log::{End, LogReader, Record};

/// A recorded run, on its way.
pub struct Replay<R: Read> {
    log: LogReader<R>,
    manager: Manager,
    names: BTreeMap<SpaceId, String>,
    next: Option<Event>,
    events: u64,
    end: Option<End>,
    /// Why the log cannot be read behind what was replayed.
    failure: Option<RecordingError>,
    outputs: Vec<Output>,
}

/// One event of a replay, and what it led to.
#[derive(Debug)]
pub struct Replayed<'a> {
    /// The event.
    pub event: Event,
    /// What a call answered.
    pub reply: Result<Reply, Refusal>,
    /// What the manager asked of its world.
    pub outputs: &'a [Output],
}

impl<R: Read> Replay<R> {
    /// Opens a log, in whose machine nothing has happened yet.
    ///
    /// # Errors
    /// [`RecordingError`] where it is none, or its machine cannot be.
    pub fn new(from: R) -> Result<Self, RecordingError> {
        let log = LogReader::new(from)?;
        let mut manager = Manager::new(log.config().clone())?;
        while manager.poll_output().is_some() {}
        let mut replay = Self {
            log,
            manager,
            names: BTreeMap::new(),
            next: None,
            events: 0,
            end: None,
            failure: None,
            outputs: Vec::new(),
        };
        replay.look_ahead();
        Ok(replay)
    }

    /// The manager, as far as the replay has come.
    #[must_use]
    pub const fn manager(&self) -> &Manager {
        &self.manager
    }

    /// The names of the processes that live, by their spaces.
    #[must_use]
    pub const fn names(&self) -> &BTreeMap<SpaceId, String> {
        &self.names
    }

    /// The version of Memtide that recorded the run.
    #[must_use]
    pub fn made_by(&self) -> &str {
        self.log.made_by()
    }

    /// Events replayed so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// What the log ends with, once all of it is replayed.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// The event that comes next.
    #[must_use]
    pub const fn next_event(&self) -> Option<&Event> {
        self.next.as_ref()
    }

    /// The moment of the event that comes next, where it has one: a call has none.
    #[must_use]
    pub const fn next_moment(&self) -> Option<Tick> {
        match &self.next {
            Some(Event::Input(at, _)) => Some(*at),
            _ => None,
        }
    }

    /// Lets the next event happen; `None` where there is none.
    ///
    /// # Errors
    /// [`RecordingError`] where the log cannot be read any further.
    pub fn step(&mut self) -> Result<Option<Replayed<'_>>, RecordingError> {
        let Some(event) = self.next.take() else {
            return self.failure.take().map_or(Ok(None), Err);
        };
        let reply = self.manager.apply(&event);
        self.events += 1;
        if let (Event::Call(Call::DestroySpace(space)), Ok(_)) = (&event, &reply) {
            self.names.remove(space);
        }
        self.outputs.clear();
        self.outputs.extend(std::iter::from_fn(|| self.manager.poll_output()));
        self.look_ahead();
        Ok(Some(Replayed { event, reply, outputs: &self.outputs }))
    }

    fn look_ahead(&mut self) {
        while self.next.is_none() && self.end.is_none() && self.failure.is_none() {
            match self.log.record() {
                Ok(Some(Record::Event(event))) => self.next = Some(event),
                Ok(Some(Record::Name(space, name))) => drop(self.names.insert(space, name)),
                Ok(Some(Record::End(end))) => self.end = Some(end),
                Ok(None) => return,
                Err(error) => self.failure = Some(error),
            }
        }
    }
}
