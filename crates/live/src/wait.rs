//! Conditions of a machine as futures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use memtide_core::conditions::{ConditionSet, Mode};

use crate::machine::Machine;

/// How a wait begins.
pub(crate) enum Begun {
    /// What was asked for is set already.
    Holds(ConditionSet),
    /// Under this key the task is told; without one it must look again by itself.
    Watched(Option<u64>),
}

/// A wait for conditions; ready with those of them that were set.
///
/// It needs no particular runtime. Dropping it ends the wait.
#[derive(Debug)]
#[must_use = "a wait does nothing unless it is awaited"]
pub struct Wait {
    machine: Machine,
    wanted: ConditionSet,
    mode: Mode,
    key: Option<u64>,
}

impl Future for Wait {
    type Output = ConditionSet;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ConditionSet> {
        let Self { machine, wanted, mode, key } = &mut *self;
        if let Some(watched) = *key {
            let polled = machine.watchers().poll(watched, context.waker());
            if polled.is_ready() {
                *key = None;
            }
            return polled;
        }
        match machine.begin_wait(*wanted, *mode, context.waker()) {
            Begun::Holds(set) => return Poll::Ready(set),
            Begun::Watched(Some(watched)) => *key = Some(watched),
            Begun::Watched(None) => context.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.machine.watchers().leave(key);
        }
    }
}

impl Machine {
    /// A future that is ready once any or all of the conditions are set, with those that were.
    pub fn until(&self, conditions: ConditionSet, mode: Mode) -> Wait {
        Wait { machine: self.clone(), wanted: conditions, mode, key: None }
    }

    /// A future that is ready once one of the conditions is set.
    pub fn until_any(&self, conditions: ConditionSet) -> Wait {
        self.until(conditions, Mode::Any)
    }

    /// A future that is ready once all of the conditions are set at the same time.
    pub fn until_all(&self, conditions: ConditionSet) -> Wait {
        self.until(conditions, Mode::All)
    }
}
