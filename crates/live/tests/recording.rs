//! A live run is recorded, and its log replays to the same state.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use memtide_core::units::Bytes;
use memtide_core::{Allocation, Counters, Event, ListCommand, ListCounts, Manager, OfferPriority};
use memtide_live::page_file::testing::{Fault, Faults};
use memtide_live::{FaultPath, Machine, MachineOptions, RunLog};
use memtide_recording::{Kind, LogReader, Record, RecordingError, Replay, digest};
use support::{
    MIB, PAGE, PATHS, READ_ONLY, READ_WRITE, bounded, check, committed, mark, scrambled, space,
    store,
};

/// A file in memory that its writer gives up; it can be full.
#[derive(Clone)]
struct Shared {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Shared {
    fn of(room: usize) -> Self {
        Self { bytes: Arc::default(), room }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("not poisoned").clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut written = self.bytes.lock().expect("not poisoned");
        if written.len() + bytes.len() > self.room {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        written.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn options(compression: Option<u8>) -> MachineOptions {
    let mut options = MachineOptions::new(Bytes(8 * MIB));
    options.compression = compression;
    options
}

/// Marks pages, every other of which does not compress.
fn fill(base: u64, bytes: u64, round: u64) {
    mark(base, bytes, round);
    for page in (base..base + bytes).step_by(2 * PAGE as usize) {
        (8..PAGE).step_by(8).for_each(|byte| store(page + byte, scrambled(page + byte)));
    }
}

/// What a thread does: all that a program calls, on more memory than there is.
fn work(machine: &Machine, path: FaultPath, round: u64) {
    let bytes = 12 * MIB;
    let space = space(machine, path);
    let watched = Allocation::committed(MIB);
    let watched = Allocation { kind: watched.kind | memtide_core::MEM_WRITE_WATCH, ..watched };
    let watched = space.allocate(&watched).expect("memory");
    let base = committed(&space, bytes);
    fill(base, bytes, round);
    mark(watched, MIB / 2, round);
    let written = space.write_watch(watched, MIB, true, 1024).expect("a write watch");
    assert_eq!(written.len() as u64, MIB / 2 / PAGE);
    space.protect(base, MIB, READ_ONLY).expect("a protection");
    space.offer(watched, MIB, OfferPriority::Low).expect("an offer");
    space.empty_working_set().expect("an emptied working set");
    space.prefetch(base, MIB / 4).expect("a prefetch");
    drop(space.pin(base + MIB, MIB / 8, memtide_core::page::Access::Read).expect("pinned"));
    check(base, bytes, round);
    space.protect(base, MIB, READ_WRITE).expect("a protection");
    mark(base, bytes / 2, round + 1);
    check(base, bytes / 2, round + 1);
    check(base + bytes / 2, bytes / 2, round + bytes / 2 / PAGE);
    space.discard(base, MIB).expect("discarded");
    space.free(base + MIB, MIB, memtide_core::MEM_DECOMMIT).expect("decommitted");
}

/// Threads of both paths at once, and commands.
fn busy(machine: &Machine) {
    std::thread::scope(|scope| {
        for (number, path) in (0..).zip(PATHS.into_iter().cycle().take(4)) {
            scope.spawn(move || work(machine, path, number * 1000));
        }
        for command in ListCommand::ALL {
            machine.command(command);
        }
    });
}

/// What can be seen of a state as a whole.
fn whole(manager: &Manager) -> (u64, ListCounts, Counters) {
    let digest = digest(manager).expect("no outputs are left");
    (digest, manager.list_counts(), *manager.counters())
}

/// A replay of all of a log.
fn replay(log: &[u8]) -> Replay<&[u8]> {
    let mut replay = Replay::new(log).expect("a log");
    while replay.step().expect("a whole log").is_some() {}
    replay
}

fn replays_to_the_same_state(compression: Option<u8>) {
    let file = Shared::of(usize::MAX);
    let log = RunLog::begin(&options(compression), file.clone()).expect("a machine");
    let machine = log.machine().clone();
    let left = space(&machine, FaultPath::InThread);
    let base = committed(&left, 12 * MIB);
    mark(base, 12 * MIB, 7);
    busy(&machine);
    let end = log.finish().expect("a whole log");
    let at_end = machine.counters();
    assert!(end.events > 5_000, "{end:?}");
    assert!(at_end.pages_written > 1_000 && at_end.hard > 100, "{at_end:?}");
    assert_eq!(at_end.compressed > 0, compression.is_some(), "{at_end:?}");

    let log = file.bytes();
    let replay = replay(&log);
    assert_eq!((replay.events(), replay.end()), (end.events, Some(end)));
    replay.manager().verify().expect("a sound state");
    let (found, _, counters) = whole(replay.manager());
    assert_eq!((found, counters), (end.digest, at_end));
    // The machine goes on, and nobody listens any more.
    check(base, 12 * MIB, 7);
    machine.verify().expect("a sound machine");
}

#[test]
fn the_log_of_a_live_run_replays_to_the_same_state() {
    bounded(|| replays_to_the_same_state(None));
}

#[test]
fn the_log_of_a_live_run_with_compression_replays_to_the_same_state() {
    bounded(|| replays_to_the_same_state(Some(40)));
}

/// The log of a run, event by event.
fn events(log: &[u8]) -> (memtide_core::Config, Vec<Event>) {
    let mut reader = LogReader::new(log).expect("a log");
    let config = reader.config().clone();
    let next = move || reader.record().expect("a whole log");
    let event = |record| match record {
        Record::Event(event) => Some(event),
        _ => None,
    };
    (config, std::iter::from_fn(next).filter_map(event).collect())
}

#[test]
fn a_fresh_manager_that_is_given_the_events_of_a_run_with_failing_disks_is_in_its_state() {
    bounded(|| {
        let faults = Faults::seeded(11);
        faults.set(Fault::WriteError, 100);
        faults.set(Fault::ShortRead, 100);
        faults.set(Fault::ShortWrite, 100);
        faults.set(Fault::Delay, 50);
        let mut options = options(Some(25));
        options.page_file.as_mut().expect("a page file").faults = Some(faults);
        let file = Shared::of(usize::MAX);
        let log = RunLog::begin(&options, file.clone()).expect("a machine");
        let machine = log.machine().clone();
        busy(&machine);
        let end = log.finish().expect("a whole log");

        let (config, events) = events(&file.bytes());
        assert_eq!(events.len() as u64, end.events);
        let mut fresh = Manager::new(config).expect("a manager");
        while fresh.poll_output().is_some() {}
        for event in &events {
            // What a program was refused is refused again.
            let _ = fresh.apply(event);
            while fresh.poll_output().is_some() {}
        }
        fresh.verify().expect("a sound state");
        assert_eq!(whole(&fresh).0, end.digest);
        assert!(fresh.counters().io_errors > 0, "{:?}", fresh.counters());
        // One event less is another state: the comparison compares.
        let (config, last) = (fresh.config().clone(), events.len() - 1);
        let mut other = Manager::new(config).expect("a manager");
        while other.poll_output().is_some() {}
        for event in &events[..last] {
            let _ = other.apply(event);
            while other.poll_output().is_some() {}
        }
        assert_ne!(whole(&other).0, end.digest);
    });
}

#[test]
fn a_log_that_cannot_be_written_is_an_error_and_disturbs_no_page() {
    bounded(|| {
        let begun = RunLog::begin(&options(None), Shared::of(4));
        assert!(matches!(begun, Err(memtide_live::Error::Recording(_))), "{begun:?}");
        let log = RunLog::begin(&options(None), Shared::of(3_000)).expect("room for its beginning");
        let machine = log.machine().clone();
        busy(&machine);
        let told = log.finish().expect_err("there is no room");
        let RecordingError::Io(error) = told else { panic!("{told}") };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        busy(&machine);
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn a_log_is_known_as_one() {
    let file = Shared::of(usize::MAX);
    let log = RunLog::begin(&options(None), file.clone()).expect("a machine");
    let end = log.finish().expect("a whole log");
    assert_eq!(Kind::of(&file.bytes()), Some(Kind::Log));
    assert_eq!(replay(&file.bytes()).end(), Some(end));
}
