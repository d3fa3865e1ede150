//! The slow-down: what the faults of a size cost in time.

use memtide_core::page::{PAGE_SIZE, Tick};

use super::curve::MissRatioCurve;
use crate::disk::DiskKind;

/// How much longer a program takes than with memory enough:
///
/// slow-down = 1 + hard faults × time of a fault ÷ (references × time of a reference)
///
/// The time of a fault is the disk's for one page: latency, seek and transfer. First touches take
/// the same time whatever the memory, and writes go on in the background: neither is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowDown {
    /// The time of a reference to a page in memory.
    pub reference_time: Tick,
    /// The time of a hard fault.
    pub fault_time: Tick,
}

/// A bound that no program keeps.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a slow-down of {bound}: expected a factor of 1 (none) or more, such as 1.1")]
pub struct BadBound {
    /// The bound given.
    pub bound: f64,
}

impl BadBound {
    /// Whether a bound can be kept.
    ///
    /// # Errors
    /// [`BadBound`] below 1, or where it is no number.
    pub fn check(bound: f64) -> Result<(), Self> {
        if bound >= 1.0 { Ok(()) } else { Err(Self { bound }) }
    }
}

impl SlowDown {
    /// The slow-down with a disk.
    #[must_use]
    pub fn new(reference_time: Tick, disk: &DiskKind) -> Self {
        let transfer = PAGE_SIZE * Tick::SECOND.0 / disk.read_bandwidth.max(1);
        let fault_time = disk.read_latency.after(disk.seek).after(Tick(transfer));
        Self { reference_time, fault_time }
    }

    /// The slow-down of a program with so many pages of memory, 1 or more.
    #[must_use]
    pub fn of(&self, curve: &MissRatioCurve, memory: u64) -> f64 {
        let own = self.own_time(curve);
        1.0 + curve.hard_faults(memory) as f64 * self.fault_time.0 as f64 / own
    }

    /// The smallest memory with which the slow-down is at most `bound`, in pages.
    ///
    /// # Errors
    /// [`BadBound`] below 1, or where it is no number.
    pub fn smallest(&self, curve: &MissRatioCurve, bound: f64) -> Result<u64, BadBound> {
        BadBound::check(bound)?;
        let faults = (bound - 1.0) * self.own_time(curve) / (self.fault_time.0.max(1) as f64);
        Ok(curve.smallest(whole(faults)))
    }

    fn own_time(&self, curve: &MissRatioCurve) -> f64 {
        curve.references().max(1) as f64 * self.reference_time.0.max(1) as f64
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative, and what is too large is any number of faults"
)]
const fn whole(faults: f64) -> u64 {
    faults as u64
}
