//! What goes wrong with disks, made to go wrong: for tests.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;

use super::storage::Storage;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A read fails: EIO.
    ReadError,
    /// A write fails: EIO.
    WriteError,
    /// A write finds no room: ENOSPC.
    WriteNoSpace,
    /// The file cannot grow: ENOSPC.
    GrowNoSpace,
    /// A read gives less than was asked for, and says so.
    ShortRead,
    /// A write takes less than was given, and says so.
    ShortWrite,
    /// A read gives one bit that is wrong, and does not say so.
    FlippedBit,
    /// A write stops in the middle, and does not say so.
    TornWrite,
    /// A write does nothing, and does not say so.
    LostWrite,
    /// A read or a write takes long.
    Delay,
}

const KINDS: usize = Fault::Delay as usize + 1;

/// The unit in which a disk writes.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Rate {
    per_mille: AtomicU32,
    /// So many more of them fail, whatever the rate.
    next: AtomicU32,
    happened: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    random: AtomicU64,
    delay_us: AtomicU32,
    rates: [Rate; KINDS],
}

/// What goes wrong with a storage, and how often; clones are the same, so that a test that keeps
/// one steers the storage that has the other.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Shared>);

impl Faults {
    /// Nothing goes wrong at first; what does later is drawn from this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Shared {
            random: AtomicU64::new(seed),
            delay_us: AtomicU32::new(1000),
            rates: std::array::from_fn(|_| Rate::default()),
        }))
    }

    fn rate(&self, fault: Fault) -> &Rate {
        &self.0.rates[fault as usize]
    }

    /// How many of a thousand go wrong so.
    pub fn set(&self, fault: Fault, per_mille: u32) {
        self.rate(fault).per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// The next so many go wrong so.
    pub fn fail_next(&self, fault: Fault, count: u32) {
        self.rate(fault).next.store(count, Ordering::Relaxed);
    }

    /// Nothing goes wrong from now on.
    pub fn clear(&self) {
        for rate in &self.0.rates {
            rate.per_mille.store(0, Ordering::Relaxed);
            rate.next.store(0, Ordering::Relaxed);
        }
    }

    /// How long a [`Fault::Delay`] takes at most; a millisecond if not set.
    pub fn set_delay(&self, most: Duration) {
        let most = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
        self.0.delay_us.store(most, Ordering::Relaxed);
    }

    /// How often something went wrong so.
    #[must_use]
    pub fn happened(&self, fault: Fault) -> u64 {
        self.rate(fault).happened.load(Ordering::Relaxed)
    }

    /// A number below a limit.
    fn draw(&self, limit: u64) -> u64 {
        // SplitMix64, since a signal's handler has no generator of its own.
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut word = self.0.random.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % limit.max(1)
    }

    fn happens(&self, fault: Fault) -> bool {
        let rate = self.rate(fault);
        let less = |count: u32| count.checked_sub(1);
        let is_next = rate.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        let per_mille = rate.per_mille.load(Ordering::Relaxed);
        let happens = is_next || (per_mille > 0 && self.draw(1000) < u64::from(per_mille));
        if happens {
            rate.happened.fetch_add(1, Ordering::Relaxed);
        }
        happens
    }

    fn delay(&self) {
        if self.happens(Fault::Delay) {
            let most = u64::from(self.0.delay_us.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_micros(self.draw(most + 1)));
        }
    }
}

/// A storage with faults.
pub(crate) struct FaultyStorage<S> {
    pub(crate) below: S,
    pub(crate) faults: Faults,
}

/// Half of some bytes, in sectors.
fn half(bytes: usize) -> usize {
    (bytes / 2).next_multiple_of(SECTOR).min(bytes)
}

impl<S: Storage> Storage for FaultyStorage<S> {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let faults = &self.faults;
        faults.delay();
        if faults.happens(Fault::ReadError) {
            return Err(Errno::IO);
        }
        let most = if faults.happens(Fault::ShortRead) { half(bytes.len()) } else { bytes.len() };
        let read = self.below.read_at(&mut bytes[..most], offset)?;
        if read > 0 && faults.happens(Fault::FlippedBit) {
            let bit = usize::try_from(faults.draw(read as u64 * 8)).unwrap_or(0);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        let faults = &self.faults;
        faults.delay();
        if faults.happens(Fault::WriteError) {
            return Err(Errno::IO);
        }
        if faults.happens(Fault::WriteNoSpace) {
            return Err(Errno::NOSPC);
        }
        if faults.happens(Fault::LostWrite) {
            return Ok(bytes.len());
        }
        if faults.happens(Fault::TornWrite) {
            self.below.write_at(&bytes[..half(bytes.len())], offset)?;
            return Ok(bytes.len());
        }
        let most = if faults.happens(Fault::ShortWrite) { half(bytes.len()) } else { bytes.len() };
        self.below.write_at(&bytes[..most], offset)
    }

    fn allocate(&self, from: u64, to: u64) -> Result<(), Errno> {
        if self.faults.happens(Fault::GrowNoSpace) {
            return Err(Errno::NOSPC);
        }
        self.below.allocate(from, to)
    }

    fn wrote(&self, offset: u64, bytes: u64) {
        self.below.wrote(offset, bytes);
    }

    /// None: what the kernel writes by itself would not pass here.
    fn file(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
