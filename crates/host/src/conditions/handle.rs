//! The handle a program holds.

use super::changes::Changes;
use super::event::Event;
use super::wait::Wait;
use super::watch::Watch;
use crate::system::{self, Signal};
use crate::{Error, Options};
use memtide_core::conditions::{Condition, ConditionSet, Mode, Reading, State};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// The nine conditions of a machine or a container, watched for as long as this handle, a clone of
/// it, or something it handed out lives.
///
/// One thread a process watches, however many handles there are. A child made by `fork` without
/// `exec` has no such thread: there every condition is unknown, waits end with an error, changes
/// end, and a handle of its own works.
#[derive(Clone, Debug)]
pub struct Conditions {
    watch: Arc<Watch>,
}

impl Conditions {
    /// Starts to watch; the state is known when it returns.
    ///
    /// # Errors
    /// Where the machine cannot be read, the thresholds cannot be used, or no thread can be had.
    pub fn open(options: &Options) -> Result<Self, Error> {
        Ok(Self { watch: system::watch(options)? })
    }

    /// Whether the condition is set; `None` where it cannot be known. Never blocks.
    #[must_use]
    pub fn is_set(&self, condition: Condition) -> Option<bool> {
        match self.reading(condition).state {
            State::Set => Some(true),
            State::Clear => Some(false),
            State::Unknown => None,
        }
    }

    /// The condition with its value, threshold and reason, as last seen.
    #[must_use]
    pub fn reading(&self, condition: Condition) -> Reading {
        self.readings()[condition.index()]
    }

    /// All nine, as last seen.
    #[must_use]
    pub fn readings(&self) -> [Reading; Condition::COUNT] {
        self.watch.readings()
    }

    /// Blocks until the condition is set, or this long at most (`None`: for ever).
    ///
    /// A condition that is set already does not block: it is a level, not an edge. Returns `None`
    /// when the time is out.
    ///
    /// # Errors
    /// [`Error::Unknowable`] where the condition cannot be known.
    pub fn wait(
        &self,
        condition: Condition,
        timeout: Option<Duration>,
    ) -> Result<Option<ConditionSet>, Error> {
        self.until_any(condition.into()).block(timeout)
    }

    /// Blocks until one of the conditions is set; returns those that were.
    ///
    /// # Errors
    /// [`Error::Unknowable`] where none of them can be known.
    pub fn wait_any(
        &self,
        conditions: ConditionSet,
        timeout: Option<Duration>,
    ) -> Result<Option<ConditionSet>, Error> {
        self.until_any(conditions).block(timeout)
    }

    /// Blocks until all of the conditions are set at the same time.
    ///
    /// # Errors
    /// [`Error::Unknowable`] where one of them cannot be known.
    pub fn wait_all(
        &self,
        conditions: ConditionSet,
        timeout: Option<Duration>,
    ) -> Result<Option<ConditionSet>, Error> {
        self.until_all(conditions).block(timeout)
    }

    /// A future that is ready once one of the conditions is set, with those that were.
    pub fn until_any(&self, conditions: ConditionSet) -> Wait {
        self.until(conditions, Mode::Any)
    }

    /// A future that is ready once all of the conditions are set at the same time.
    pub fn until_all(&self, conditions: ConditionSet) -> Wait {
        self.until(conditions, Mode::All)
    }

    /// A future that is ready once any or all of the conditions are set.
    pub fn until(&self, conditions: ConditionSet, mode: Mode) -> Wait {
        Wait { watch: Arc::clone(&self.watch), wanted: conditions, mode, place: None }
    }

    /// A file descriptor that is readable while any or all of the conditions are set.
    ///
    /// # Errors
    /// Where the process may open no more descriptors, and in a child made by `fork`.
    pub fn event(&self, conditions: ConditionSet, mode: Mode) -> Result<Event, Error> {
        let signal = Arc::new(Signal::new()?);
        let key = self.watch.join_signal(conditions, mode, Arc::clone(&signal))?;
        Ok(Event { watch: Arc::clone(&self.watch), signal, key })
    }

    /// Every change of these conditions from now on, and first those that are set already.
    ///
    /// The changes end when the last handle is dropped.
    #[must_use]
    pub fn changes(&self, conditions: ConditionSet) -> Changes {
        let (sender, receiver) = mpsc::channel();
        self.watch.listen(conditions, sender);
        Changes { receiver }
    }
}
