//! The vocabulary and the rules of the Windows memory manager, without input or output.
//!
//! This crate is pure: it performs no I/O, reads no clock and draws no randomness. What stands
//! here so far is what every world shares:
//!
//! - [`units`]: amounts of memory, how people write them and how they are read back;
//! - [`conditions`]: the nine standard memory conditions of Windows, defined once; levels and
//!   thresholds in, the state of the nine out, with hysteresis;
//! - [`lists`]: the words for where physical memory is (zeroed, free, standby, modified, in use).
//!
//! ```
//! use memtide_core::conditions::{Condition, Levels, Profile, Sizes, State, Thresholds, Tracker};
//! use memtide_core::units::Bytes;
//!
//! let sizes = Sizes { physical: Bytes::from_mib(4096), ..Sizes::default() };
//! let thresholds = Thresholds::new(Profile::Windows, &sizes, &Default::default()).unwrap();
//! assert_eq!(thresholds.low_memory, Bytes::from_mib(32));
//!
//! let mut tracker = Tracker::new(thresholds);
//! let levels = Levels { available: Some(Bytes::from_mib(20)), ..Levels::default() };
//! let changed = tracker.update(&levels);
//! assert!(changed.contains(Condition::LowMemory));
//! assert_eq!(tracker.reading(Condition::LowMemory).state, State::Set);
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod conditions;
pub mod lists;
pub mod units;
