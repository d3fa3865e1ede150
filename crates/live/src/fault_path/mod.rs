//! How faults come in: in the thread that faults, or through a handler thread.

mod entry;
pub(crate) mod handler;
pub(crate) mod in_thread;
pub(crate) mod registry;
