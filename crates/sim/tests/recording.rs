//! Recorded runs and saved states: what is replayed and loaded is what was.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::{
    Allocation, Call, Config, ListCommand, Manager, Refusal, Reply, SpaceConfig, StoreConfig,
};
use memtide_recording::{End, Kind, LogReader, Record, RecordingError, Replay, digest, load, save};
use memtide_sim::{
    Action, Context, Ending, InjectedFaults, Machine, ProcessId, ProcessState, Program, Reference,
    RunLog, Simulation, Step,
};

/// Reads and writes pages of memory of its own, more of them than there are frames.
struct Busy {
    pages: u64,
    rounds: u64,
    base: u64,
}

impl Program for Busy {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        if self.base == 0 {
            let memory = Allocation::committed(self.pages * PAGE_SIZE);
            return Step::Call(Call::Allocate(context.space, memory));
        }
        if self.rounds == 0 {
            return Step::End;
        }
        self.rounds -= 1;
        let round = self.rounds;
        references.extend((0..self.pages).map(|page| {
            let access =
                if (page + round).is_multiple_of(3) { Access::Write } else { Access::Read };
            Reference { address: self.base + (page * 7 % self.pages) * PAGE_SIZE, access }
        }));
        Step::References
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        match reply {
            Ok(Reply::Address(base)) => self.base = base,
            other => panic!("no memory: {other:?}"),
        }
    }
}

/// A file in memory that its writer gives up.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("not poisoned").clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn machine() -> Machine {
    let mut config = Config::new(256).with_page_file(64, 4_096);
    config.store = Some(StoreConfig { frames_max: 32 });
    let mut machine = Machine::new(config);
    machine.processors = 2;
    machine.faults = InjectedFaults {
        read_error_permille: 1,
        write_error_permille: 20,
        slow_permille: 100,
        slow_max: Tick(3_000_000),
        ..InjectedFaults::default()
    };
    machine
}

fn simulation(seed: u64) -> Simulation {
    Simulation::new(&machine(), seed).expect("a machine")
}

fn spawn(simulation: &mut Simulation) {
    for (name, pages, rounds) in
        [("editor", 150, 20), ("compiler", 300, 10), ("idler", 20, 100_000)]
    {
        let program = Box::new(Busy { pages, rounds, base: 0 });
        let spawned = simulation.spawn(name, SpaceConfig::default(), Tick(100), program);
        spawned.expect("a process");
    }
    simulation.schedule(Tick(2_000_000), Action::Command(ListCommand::EmptyWorkingSets));
    simulation.schedule(Tick(40_000_000), Action::Kill(ProcessId(2)));
}

/// A run of some thousand events, recorded: the log, what it ends with, and the state.
fn recorded(seed: u64) -> (Vec<u8>, End, Simulation) {
    let file = Shared::default();
    let mut simulation = simulation(seed);
    let log = RunLog::begin(&mut simulation, file.clone()).expect("a log");
    spawn(&mut simulation);
    assert_eq!(simulation.run_until(Tick(30_000_000)), Ending::TimeOut);
    let end = log.finish(&mut simulation).expect("a whole log");
    (file.bytes(), end, simulation)
}

/// Replays as many events of a log as asked for.
fn replay(log: &[u8], events: u64) -> Replay<&[u8]> {
    let mut replay = Replay::new(log).expect("a log");
    while replay.events() < events && replay.step().expect("a whole log").is_some() {}
    replay
}

fn names() -> BTreeMap<memtide_core::page::SpaceId, String> {
    BTreeMap::from([(memtide_core::page::SpaceId(0), "editor".to_owned())])
}

#[test]
fn a_recorded_run_replays_to_the_state_that_it_led_to() {
    let (log, end, simulation) = recorded(3);
    assert!(end.events > 5_000, "{end:?}");
    let manager = simulation.world().manager();
    assert_eq!(end.digest, digest(manager).expect("no outputs left"));
    for _ in 0..2 {
        let replay = replay(&log, u64::MAX);
        assert_eq!(replay.end(), Some(end));
        assert_eq!(replay.events(), end.events);
        replay.manager().verify().expect("a sound state");
        assert_eq!(digest(replay.manager()).expect("no outputs left"), end.digest);
        assert_eq!(replay.manager().list_counts(), manager.list_counts());
        assert_eq!(replay.manager().counters(), manager.counters());
    }
    let other = recorded(4).1;
    assert_ne!(other.digest, end.digest, "another seed leads elsewhere");
}

#[test]
fn a_log_names_the_processes_that_live() {
    let (log, _, simulation) = recorded(3);
    let replay = replay(&log, u64::MAX);
    let living = simulation.processes().iter().filter(|p| p.state == ProcessState::Alive);
    let living: Vec<_> = living.map(|process| (process.space, process.name.clone())).collect();
    assert!(living.len() > 1, "{living:?}");
    assert_eq!(Vec::from_iter(replay.names().clone()), living);
}

