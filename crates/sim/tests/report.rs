//! The report of a run: it says what the manager counted, the same each time.

use std::path::Path;
use std::time::Duration;

use memtide_core::conditions::{Condition, Overrides, Profile, Sizes, State, Thresholds};
use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Call, Config, Counters, ListCommand, MEM_RELEASE, Range, Refusal, Reply,
    SpaceConfig,
};
use memtide_sim::picture::Picture;
use memtide_sim::report::{Report, faults, lists, miss_ratio, refaults, working_sets};
use memtide_sim::sizing::CurveBuilder;
use memtide_sim::workload::{Pattern, Workload};
use memtide_sim::{
    Action, Context, Ending, Machine, ProcessState, Program, Reference, Simulation, Step,
};

/// Writes its pages again and again, fewer each round, then frees them and begins anew.
struct Tide {
    pages: u64,
    rounds: u64,
    left: u64,
    base: Option<u64>,
}

impl Tide {
    fn boxed(pages: u64, rounds: u64) -> Box<dyn Program> {
        Box::new(Self { pages, rounds, left: 0, base: None })
    }
}

impl Program for Tide {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        let Some(base) = self.base else {
            if self.rounds == 0 {
                return Step::End;
            }
            self.rounds -= 1;
            self.left = self.pages;
            let memory = Allocation::committed(self.pages * PAGE_SIZE);
            return Step::Call(Call::Allocate(context.space, memory));
        };
        if self.left == 0 {
            self.base = None;
            let range = Range { space: context.space, address: base, bytes: 0 };
            return Step::Call(Call::Free(range, MEM_RELEASE));
        }
        let page = |page| Reference { address: base + page * PAGE_SIZE, access: Access::Write };
        references.extend((0..self.left).chain(0..self.left).map(page));
        self.left -= self.left.div_ceil(8);
        Step::References
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        if let Ok(Reply::Address(base)) = reply {
            self.base = Some(base);
        }
    }
}

/// Three tides on 32 MiB with marks that they cross, and two commands.
fn run(seed: u64) -> Report {
    let overrides = Overrides { low_memory_mb: Some(2), ..Overrides::default() };
    let sizes = Sizes { physical: Bytes::from_mib(32), ..Sizes::default() };
    let mut config = Config::new(8_192).with_page_file(65_536, 65_536).with_store(512);
    let thresholds = Thresholds::new(Profile::Windows, &sizes, &overrides);
    config.thresholds = Some(thresholds.expect("thresholds"));
    let mut machine = Machine::new(config);
    machine.faults.slow_permille = 100;
    machine.faults.slow_max = Tick(200_000);
    let mut simulation = Simulation::new(&machine, seed).expect("a machine");
    for (name, pages, rounds) in [("tide", 5_000, 4), ("wave", 3_000, 5), ("ripple", 500, 9)] {
        let program = Tide::boxed(pages, rounds);
        let config = SpaceConfig::default();
        simulation.spawn(name, config, Tick(1_000), program).expect("a process");
    }
    simulation.sample_every(Tick(1_000_000));
    simulation.schedule(Tick(100_000_000), Action::Command(ListCommand::EmptyWorkingSets));
    simulation.schedule(Tick(120_000_000), Action::Command(ListCommand::PurgeStandbyList));
    let ending = simulation.run_until(Tick(u64::MAX));
    let report = Report::of(&simulation, ending);
    assert_eq!(report.counters, *simulation.world().manager().counters());
    report
}

#[test]
fn the_report_adds_up() {
    let report = run(7);
    assert_eq!((report.seed, report.ending), (7, Ending::Done));
    let sum = |count: fn(&Counters) -> u64| -> u64 {
        report.processes.iter().map(|process| count(&process.counters)).sum()
    };
    assert_eq!(sum(Counters::faults), report.counters.faults());
    assert_eq!(sum(refaults), refaults(&report.counters));
    assert!(report.counters.hard > 0 && report.counters.soft > 0 && report.counters.compressed > 0);
    let references: u64 = report.processes.iter().map(|process| process.references).sum();
    assert_eq!(references, report.references);
    let (read, written) = report.disks.iter().fold((0, 0), |(read, written), disk| {
        (read + disk.counters.pages_read, written + disk.counters.pages_written)
    });
    assert_eq!(read, report.counters.pages_read);
    assert_eq!(written, report.counters.pages_written);
    for process in &report.processes {
        assert!(matches!(process.state, ProcessState::Done(_)), "{process:?}");
        let (own, lost) = (process.time.own.0 as f64, process.time.lost().0 as f64);
        assert_eq!(process.slow_down(), Some((own + lost) / own));
        assert!(process.ended().is_some_and(|at| at <= report.duration));
        let largest = report.samples.iter().flat_map(|sample| &sample.processes);
        let largest = largest.filter(|sampled| sampled.process.0 == process.number);
        let largest = largest.map(|sampled| sampled.working_set).max();
        assert!(largest.is_some_and(|pages| pages > 0 && pages <= process.working_set_peak));
    }
}

