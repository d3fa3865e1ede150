//! Waiting for the nine conditions, as Windows programs wait on its notification events.
//!
//! [`Conditions::open`] watches a machine or a container. From then on a program can ask, block,
//! poll a file descriptor, await, or read every change:
//!
//! ```no_run
//! use memtide_core::conditions::Condition;
//! use memtide_host::conditions::Conditions;
//! use std::time::Duration;
//!
//! let conditions = Conditions::open(&Default::default())?;
//! if conditions.wait(Condition::LowMemory, Some(Duration::from_secs(30)))?.is_some() {
//!     // Release what can be made again; then wait for memory to be high before taking more.
//!     conditions.wait(Condition::HighMemory, None)?;
//! }
//! # Ok::<(), memtide_host::Error>(())
//! ```
//!
//! # Invariants
//! - One watcher thread a process, however many handles, waiters and scopes.
//! - A waiter is judged at every change by the thread that made it: a condition that was set only
//!   for a moment still wakes everyone who waited for it.
//! - No lock is held while a waiter is woken.

mod changes;
mod event;
mod handle;
pub(crate) mod pacing;
// Only Linux counts stalls.
#[cfg(target_os = "linux")]
pub(crate) mod stall_window;
mod wait;
pub(crate) mod watch;

pub use changes::{Change, Changes};
pub use event::Event;
pub use handle::Conditions;
pub use memtide_core::conditions::Mode;
pub use wait::Wait;
