//! Windows: the native memory manager. Nothing of it is carried out yet; every call says so.

mod answer;
pub(crate) mod clean;
pub(crate) mod doctor;
mod native;
pub(crate) mod objects;
pub(crate) mod page_files;
pub(crate) mod processes;
mod signal;
mod waiter_notice;

pub(crate) use signal::Signal;
pub(crate) use waiter_notice::WaiterNotice;

use crate::conditions::watch::Watch;
use crate::{Error, Options, Sample, Scope, Stall};
use memtide_core::conditions::{Levels, Sizes};
use std::sync::Arc;

/// This machine as a whole, or as a container leaves it.
#[derive(Debug)]
pub struct Machine;

impl Machine {
    /// Opens this machine.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: pending, as CONTRACT.md lists it.
    pub fn open(_scope: &Scope) -> Result<Self, Error> {
        let why = "reading Windows' own memory manager is pending".to_owned();
        Err(Error::Unsupported { what: "this machine", why })
    }

    /// The levels the conditions are judged by.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub fn levels(&mut self) -> Result<(Levels, Sizes, Option<Stall>), Error> {
        Self::open(&Scope::Auto).map(|_| Default::default())
    }

    /// One look at everything.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub fn sample(&mut self) -> Result<Sample, Error> {
        Self::open(&Scope::Auto).map(|_| Sample::default())
    }
}

/// Watches what the options name.
///
/// # Errors
/// [`Error::Unsupported`].
pub(crate) fn watch(options: &Options) -> Result<Arc<Watch>, Error> {
    Machine::open(&options.scope)?;
    Err(Error::Unsupported { what: "waiting", why: "Windows' own events are pending".to_owned() })
}
