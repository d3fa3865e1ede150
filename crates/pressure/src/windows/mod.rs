//! Windows' own condition events, set by a process that is not the one that waits.

mod event;
mod injector;

pub use event::{SystemEvent, wait};
pub use injector::{Injector, serve};
