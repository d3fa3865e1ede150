//! Where pages go that leave memory: a page file, checked, and encrypted where that is wanted.
//!
//! A page is written with others, by threads of the page file, and read by whoever needs it, in its
//! own thread. What is known of every page, its checksum first, lies in memory: a file that was
//! changed, torn or not written gives an error, never bytes.
//!
//! # Invariants
//! - The file has no name and is its owner's alone.
//! - A page is read back as it was last written, or not at all.
//! - Reading and beginning a write allocate nothing and hold no lock, so that both may be done in a
//!   signal's handler.

mod area;
mod buffer;
mod cipher;
mod disk_file;
mod options;
mod ring;
mod sealed;
mod slots;
mod storage;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod threads;
mod writes;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use memtide_core::IoError;
use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;
use rustix::io::Errno;

pub(crate) use buffer::{Buffer, BufferPool, CLUSTER};
pub(crate) use options::default_directory;
pub use options::{Direct, IoEngine, OpenError, PageFileOptions};
pub(crate) use writes::io_error;

use crate::memory::PAGE_BYTES;
use crate::thread;
use cipher::Cipher;
use disk_file::DiskFile;
use sealed::SealedStorage;
use slots::Slots;
use storage::Storage;
use testing::FaultyStorage;
use writes::{Listeners, Write, Writes};

/// A page file of this process.
///
/// When it is dropped, what was begun is finished first.
pub(crate) struct PageFile {
    writes: Arc<Writes>,
    threads: Vec<JoinHandle<()>>,
    /// Pages that there is room for.
    size: AtomicU32,
    maximum: u32,
    growing: Mutex<()>,
    is_direct: bool,
    engine: IoEngine,
    /// Who has the threads: a child of fork has none of them.
    process: u32,
}

