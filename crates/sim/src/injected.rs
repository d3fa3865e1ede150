//! What goes wrong, and when: decided by the seed.

use memtide_core::IoError;
use memtide_core::page::Tick;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    Extend,
    Contents,
}

/// Decides what goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Injector {
    faults: InjectedFaults,
    random: Xoshiro256PlusPlus,
    injected: u64,
}

impl Injector {
    pub(crate) fn new(faults: InjectedFaults, seed: u64) -> Self {
        Self { faults, random: Xoshiro256PlusPlus::seed_from_u64(seed), injected: 0 }
    }

    /// Whether an operation fails.
    pub(crate) fn result(&mut self, kind: Kind) -> Result<(), IoError> {
        let permille = match kind {
            Kind::Read => self.faults.read_error_permille,
            Kind::Write => self.faults.write_error_permille,
            Kind::Extend => self.faults.extend_error_permille,
            Kind::Contents => self.faults.lost_permille,
        };
        if self.chance(permille) {
            self.injected += 1;
            return Err(INJECTED);
        }
        Ok(())
    }

    /// How much longer a transfer takes.
    pub(crate) fn delay(&mut self) -> Tick {
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
