//! The work: records that are filled in, sorted and checked.

use memtide_core::Exception;
use memtide_live::{Disposition, Error, Handler, PagedVec, Space};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A random key, and three words that it decides: they compress to about two fifths.
pub(super) type Record = [u64; 4];

/// Bytes of a record.
pub(super) const RECORD_BYTES: usize = size_of::<Record>();

/// Records between two looks at how far it has come.
const STRETCH: usize = 4096;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Filling,
    Sorting,
    Checking,
}

impl Stage {
    /// Its name in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Filling => "filling",
            Self::Sorting => "sorting",
            Self::Checking => "checking",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sorted {
    pub(super) in_order: bool,
    pub(super) complete: bool,
    /// How long filling, sorting and checking took.
    pub(super) took: [Duration; 3],
}

/// What the work tells.
pub(super) enum Told {
    /// It begins a stage.
    Begins(Stage),
    /// It has ended.
    Ended(Result<Sorted, Error>),
}

/// What is seen of the work while it goes on.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Records that the stage is done with; none while they are sorted.
    done: AtomicUsize,
    exception: OnceLock<Exception>,
}

impl Seen {
    /// Records that the stage is done with.
    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// The exception that stopped the work.
    pub(super) fn exception(&self) -> Option<Exception> {
        self.exception.get().copied()
    }

    /// Notes an exception; the thread that met it never goes on, for its memory is not what it was.
    pub(super) fn stop_at_exceptions(self: &Arc<Self>) -> Handler {
        let seen = Arc::clone(self);
        Box::new(move |exception| {
            if seen.exception.set(*exception).is_err() {
                return Disposition::Die;
            }
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        })
    }
}

/// Does the work in a space, to its end, and keeps it until `end` says so.
pub(super) fn work(
    space: &Space,
    count: usize,
    seen: &Seen,
    tell: &Sender<Told>,
    end: &Receiver<()>,
) {
    // Nobody listens any more where the command was interrupted.
    let tell_end = |sorted| tell.send(Told::Ended(sorted)).is_ok() && end.recv().is_ok();
    match PagedVec::zeroed(space, count) {
        Ok(mut records) => tell_end(Ok(sort(&mut records, seen, tell))),
        Err(error) => tell_end(Err(error)),
    };
}

fn sort(records: &mut [Record], seen: &Seen, tell: &Sender<Told>) -> Sorted {
    let begins = |stage| {
        seen.done.store(0, Ordering::Relaxed);
        let _ = tell.send(Told::Begins(stage));
        Instant::now()
    };
    let began = begins(Stage::Filling);
    let mut sum = 0_u64;
    let mut place = 0;
    for stretch in records.chunks_mut(STRETCH) {
        for record in stretch.iter_mut() {
            *record = of_key(scrambled(place));
            sum = sum.wrapping_add(scrambled(record[0]));
            place += 1;
        }
        seen.done.fetch_add(stretch.len(), Ordering::Relaxed);
    }
    let filled = began.elapsed();

    let began = begins(Stage::Sorting);
    records.sort_unstable_by_key(|record| record[0]);
    let sorted = began.elapsed();

    let began = begins(Stage::Checking);
    let (mut in_order, mut is_whole, mut before, mut found) = (true, true, 0, 0_u64);
    for stretch in records.chunks(STRETCH) {
        for record in stretch {
            in_order &= before <= record[0];
            is_whole &= *record == of_key(record[0]);
            before = record[0];
            found = found.wrapping_add(scrambled(before));
        }
        seen.done.fetch_add(stretch.len(), Ordering::Relaxed);
    }
    let checked = began.elapsed();
    let complete = is_whole && found == sum;
    Sorted { in_order, complete, took: [filled, sorted, checked] }
}

fn of_key(key: u64) -> Record {
    let byte = (key & 0xff) * 0x0101_0101_0101_0101;
    [key, byte, byte, byte]
}

/// A number that looks random, another for each number.
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(31)
}
