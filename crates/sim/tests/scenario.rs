//! Scenarios do what they say: patterns, allocations, sections, events, refusals, caches.

use memtide_core::conditions::{Condition, State};
use memtide_core::page::Tick;
use memtide_core::{Exception, Refusal};
use memtide_sim::scenario::Scenario;
use memtide_sim::{Ending, Process, ProcessState, Simulation};

const FOREVER: Tick = Tick(u64::MAX);

/// Runs a scenario to its end.
fn run(text: &str) -> Simulation {
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(error) => panic!("{error}"),
    };
    let mut simulation = scenario.start(scenario.seed).expect("it begins");
    let ending = simulation.run_until(scenario.duration.unwrap_or(FOREVER));
    assert_ne!(ending, Ending::Stuck);
    simulation.world().manager().verify().expect("a sound state");
    simulation
}

/// Runs one process with such keys and phases on a machine of 16 MiB with a page file.
fn process(keys: &str, phases: &str) -> Process {
    let simulation = run(&format!(
        "duration = '100s'\nmachine.memory = '16MiB'\n[[page_file]]\ninitial = '64MiB'\n\
         [[process]]\nname = 'a'\n{keys}\n{phases}"
    ));
    simulation.processes()[0].clone()
}

fn ended(process: &Process) -> Tick {
    match process.state {
        ProcessState::Done(at) => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sequential_phase_is_one_pass_over_its_region() {
    let all = process("memory = '4MiB'", "phase = [{ pattern = 'sequential' }]");
    assert_eq!((all.references, all.counters.demand_zero), (1_024, 1_024));
    let part = "phase = [{ pattern = 'sequential', from = '1MiB', size = '2MiB' }]";
    assert_eq!(process("memory = '4MiB'", part).counters.demand_zero, 512);
}

#[test]
fn references_end_after_their_number_or_their_time() {
    let counted = "phase = [{ pattern = 'loop', references = 5000 }]";
    assert_eq!(process("memory = '1MiB'", counted).references, 5_000);
    let timed = process("memory = '1MiB'", "phase = [{ pattern = 'loop', duration = '20ms' }]");
    let end = ended(&timed);
    assert!((20_000_000..22_000_000).contains(&end.0), "{end:?}");
    assert!(timed.references > 150_000, "{} of 100 ns each", timed.references);
}

#[test]
fn a_rate_is_kept_to() {
    let paced = "phase = [{ pattern = 'random', duration = '2s', rate = 500 }]";
    let slow = process("memory = '1MiB'", paced);
    assert!((995..=1_005).contains(&slow.references), "{}", slow.references);
}

#[test]
fn patterns_touch_what_they_say() {
    let touched = |phase: &str| {
        let phase = format!("phase = [{{ {phase}, references = 512 }}]");
        process("memory = '4MiB'", &phase).counters.demand_zero
    };
    assert_eq!(touched("pattern = 'loop', size = '1MiB'"), 256);
    assert_eq!(touched("pattern = 'strided', stride = '8KiB'"), 512);
    let random = touched("pattern = 'random'");
    assert!((380..=430).contains(&random), "{random}: 1024 (1 - 1/√e) is 403");
    let zipf = touched("pattern = 'zipf', alpha = 1.2");
    assert!(zipf < 250, "{zipf}: a few pages take most of the references");
}

#[test]
fn phases_follow_each_other_and_repeat() {
    let phases = "phase = [{ pattern = 'sequential' }, { pattern = 'idle', duration = '1s' }, \
                  { pattern = 'compute', duration = '10ms' }]";
    let twice = process("memory = '1MiB'\nrepeat = 2", phases);
    assert_eq!(twice.references, 512);
    let end = ended(&twice);
    assert!((2_020_000_000..2_030_000_000).contains(&end.0), "{end:?}");
    assert!(twice.time.own >= Tick(20_000_000), "{:?}", twice.time);
}

#[test]
fn a_burst_gives_back_what_it_took_and_a_leak_does_not() {
    let simulation =
        run("duration = '10s'\nmachine.memory = '64MiB'\n[[process]]\nname = 'burst'\n\
         phase = [{ pattern = 'allocate-burst', amount = '1MiB', times = 5, every = '1s', \
         hold = '100ms' }, { pattern = 'idle', duration = '100s' }]\n\
         [[process]]\nname = 'leak'\n\
         phase = [{ pattern = 'leak', amount = '1MiB', times = 5, every = '1s' }, \
         { pattern = 'idle', duration = '100s' }]");
    let samples = simulation.samples();
    let commit = |process: usize, second: usize| {
        let at = |sample: &&memtide_sim::Sample| sample.at.0 >= 1_000_000_000 * second as u64;
        samples.iter().find(at).expect("a look").processes[process].commit
    };
    assert_eq!([1, 2, 3].map(|second| commit(1, second)), [256, 512, 768]);
    let last = samples.last().expect("a look");
    assert_eq!([last.processes[0].commit, last.processes[1].commit], [0, 1_280]);
    assert_eq!(simulation.processes()[0].state, ProcessState::Alive);
    let demand_zero = simulation.world().manager().counters().demand_zero;
    assert_eq!(demand_zero, 2 * 1_280, "each page of each allocation was written");
}

/// A machine on which 32 MiB can be promised, and a process that wants 1 MiB each 10 ms.
fn refused(keys: &str) -> Process {
    let simulation = run(&format!(
        "duration = '10s'\nmachine.memory = '16MiB'\n[[page_file]]\ninitial = '16MiB'\n\
         [[process]]\nname = 'a'\n{keys}\n\
         phase = [{{ pattern = 'leak', amount = '1MiB', every = '10ms', times = 50 }}]"
    ));
    simulation.processes()[0].clone()
}

#[test]
fn a_process_that_is_refused_memory_dies_retries_frees_or_goes_on() {
    let died = refused("");
    let ProcessState::Aborted(at, refusal) = died.state else { panic!("{:?}", died.state) };
    assert!(matches!(refusal, Refusal::CommitmentLimit { .. }), "{refusal:?}");
    assert!(at.0 >= 310_000_000, "{at:?}: 31 times were granted, page tables take the rest");
    assert_eq!(died.refused, 1);

    let retried = refused("on_refusal = 'retry'\nretry_after = '1s'");
    assert_eq!(retried.state, ProcessState::Alive);
    assert!((9..=10).contains(&retried.refused), "once a second: {}", retried.refused);

    let freed = refused("on_refusal = 'free'");
    assert!(matches!(freed.state, ProcessState::Done(_)), "{:?}", freed.state);
    assert_eq!(freed.refused, 50 - 31);

    let went_on = refused("on_refusal = 'go-on'");
    assert!(matches!(went_on.state, ProcessState::Done(_)), "{:?}", went_on.state);
    assert_eq!(went_on.refused, 50 - 31);
}

#[test]
fn what_has_no_room_at_all_says_so_and_ends() {
    let message =
        process("memory = '1GiB'\non_refusal = 'go-on'", "phase = [{ pattern = 'loop' }]");
    assert!(matches!(message.state, ProcessState::Aborted(..)), "{:?}", message.state);
    assert_eq!(message.references, 0);
}

const SHARED: &str = "
duration = '10s'
machine.memory = '64MiB'
[[section]]
name = 'library'
size = '4MiB'
backing = 'file'
[[process]]
name = 'reader'
count = 4
view = [{ section = 'library' }]
phase = [{ pattern = 'sequential', section = 'library' }, { pattern = 'idle', duration = '1s' }]
";

#[test]
fn a_section_is_in_memory_once_however_many_map_it() {
    let simulation = run(SHARED);
    let read: u64 = simulation.world().disks()[0].counters().pages_read;
    assert_eq!(read, 1_024, "each page of the file was read once");
    let sum: u64 = simulation.processes().iter().map(|process| process.references).sum();
    assert_eq!(sum, 4 * 1_024);
}

#[test]
fn a_copy_on_write_view_copies_what_is_written_and_leaves_the_section_alone() {
    let writes = "{ pattern = 'sequential', section = 'library', write_share = 1 }";
    let writing = SHARED
        .replace("'library' }]\nphase", "'library', access = 'copy-on-write' }]\nphase")
        .replace("{ pattern = 'idle'", &format!("{writes}, {{ pattern = 'idle'"));
    let simulation = run(&writing);
    let copies = simulation.world().manager().counters().copy_on_write;
    assert_eq!(copies, 4 * 1_024, "a private copy for each of the four");
}

#[test]
fn a_cache_shrinks_while_memory_is_low_and_grows_when_there_is_plenty() {
    let simulation = run("duration = '20s'\nmachine.memory = '64MiB'\n\
         thresholds = { LowMemoryThreshold = 8, HighMemoryThreshold = 40 }\n\
         [[page_file]]\ninitial = '64MiB'\n\
         [[process]]\nname = 'cache'\nmemory = '40MiB'\n\
         cache = { keep = '4MiB', miss = '1ms' }\n\
         phase = [{ pattern = 'random', duration = '20s', rate = 20_000 }]\n\
         [[process]]\nname = 'visitor'\nmemory = '30MiB'\nstart = '5s'\n\
         phase = [{ pattern = 'sequential' }, { pattern = 'idle', duration = '5s' }]");
    let commit = |second: u64| {
        let samples = simulation.samples();
        let at = samples.iter().find(|sample| sample.at.0 >= second * 1_000_000_000);
        at.expect("a look").processes[0].commit
    };
    assert_eq!([commit(4), commit(9), commit(19)], [10_240, 1_024, 10_240]);
    let readings = simulation.world().readings().iter();
    let low = readings.filter(|(_, reading)| reading.condition == Condition::LowMemory);
    let states: Vec<State> = low.map(|(_, reading)| reading.state).collect();
    assert!(states.contains(&State::Set), "the visitor came");
    assert_eq!(states.last(), Some(&State::Clear), "the cache made room");
}

#[test]
fn events_come_at_their_moments() {
    let text = |event: &str| {
        format!(
            "duration = '3s'\nmachine.memory = '64MiB'\n[[page_file]]\ninitial = '64MiB'\n\
             [[process]]\nname = 'a'\ncount = 2\nmemory = '4MiB'\n\
             phase = [{{ pattern = 'loop', duration = '10s', rate = 20_000 }}]\n\
             [[event]]\n{event}"
        )
    };
    let soft = |event: &str| run(&text(event)).world().manager().counters().soft;
    assert_eq!(soft("at = '1s'\ndo = 'empty-working-sets'"), 2 * 1_024);
    assert_eq!(soft("at = '1s'\nevery = '1s'\ndo = 'empty-working-set'\nprocess = 'a'"), 4 * 1_024);
    assert_eq!(soft("every = '1s'\nonly_while = 'low-memory'\ndo = 'empty-working-sets'"), 0);
    let killed = run(&text("at = '1s'\ndo = 'kill'\nprocess = 'a'"));
    let states = killed.processes().iter().map(|process| process.state);
    assert!(states.eq([ProcessState::Killed(Tick::SECOND); 2]));
}

#[test]
fn an_optimiser_that_allocates_and_frees_pushes_others_out_and_keeps_nothing_going() {
    let simulation = run("machine.memory = '64MiB'\n[[page_file]]\ninitial = '128MiB'\n\
         [[process]]\nname = 'a'\nmemory = '24MiB'\n\
         phase = [{ pattern = 'sequential' }, { pattern = 'idle', duration = '5s' }]\n\
         [[event]]\nat = '1s'\nevery = '1s'\ndo = 'allocate-and-free'\namount = '60MiB'");
    let [program, optimiser] = simulation.processes() else { panic!("two processes") };
    assert!(matches!(program.state, ProcessState::Done(_)), "{:?}", program.state);
    assert!(optimiser.is_background && optimiser.references >= 4 * 60 * 256, "{optimiser:?}");
    let last = &simulation.samples().last().expect("a look").processes[0];
    assert!(last.working_set < 24 * 256, "{} pages are left", last.working_set);
}

#[test]
fn processes_of_a_kind_begin_one_after_the_other() {
    let simulation =
        run("machine.memory = '64MiB'\n[[process]]\nname = 'job'\ncount = 3\nthreads = 2\n\
         memory = '1MiB'\nstart = '1s'\nstart_every = '2s'\nphase = [{ pattern = 'sequential' }]");
    let processes = simulation.processes();
    assert_eq!(processes[2].name, "job 3");
    let began: Vec<u64> = processes.iter().map(|process| process.began.0 / 1_000_000_000).collect();
    assert_eq!(began, [1, 3, 5]);
    assert!(processes.iter().all(|process| process.references == 512), "two threads, one memory");
    assert!(processes.iter().all(|process| process.counters.demand_zero == 256));
}

#[test]
fn injected_errors_end_who_needs_the_page() {
    let simulation =
        run("duration = '10s'\nmachine.memory = '8MiB'\nfaults = { read_error = 1 }\n\
         [[page_file]]\ninitial = '64MiB'\n[[process]]\nname = 'a'\nmemory = '16MiB'\n\
         phase = [{ pattern = 'loop', duration = '5s', write_share = 1 }]");
    let state = simulation.processes()[0].state;
    assert!(matches!(state, ProcessState::Crashed(_, Exception::InPage { .. })), "{state:?}");
}

#[test]
fn the_seed_of_the_file_is_used_unless_another_is_given() {
    let text = "machine.memory = '8MiB'\nseed = 7\n[[page_file]]\ninitial = '64MiB'\n\
                [[process]]\nname = 'a'\nmemory = '16MiB'\n\
                phase = [{ pattern = 'random', references = 20_000 }]";
    let scenario = Scenario::parse(text).expect("it makes sense");
    let end = |seed: u64| {
        let mut simulation = scenario.start(seed).expect("it begins");
        assert_eq!(simulation.run_until(FOREVER), Ending::Done);
        (simulation.now(), *simulation.world().manager().counters())
    };
    assert_eq!(scenario.seed, 7);
    assert_eq!(end(7), end(7));
    assert_ne!(end(7), end(8));
}