#[test]
fn a_state_loaded_is_the_state_saved_and_goes_on_as_it_would_have() {
    let (log, end, _) = recorded(5);
    let mut original = replay(&log, end.events / 2);
    let file = save(Vec::new(), original.manager(), &names()).expect("a snapshot");
    let mut saved = load(&file[..]).expect("a snapshot");
    assert_eq!(saved.names, names());
    let same = |left: &Manager, right: &Manager| {
        assert_eq!(digest(left).expect("no outputs"), digest(right).expect("no outputs"));
    };
    same(&saved.manager, original.manager());
    while let Some(replayed) = original.step().expect("a whole log") {
        let reply = saved.manager.apply(&replayed.event);
        let outputs: Vec<_> = std::iter::from_fn(|| saved.manager.poll_output()).collect();
        assert_eq!((reply, &outputs[..]), (replayed.reply, replayed.outputs));
    }
    same(&saved.manager, original.manager());
    saved.manager.verify().expect("a sound state");
}

#[test]
fn a_log_that_is_cut_off_says_so_after_what_there_is() {
    let (log, end, _) = recorded(3);
    for kept in [log.len() - 1, log.len() - 17, log.len() / 2, 40, 12, 9] {
        let told = match Replay::new(&log[..kept]) {
            Err(error) => error,
            Ok(mut replay) => loop {
                match replay.step() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{kept} of {} bytes are a whole log", log.len()),
                    Err(error) => {
                        assert!(replay.events() <= end.events);
                        replay.manager().verify().expect("what was replayed is sound");
                        break error;
                    }
                }
            },
        };
        assert!(matches!(told, RecordingError::Truncated { .. }), "{kept} bytes: {told}");
        assert!(told.to_string().contains("cut off at byte"), "{told}");
    }
}

#[test]
fn any_damaged_byte_of_a_log_or_a_snapshot_is_an_error_that_says_where() {
    let (log, end, simulation) = recorded(3);
    let manager = simulation.world().manager();
    let snapshot = save(Vec::new(), manager, &names()).expect("a snapshot");
    let step = log.len() / 97;
    for at in (0..log.len()).step_by(step).chain([0, 8, 12, 16, 20, 28, log.len() - 1]) {
        let mut bad = log.clone();
        bad[at] ^= 0x41;
        let mut events = 0;
        let told = LogReader::new(&bad[..]).and_then(|mut reader| {
            while let Some(record) = reader.record()? {
                events += u64::from(matches!(record, Record::Event(_)));
            }
            Ok(())
        });
        let Err(told) = told else { panic!("byte {at} of {} is not seen", log.len()) };
        let told = told.to_string();
        assert!(events <= end.events, "{at}: {told}");
        let says = ["damaged in chunk", "does not begin with", "layout", "cut off"];
        assert!(says.iter().any(|words| told.contains(words)), "{at}: {told}");
    }
    for at in (0..snapshot.len()).step_by(snapshot.len() / 97 + 1).chain([snapshot.len() - 1]) {
        let mut bad = snapshot.clone();
        bad[at] ^= 0x41;
        let told = load(&bad[..]).expect_err("damage").to_string();
        assert!(!told.is_empty(), "{at}");
        assert!(load(&snapshot[..at]).is_err(), "cut off at {at}");
    }
}

#[test]
fn a_file_is_known_by_how_it_begins() {
    let (log, _, simulation) = recorded(3);
    let snapshot = save(Vec::new(), simulation.world().manager(), &names()).expect("a snapshot");
    assert_eq!(Kind::of(&log), Some(Kind::Log));
    assert_eq!(Kind::of(&snapshot), Some(Kind::Snapshot));
    assert_eq!(Kind::of(b"[machine]\n"), None);
    let told = load(&log[..]).expect_err("a log").to_string();
    assert!(told.contains("not a snapshot"), "{told}");
    let told = Replay::new(&snapshot[..]).err().expect("a snapshot").to_string();
    assert!(told.contains("not a recorded run"), "{told}");
    let mut trailing = log;
    trailing.push(0);
    let mut replay = Replay::new(&trailing[..]).expect("a log");
    let told = loop {
        match replay.step() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("bytes behind the end are seen"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(told.contains("goes on behind its end"), "{told}");
}

#[test]
fn a_log_takes_a_few_bytes_an_event() {
    let (log, end, _) = recorded(3);
    let bytes = u64::try_from(log.len()).expect("a small log");
    assert!(bytes < end.events * 4, "{bytes} bytes for {} events", end.events);
}

#[test]
fn a_run_that_is_watched_or_stopped_on_its_way_is_the_same_run() {
    let result = |step: u64, watches: bool| {
        let mut simulation = simulation(9);
        spawn(&mut simulation);
        simulation.world_mut().watch(watches);
        let mut end = Tick(0);
        let mut seen = 0;
        while end < Tick(30_000_000) {
            end = Tick(30_000_000).min(end.after(Tick(step)));
            while simulation.step(end).is_none() {
                let events = simulation.world_mut().take_seen();
                seen += events.len();
            }
        }
        assert_eq!(seen > 1_000, watches, "{seen} events seen");
        (digest(simulation.world().manager()).expect("no outputs left"), simulation.now())
    };
    let unbroken = result(u64::MAX / 2, false);
    assert_eq!(result(777_777, false), unbroken);
    assert_eq!(result(u64::MAX / 2, true), unbroken);
    assert_eq!(result(131_071, true), unbroken);
}
