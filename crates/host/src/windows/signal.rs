//! A level that a handle carries.

use super::native::event::Event;
use crate::Error;
use std::os::windows::io::{AsHandle, BorrowedHandle};

/// An event that is signalled while it is set.
#[derive(Debug)]
pub(crate) struct Signal(Event);

impl Signal {
    pub(crate) fn new() -> Result<Self, Error> {
        Event::new().map(Self).map_err(|e| Error::call("CreateEvent", e))
    }

    /// Makes it signalled. An event that is open can always be set.
    pub(crate) fn set(&self) {
        let _ = self.0.set();
    }

    /// Makes it not signalled.
    pub(crate) fn clear(&self) {
        let _ = self.0.clear();
    }
}

impl AsHandle for Signal {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::native::handle::is_signalled;

    #[test]
    fn it_is_signalled_for_everyone_while_it_is_set() {
        let signal = Signal::new().expect("an event");
        let now = || is_signalled(signal.as_handle()).expect("a wait");
        assert!(!now());
        signal.set();
        assert!(now() && now(), "level-triggered");
        signal.clear();
        assert!(!now());
    }
}
