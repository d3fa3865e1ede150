//! What a page file promises.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

mod damage;
mod lifetime;
mod model;
mod room;
mod round_trip;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use memtide_core::IoError;
use memtide_core::units::Bytes;
use rustix::io::Errno;
use tempfile::TempDir;

use super::testing::Faults;
use super::*;
use crate::memory::{self, Page};

/// How long a test waits for what must happen.
pub(super) const BOUND: Duration = Duration::from_secs(60);

/// Each way to write, each with and without the page cache and encryption.
pub(super) fn all_kinds() -> impl Iterator<Item = PageFileOptions> {
    let engines = [IoEngine::Ring, IoEngine::Threads];
    let kinds = engines.into_iter().flat_map(|io| {
        let directs = [Direct::Auto, Direct::Never];
        directs.into_iter().flat_map(move |direct| [false, true].map(|is| (io, direct, is)))
    });
    kinds.map(|(io, direct, encryption)| PageFileOptions {
        io,
        direct,
        encryption,
        ..PageFileOptions::default()
    })
}

/// Options whose storage has faults.
pub(super) fn faulty(faults: &Faults, encryption: bool) -> PageFileOptions {
    PageFileOptions { faults: Some(faults.clone()), encryption, ..PageFileOptions::default() }
}

/// A page file of 256 slots in a folder of its own, and what is told of its writes.
pub(super) struct Fixture {
    pub(super) file: Arc<PageFile>,
    pub(super) pool: BufferPool,
    pub(super) told: Receiver<(u64, Result<(), IoError>)>,
    pub(super) folder: TempDir,
}

impl Fixture {
    pub(super) fn new(options: &PageFileOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = PageFileOptions {
            directory: folder.path().into(),
            initial: Bytes::from_mib(1),
            maximum: Bytes::from_mib(2),
            ..options.clone()
        };
        let file = Arc::new(PageFile::open(&options).expect("a page file"));
        let (tell, told) = channel();
        file.start(move |token, result| {
            let _ = tell.send((token, result));
        });
        Self { file, pool: BufferPool::new(32).expect("buffers"), told, folder }
    }

    /// Begins to write pages that a seed gives.
    pub(super) fn begin(&self, slot: u32, pages: usize, seed: u64) {
        let mut buffer = self.pool.take().expect("a buffer");
        for (page, into) in buffer.chunks_exact_mut(PAGE_BYTES).take(pages).enumerate() {
            into.copy_from_slice(&page_of(seed, page));
        }
        self.file.begin_write(slot, buffer, pages, seed);
    }

    /// What is told next.
    pub(super) fn next_told(&self) -> (u64, Result<(), IoError>) {
        self.told.recv_timeout(BOUND).expect("every write ends")
    }

    /// Writes pages that a seed gives, and waits for that.
    pub(super) fn write(&self, slot: u32, pages: usize, seed: u64) -> Result<(), IoError> {
        self.begin(slot, pages, seed);
        let (token, result) = self.next_told();
        assert_eq!(token, seed);
        result
    }

    pub(super) fn read(&self, slot: u32, pages: usize) -> Result<Vec<Page>, IoError> {
        let mut buffer = self.pool.take().expect("a buffer");
        self.file.read(slot, &mut buffer[..pages * PAGE_BYTES])?;
        let (read, _) = buffer.as_chunks::<PAGE_BYTES>();
        Ok(read[..pages].to_vec())
    }

    /// What lies in the file at a slot, behind the page file's back.
    pub(super) fn raw(&self, slot: u32) -> Buffer {
        let mut buffer = self.pool.take().expect("a buffer");
        let storage = &*self.file.writes.pages.storage;
        let page = &mut buffer[..PAGE_BYTES];
        storage::read_whole(storage, page, sealed::offset_of(slot)).expect("a read");
        buffer
    }

    /// Puts a page of a buffer into the file at a slot, behind the page file's back.
    pub(super) fn set_raw(&self, slot: u32, buffer: &Buffer) {
        let storage = &*self.file.writes.pages.storage;
        let page = &buffer[..PAGE_BYTES];
        storage::write_whole(storage, page, sealed::offset_of(slot)).expect("a write");
    }

    /// The file, as this process has it open.
    pub(super) fn opened(&self) -> File {
        let storage = &self.file.writes.pages.storage;
        let file = storage.file().expect("a file");
        File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("a file")
    }
}

/// A page that a seed and a number give; no two are equal.
pub(super) fn page_of(seed: u64, number: usize) -> Page {
    let mut page = [0; PAGE_BYTES];
    let words = page.as_chunks_mut::<8>().0;
    for (place, word) in (0_u64..).zip(words) {
        let value =
            (seed << 32 | (number as u64) << 16 | place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *word = value.to_ne_bytes();
    }
    page
}

pub(super) fn pages_of(seed: u64, pages: std::ops::Range<usize>) -> Vec<Page> {
    pages.map(|page| page_of(seed, page)).collect()
}

pub(super) fn error(errno: Errno) -> IoError {
    io_error(errno)
}
