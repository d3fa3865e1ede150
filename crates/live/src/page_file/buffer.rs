//! Buffers: where the pages of a cluster stand side by side on their way to the file and back.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use super::area::Area;
use crate::memory::PAGE_BYTES;

/// The most pages of a cluster: 256 KiB, from where a disk gives nearly all that it has.
pub(crate) const CLUSTER: usize = 64;

/// The most buffers of a pool: so many writes can wait at a time.
pub(crate) const BUFFERS_MAX: usize = WORDS * 64;

const WORDS: usize = 4;
const BUFFER_BYTES: usize = CLUSTER * PAGE_BYTES;

/// # Invariants
/// - A bit is set exactly while its buffer is nobody's.
#[derive(Debug)]
struct Shared {
    area: Area,
    free: [AtomicU64; WORDS],
}

/// The buffers of a machine, made once: taking one allocates nothing and waits for nobody.
#[derive(Clone, Debug)]
pub(crate) struct BufferPool(Arc<Shared>);

/// Room for a cluster, page-aligned; it goes back to its pool when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    pool: Arc<Shared>,
    index: usize,
}

impl BufferPool {
    /// So many buffers, none of which takes memory before its first use.
    ///
    /// # Errors
    /// EINVAL above [`BUFFERS_MAX`]; ENOMEM.
    pub(crate) fn new(count: usize) -> Result<Self, Errno> {
        if count > BUFFERS_MAX {
            return Err(Errno::INVAL);
        }
        let area = Area::new((count * BUFFER_BYTES) as u64)?;
        let free = std::array::from_fn(|word| {
            let bits = count.saturating_sub(word * 64).min(64);
            AtomicU64::new(if bits == 64 { u64::MAX } else { (1 << bits) - 1 })
        });
        Ok(Self(Arc::new(Shared { area, free })))
    }

    /// A buffer, with whatever was last in it.
    pub(crate) fn take(&self) -> Option<Buffer> {
        for (number, word) in self.0.free.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let lowest = bits & bits.wrapping_neg();
                // Pairs with the release of who gave it back.
                let before = word.fetch_and(!lowest, Ordering::Acquire);
                if before & lowest != 0 {
                    let index = number * 64 + lowest.trailing_zeros() as usize;
                    return Some(Buffer { pool: Arc::clone(&self.0), index });
                }
                bits = before & !lowest;
            }
        }
        None
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.0.area.bytes()).unwrap_or(usize::MAX) / BUFFER_BYTES
    }

    /// What all of them take at most, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.area.bytes()
    }
}

impl Buffer {
    fn start(&self) -> *mut u8 {
        self.pool.area.at(self.index * BUFFER_BYTES)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the range is within the area, which lives as long as its pool, and its bit makes
        // it this buffer's alone.
        unsafe { std::slice::from_raw_parts(self.start(), BUFFER_BYTES) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start(), BUFFER_BYTES) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.free[self.index / 64].fetch_or(1 << (self.index % 64), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_gives_each_buffer_once_until_it_comes_back() {
        for count in [1, 63, 64, 65, BUFFERS_MAX] {
            let pool = BufferPool::new(count).expect("buffers");
            let mut taken: Vec<Buffer> = std::iter::from_fn(|| pool.take()).collect();
            assert_eq!(taken.len(), count);
            for (number, buffer) in taken.iter_mut().enumerate() {
                assert!(buffer.start().addr().is_multiple_of(PAGE_BYTES));
                buffer.fill(u8::try_from(number % 251).expect("small"));
            }
            for (number, buffer) in taken.iter().enumerate() {
                assert!(buffer.iter().all(|byte| usize::from(*byte) == number % 251));
            }
            assert_eq!(pool.bytes(), (count * BUFFER_BYTES) as u64);
            drop(taken);
            assert_eq!(std::iter::from_fn(|| pool.take()).collect::<Vec<_>>().len(), count);
        }
        assert!(BufferPool::new(BUFFERS_MAX + 1).is_err());
    }

    #[test]
    fn threads_that_take_at_once_never_share_a_buffer() {
        let pool = BufferPool::new(3).expect("buffers");
        std::thread::scope(|scope| {
            for mark in 1..=4u8 {
                let pool = &pool;
                scope.spawn(move || {
                    let mut had = 0;
                    while had < 2000 {
                        let Some(mut buffer) = pool.take() else { continue };
                        buffer[..64].fill(mark);
                        std::hint::spin_loop();
                        assert!(buffer[..64].iter().all(|byte| *byte == mark));
                        had += 1;
                    }
                });
            }
        });
    }
}