impl PageFile {
    /// A page file of its initial size, and threads that wait for writes.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn open(options: &PageFileOptions) -> Result<Self, OpenError> {
        let (initial, maximum) = sizes(options)?;
        let directory = |error| OpenError::Directory { path: options.directory.clone(), error };
        let file = DiskFile::create(&options.directory, options.direct).map_err(directory)?;
        let is_direct = file.is_direct();
        let storage: Box<dyn Storage> = match &options.faults {
            Some(faults) => Box::new(FaultyStorage { below: file, faults: faults.clone() }),
            None => Box::new(file),
        };
        let mut this = Self::over(storage, options, maximum)?;
        this.is_direct = is_direct;
        this.grow(initial).map_err(|IoError(error)| OpenError::Room {
            path: options.directory.clone(),
            initial: options.initial,
            error: Errno::from_raw_os_error(error.cast_signed()),
        })?;
        Ok(this)
    }

    fn over(
        storage: Box<dyn Storage>,
        options: &PageFileOptions,
        maximum: u32,
    ) -> Result<Self, OpenError> {
        let memory = options.refused("addresses for checksums", "room for 8 bytes a page");
        let slots = Slots::new(maximum, options.encryption).map_err(memory)?;
        let random = options.refused("a key", "random bytes of the kernel");
        let cipher = options.encryption.then(Cipher::new).transpose().map_err(random)?;
        let wants_ring = match options.io {
            IoEngine::Auto => !options.encryption,
            IoEngine::Ring => true,
            IoEngine::Threads => false,
        };
        let ring = match (wants_ring && storage.file().is_some()).then(ring::open).transpose() {
            Err(_) if options.io == IoEngine::Auto => None,
            opened => opened.map_err(options.refused("io_uring", "io_uring, or threads"))?,
        };
        let engine = if ring.is_some() { IoEngine::Ring } else { IoEngine::Threads };
        let listeners = match engine {
            IoEngine::Ring => Listeners::One,
            IoEngine::Threads | IoEngine::Auto => Listeners::Several,
        };
        let pages = SealedStorage { storage, slots, cipher };
        let descriptors = options.refused("an event descriptor", "a descriptor left");
        let writes = Arc::new(Writes::new(pages, listeners).map_err(descriptors)?);
        let mut this = Self {
            writes,
            threads: Vec::new(),
            size: AtomicU32::new(0),
            maximum,
            growing: Mutex::new(()),
            is_direct: false,
            engine,
            process: std::process::id(),
        };
        let spawned = match ring {
            Some(ring) => this.spawn(move |writes| match writes.pages.storage.file() {
                Some(file) => ring::serve(writes, ring, file),
                None => threads::serve(writes),
            }),
            None => (0..threads::THREADS).try_for_each(|_| this.spawn(threads::serve)),
        };
        spawned.map_err(options.refused("a thread", "a thread left"))?;
        Ok(this)
    }

    fn spawn(&mut self, serve: impl FnOnce(&Writes) + Send + 'static) -> Result<(), Errno> {
        let writes = Arc::clone(&self.writes);
        let thread = thread::spawn("memtide-pagefile", move || serve(&writes));
        self.threads.push(thread?);
        Ok(())
    }

    /// Whom to tell of each write that ends; called on a thread of the page file, once the buffer
    /// is back in its pool. To be said once, before the first write.
    pub(crate) fn start(&self, done: impl Fn(u64, Result<(), IoError>) + Send + Sync + 'static) {
        self.writes.tell(Box::new(done));
    }

    /// Pages that there is room for.
    pub(crate) fn size(&self) -> u32 {
        self.size.load(Ordering::Acquire)
    }

    /// Whether it goes around the kernel's page cache.
    pub(crate) const fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// How it is written.
    pub(crate) const fn engine(&self) -> IoEngine {
        self.engine
    }

    /// Makes room for so many pages; what is larger stays as it is.
    ///
    /// # Errors
    /// ENOSPC beyond the maximum, and where the disk is full: no later write is refused for want of
    /// room where the file system can promise that.
    pub(crate) fn grow(&self, pages: u32) -> Result<(), IoError> {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let size = self.size();
        if pages <= size {
            return Ok(());
        }
        if pages > self.maximum {
            return Err(io_error(Errno::NOSPC));
        }
        let [from, to] = [size, pages].map(sealed::offset_of);
        self.writes.pages.storage.allocate(from, to).map_err(io_error)?;
        self.size.store(pages, Ordering::Release);
        Ok(())
    }

    /// Reads the pages from a slot on that bytes have room for, in this thread.
    ///
    /// # Errors
    /// EIO and whatever else the disk says; EBADMSG where a page is not what was last written
    /// there.
    /// What is in the bytes is worth nothing then.
    ///
    /// # Panics
    /// Beyond the size of the file or of a buffer.
    pub(crate) fn read(&self, slot: u32, bytes: &mut [u8]) -> Result<(), IoError> {
        self.check(slot, bytes.len() / PAGE_BYTES);
        self.writes.pages.read(slot, bytes).map_err(io_error)
    }

    /// The checksum of the plain page that was last written there.
    pub(crate) fn sum(&self, slot: u32) -> u64 {
        self.writes.pages.slots.sum(slot)
    }

    /// Begins to write so many pages of a buffer from a slot on.
    ///
    /// # Panics
    /// Beyond the size of the file or of a buffer.
    pub(crate) fn begin_write(&self, slot: u32, buffer: Buffer, pages: usize, token: u64) {
        self.check(slot, pages);
        self.writes.begin(Write { slot, pages, buffer, token });
    }

    fn check(&self, slot: u32, pages: usize) {
        let size = self.size();
        let end = u64::from(slot) + pages as u64;
        assert!(
            (1..=CLUSTER).contains(&pages) && end <= u64::from(size),
            "{pages} pages from slot {slot} on: expected 1 to {CLUSTER} within {size} slots"
        );
    }
}

impl Drop for PageFile {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // They are not in this process, and nothing may be said of them to its C library.
            std::mem::forget(std::mem::take(&mut self.threads));
            return;
        }
        self.writes.end(self.threads.len());
        let current = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // Who is told of a write may have been the last to have the page file: that thread
            // ends by itself.
            if thread.thread().id() != current {
                let _ = thread.join();
            }
        }
    }
}

/// The sizes of a page file, in pages.
fn sizes(options: &PageFileOptions) -> Result<(u32, u32), OpenError> {
    let PageFileOptions { initial, maximum, .. } = *options;
    let pages = |bytes: Bytes| u32::try_from(bytes.pages());
    match (pages(initial), pages(maximum)) {
        (Ok(first), Ok(most)) if first <= most => Ok((first, most)),
        _ => {
            let most = Bytes(u64::from(u32::MAX) * PAGE_SIZE);
            Err(OpenError::Size { initial, maximum, most })
        }
    }
}

impl PageFileOptions {
    fn refused(
        &self,
        what: &'static str,
        expected: &'static str,
    ) -> impl FnOnce(Errno) -> OpenError {
        let path = self.directory.clone();
        move |error| OpenError::System { path, what, error, expected }
    }
}