#[test]
fn lists_add_up_to_the_memory_at_each_look_and_the_last_is_at_the_end() {
    let report = run(7);
    for sample in &report.samples {
        let lists = sample.lists;
        let standby: u32 = lists.standby.iter().sum();
        let listed = lists.zeroed + lists.free + lists.modified + lists.modified_no_write;
        let all = sample.active + listed + lists.bad + standby;
        assert_eq!(Bytes::from_pages(u64::from(all)), report.memory, "at {:?}", sample.at);
    }
    let moments: Vec<_> = report.samples.iter().map(|sample| sample.at).collect();
    assert!(moments.is_sorted() && moments[0] == Tick(0));
    let last = report.samples.last().expect("a look");
    assert_eq!(last.counters, report.counters);
    assert!(last.processes.is_empty(), "every process has ended");
}

#[test]
fn conditions_and_commands_have_their_moments() {
    let report = run(7);
    let low = report.changes.iter().filter(|c| c.reading.condition == Condition::LowMemory);
    let states: Vec<_> = low.map(|change| (change.at, change.reading.state)).collect();
    assert!(states.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 != pair[1].1));
    let set = states.iter().filter(|(_, state)| *state == State::Set).count();
    let clear = states.iter().filter(|(at, s)| *s == State::Clear && *at > Tick(0)).count();
    assert!(set > 0 && clear > 0, "{states:?}");
    let fared = &report.conditions[Condition::LowMemory.index()];
    assert_eq!(fared.times_set, set as u64);
    let first = states.iter().find(|(_, state)| *state == State::Set).map(|(at, _)| *at);
    assert_eq!(fared.first_set, first);
    let sampled = report.samples.iter().filter(|s| s.conditions[Condition::LowMemory.index()]);
    let sampled = sampled.count() as f64 / report.samples.len() as f64;
    let held = fared.held.0 as f64 / report.duration.0 as f64;
    assert!((held - sampled).abs() < 0.02, "set for {held} of the time, {sampled} of the looks");
    let commands: Vec<_> = report.commands.iter().map(|done| (done.at, done.command)).collect();
    assert_eq!(
        commands,
        [
            (Tick(100_000_000), ListCommand::EmptyWorkingSets),
            (Tick(120_000_000), ListCommand::PurgeStandbyList),
        ]
    );
    assert!(report.commands.iter().all(|done| done.pages > 1_000), "{:?}", report.commands);
}

#[test]
fn only_the_rate_is_not_decided_by_the_seed() {
    let (once, again) = (run(7), run(7));
    assert_eq!(once, again);
    assert_ne!(once, run(8));
    assert_eq!(once.rate(), None);
    let references = once.references as f64;
    assert_eq!(once.took(Duration::from_secs(2)).rate(), Some(references / 2.0));
}

#[test]
fn the_pictures_of_a_run_say_what_they_show_and_are_the_same_each_time() {
    let (once, again) = (run(7), run(7));
    let pictures = [
        (
            lists(&once),
            lists(&again),
            &[
                "active",
                "modified",
                "standby",
                "free",
                "zeroed",
                "available",
                "low memory: 2 MiB",
                "high memory: 6 MiB",
                "low set",
                "low cleared",
                "commands",
                "time (ms)",
                "memory (MiB)",
                "32 MiB of memory, 3 processes, seed 7",
            ][..],
        ),
        (
            faults(&once),
            faults(&again),
            &["demand zero", "soft", "hard", "decompressed", "faults a second"],
        ),
        (working_sets(&once), working_sets(&again), &["tide", "wave", "ripple"]),
    ];
    for (picture, twin, words) in pictures {
        let svg = picture.svg().expect("drawn");
        assert!(svg == twin.svg().expect("drawn"));
        for word in words {
            assert!(svg.contains(&format!("\n{word}\n")), "{word}");
        }
        save_for_the_eye(&picture);
    }
}

#[test]
fn the_miss_ratio_curve_shows_its_knee_and_what_was_asked_for() {
    let pattern = Pattern::Zipf { pages: 20_000, alpha: 1.1 };
    let workload = Workload::new(&pattern, 0.2, 7).expect("a workload");
    let references: Vec<_> = workload.take(200_000).collect();
    let mut builder = CurveBuilder::default();
    builder.extend(&references);
    let curve = builder.finish();
    let knee = curve.knee().expect("a knee");
    let ratio = |pages| curve.miss_ratio(pages) * 100.0;
    let picture = miss_ratio(&curve, &[("asked for", 4_096)]);
    let svg = picture.svg().expect("drawn");
    let asked_for = format!("asked for: 16 MiB (4,096 pages), {:.2}%", ratio(4_096));
    for words in [format!("\nknee: {}", Bytes::from_pages(knee)), asked_for, "first touches".into()]
    {
        assert!(svg.contains(&words), "{words}");
    }
    save_for_the_eye(&picture);
}

/// Leaves a picture where a reader of the tests can look at it.
fn save_for_the_eye(picture: &Picture) {
    let Some(folder) = std::env::var_os("MEMTIDE_PICTURES") else { return };
    let name = format!("{}.png", picture.title().to_lowercase().replace(' ', "-"));
    picture.save(&Path::new(&folder).join(name)).expect("saved");
}
