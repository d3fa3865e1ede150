//! The Windows memory contract for any program: nine memory conditions to wait on, the memory
//! lists, and a clean that tells what it cost.
//!
//! Watching needs no privilege. Ask whether memory is low:
//!
//! ```
//! use memtide::{Condition, Conditions, Options};
//!
//! let conditions = Conditions::open(&Options::default())?;
//! match conditions.is_set(Condition::LowMemory) {
//!     Some(true) => println!("low"),
//!     Some(false) => println!("not low"),
//!     None => println!("cannot be known here"),
//! }
//! # Ok::<(), memtide::Error>(())
//! ```
//!
//! Block until it is, and then until it is over. The conditions are levels, so a loop that waits
//! for low alone would spin while memory stays low; after low, wait for high:
//!
//! ```no_run
//! # use memtide::{Condition, Conditions, Options};
//! let conditions = Conditions::open(&Options::default())?;
//! loop {
//!     conditions.wait(Condition::LowMemory, None)?;
//!     // Release what can be made again.
//!     conditions.wait(Condition::HighMemory, None)?;
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), memtide::Error>(())
//! ```
//!
//! In a container the container is meant: the tightest limit up the cgroup tree, with page cache
//! counted as available. By default the thresholds are Windows' own, a last-stage warning;
//! [`Profile::EarlyWarning`] leaves time to react:
//!
//! ```
//! use memtide::{Conditions, Options, Profile};
//!
//! let options = Options { profile: Profile::EarlyWarning, ..Options::default() };
//! let conditions = Conditions::open(&options)?;
//! for reading in conditions.readings() {
//!     println!("{}: {:?} ({})", reading.condition, reading.state, reading.reason.word());
//! }
//! # Ok::<(), memtide::Error>(())
//! ```
//!
//! An event loop polls [`Conditions::event`], a task awaits [`Conditions::until_any`] on any
//! runtime, and [`Conditions::changes`] tells every change. [`look`] is one look without a
//! watcher; [`Machine`] reads the [`MemoryLists`]; [`processes`] and [`objects`] tell who holds
//! memory and who listens; [`clean`] frees some and tells what that did; [`doctor`] tells what
//! works here.
//!
//! On Linux and Windows the module `live` has real memory with a budget: a program works on data
//! larger than the memory it may use. [`manager`] is the memory manager itself, as a state machine
//! that any world can drive.
//!
//! This crate holds no logic: it re-exports `memtide-core` (the rules), `memtide-host` (this
//! machine) and, on Linux and Windows, `memtide-live` (real memory).

#[cfg(any(target_os = "linux", windows))]
pub mod live;

pub use memtide_core as manager;
pub use memtide_core::conditions::{
    Bound, Condition, ConditionSet, Levels, Overrides, Permille, Profile, Reading, Reason, Sizes,
    State, ThresholdError, Thresholds, Tracker,
};
pub use memtide_core::lists::{InUse, MemoryLists};
pub use memtide_core::units::{ByteDelta, Bytes, ParseBytesError};
pub use memtide_host::conditions::{Change, Changes, Conditions, Event, Mode, Wait};
pub use memtide_host::{
    Commit, CommitRule, Container, Error, Look, Machine, Options, Pool, Pools, Sample, Scope,
    Stall, clean, doctor, look, objects, processes,
};
