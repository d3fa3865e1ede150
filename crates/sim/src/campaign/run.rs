//! A run: a machine and what is done to it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use super::coverage::Coverage;
use super::failure::{Failure, FailureKind};
use super::ledger::Found;
use super::machine::{Hardware, HardwareError};
use super::runner::Runner;
use super::step::Step;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The machine.
    pub machine: Hardware,
    /// What is done to it.
    pub steps: Vec<Step>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it found, if anything.
    pub failure: Option<Failure>,
    /// What happened.
    pub coverage: Coverage,
    /// A number made of everything that happened to the manager: two runs that differ in anything
    /// differ here.
    pub digest: u64,
}

impl Run {
    /// Does every step and ends the run; stops where something is found.
    ///
    /// # Errors
    /// [`HardwareError`] for a machine that is none.
    ///
    /// # Panics
    /// Where the manager does: a defect of it.
    pub fn execute(&self) -> Result<Outcome, HardwareError> {
        self.execute_noting(&mut |_| {})
    }

    /// The same, where a panic is a failure as others. Where panics abort, it aborts.
    ///
    /// # Errors
    /// [`HardwareError`] for a machine that is none.
    pub fn try_execute(&self) -> Result<Outcome, HardwareError> {
        let mut step = 0;
        let result = catch_unwind(AssertUnwindSafe(|| self.execute_noting(&mut |at| step = at)));
        result.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let message = text.unwrap_or("a panic without a message").to_owned();
            let failure = Failure { kind: FailureKind::Panic, step, message };
            Ok(Outcome { failure: Some(failure), ..Outcome::default() })
        })
    }

    /// The same, and tells each step before it is done: where panics abort, who listens knows
    /// which one it was.
    ///
    /// # Errors
    /// [`HardwareError`] for a machine that is none.
    ///
    /// # Panics
    /// Where the manager does: a defect of it.
    pub fn execute_noting(&self, note: &mut dyn FnMut(usize)) -> Result<Outcome, HardwareError> {
        let mut runner = Runner::new(&self.machine)?;
        let mut found: Option<(usize, Found)> = None;
        for (at, step) in self.steps.iter().enumerate() {
            note(at);
            if let Err(wrong) = runner.step(step) {
                found = Some((at, wrong));
                break;
            }
        }
        if found.is_none() {
            note(self.steps.len());
            found = runner.end().err().map(|wrong| (self.steps.len(), wrong));
        }
        let failure = found.map(|(step, (kind, message))| Failure { kind, step, message });
        Ok(Outcome { failure, coverage: runner.coverage, digest: runner.digest() })
    }
}
