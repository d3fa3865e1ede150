//! What goes wrong, and when: decided by the seed.

use memtide_core::IoError;
use memtide_core::page::Tick;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// How often I/O goes wrong, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InjectedFaults {
    /// Reads that fail.
    pub read_error_permille: u16,
    /// Writes that fail.
    pub write_error_permille: u16,
    /// Page files that refuse to grow.
    pub extend_error_permille: u16,
    /// Compressed pages and copies that cannot be made.
    pub lost_permille: u16,
    /// Transfers that take longer.
    pub slow_permille: u16,
    /// How much longer, at most; random, so that transfers overtake each other.
    pub slow_max: Tick,
}

/// What an injected error says: EIO.
pub const INJECTED: IoError = IoError(5);

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A read.
    Read,
    /// A write.
    Write,
    /// A page file that is to grow.
    Extend,
    /// A page that is to be decompressed or copied.
    Contents,
}

impl FaultKind {
    /// Everything that can go wrong.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Extend, Self::Contents];
}

/// Decides what goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Injector {
    faults: InjectedFaults,
    random: Xoshiro256PlusPlus,
    injected: u64,
    /// How many of each kind go wrong next, whatever the rates say.
    armed: [u32; FaultKind::ALL.len()],
    /// How much longer the next transfers take, and how many of them.
    slow: (Tick, u32),
}

impl Injector {
    pub(crate) fn new(faults: InjectedFaults, seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (armed, slow) = ([0; FaultKind::ALL.len()], (Tick(0), 0));
        Self { faults, random, injected: 0, armed, slow }
    }

    /// Whether an operation fails.
    pub(crate) fn result(&mut self, kind: FaultKind) -> Result<(), IoError> {
        let permille = match kind {
            FaultKind::Read => self.faults.read_error_permille,
            FaultKind::Write => self.faults.write_error_permille,
            FaultKind::Extend => self.faults.extend_error_permille,
            FaultKind::Contents => self.faults.lost_permille,
        };
        let left = &mut self.armed[kind as usize];
        let is_armed = *left > 0;
        *left = left.saturating_sub(1);
        if is_armed || self.chance(permille) {
            self.injected += 1;
            return Err(INJECTED);
        }
        Ok(())
    }

    /// So many operations of a kind fail next.
    pub(crate) const fn fail_next(&mut self, kind: FaultKind, times: u32) {
        self.armed[kind as usize] = times;
    }

    /// So many transfers take so much longer next.
    pub(crate) const fn slow_next(&mut self, by: Tick, times: u32) {
        self.slow = (by, times);
    }

    /// How much longer a transfer takes.
    pub(crate) fn delay(&mut self) -> Tick {
        if self.slow.1 > 0 {
            self.slow.1 -= 1;
            return self.slow.0;
        }
        if self.chance(self.faults.slow_permille) {
            Tick(self.below(self.faults.slow_max.0.saturating_add(1)))
        } else {
            Tick(0)
        }
    }

    /// A number below another one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.random.random_range(0..end) }
    }

    /// True in so many thousandths of cases. Draws nothing where that is never.
    pub(crate) fn chance(&mut self, permille: u16) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// Errors injected so far.
    pub(crate) const fn injected(&self) -> u64 {
        self.injected
    }

    pub(crate) const fn set_faults(&mut self, faults: InjectedFaults) {
        self.faults = faults;
    }
}
