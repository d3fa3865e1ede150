//! A level that a handle carries: pending with the events of Windows themselves.

use crate::Error;

/// A signal, which cannot be had yet.
#[derive(Debug)]
pub(crate) enum Signal {}

impl Signal {
    pub(crate) fn new() -> Result<Self, Error> {
        let why = "Windows' own events are pending".to_owned();
        Err(Error::Unsupported { what: "an event", why })
    }

    pub(crate) fn set(&self) {
        match *self {}
    }

    pub(crate) fn clear(&self) {
        match *self {}
    }
}
