//! Made workloads: the references of a program whose pattern is known.

mod error;
mod pattern;
mod permutation;
mod walk;

pub use error::WorkloadError;
pub use pattern::{Part, Pattern, Phase};

use memtide_core::page::{Access, Vpn};
use rand::distr::{Bernoulli, Distribution};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::Reference;
use walk::Walk;

/// An endless series of references: to the first byte of each page that a pattern names, the same
/// for the same seed.
///
/// ```
/// use memtide_core::page::Vpn;
/// use memtide_sim::workload::{Pattern, Workload};
///
/// let workload = Workload::new(&Pattern::Sequential { pages: 3 }, 0.25, 1)?;
/// let pages: Vec<Vpn> = workload.take(4).map(|reference| reference.page()).collect();
/// assert_eq!(pages, [Vpn(0), Vpn(1), Vpn(2), Vpn(0)]);
/// # Ok::<(), memtide_sim::workload::WorkloadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workload {
    walk: Walk,
    writes: Bernoulli,
    random: Xoshiro256PlusPlus,
}

impl Workload {
    /// A workload of a pattern; `writes` is the share of references that write, 0 to 1, the others
    /// read.
    ///
    /// # Errors
    /// [`WorkloadError`] with the value of the pattern, or the share, that makes no sense.
    pub fn new(pattern: &Pattern, writes: f64, seed: u64) -> Result<Self, WorkloadError> {
        pattern.check()?;
        let not_a_share = |_| WorkloadError::Writes { share: writes };
        let writes = Bernoulli::new(writes).map_err(not_a_share)?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        // Each part of a pattern lays its pages out by a key of its own.
        let walk = Walk::new(pattern, &mut || random.random())?;
        Ok(Self { walk, writes, random })
    }
}

impl Iterator for Workload {
    type Item = Reference;

    #[inline]
    fn next(&mut self) -> Option<Reference> {
        let page = Vpn(self.walk.next(&mut self.random));
        let is_write = self.writes.sample(&mut self.random);
        let access = if is_write { Access::Write } else { Access::Read };
        Some(Reference { address: page.address(), access })
    }
}
