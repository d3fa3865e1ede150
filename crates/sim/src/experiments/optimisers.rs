//! Memory optimisers: myth or reality.
//!
//! Source: *Windows Internals*, "Memory optimizers: myth or reality".

mod optimiser;
mod work;

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{Config, Counters, SpaceConfig};

use super::outcome::{Outcome, Table};
use super::plotted::{plotted, seconds};
use crate::disk::DiskKind;
use crate::machine::Machine;
use crate::picture::{Axis, Colour, Mark, Picture, Plot, Series};
use crate::simulation::Simulation;
pub(super) use optimiser::Kind;

/// The machines' memory: one on which everything fits that is used, and one where not all does.
pub(super) const ROOMY: Bytes = Bytes::from_mib(64);
const TIGHT: Bytes = Bytes::from_mib(52);

/// An optimiser begins when less is available, and aims for so much.
pub(super) const TRIGGER: Bytes = Bytes::from_mib(6);
pub(super) const TARGET: Bytes = Bytes::from_mib(24);

/// How long the work goes on.
const DURATION: Tick = Tick(6 * Tick::SECOND.0);

const SAMPLE: Tick = Tick(20_000_000);

const SEEDS: [u64; 3] = [1, 2, 3];

/// A machine with its work, under an optimiser or none.
pub(super) struct Run {
    /// Available memory over time.
    pub(super) available: Vec<(Tick, Bytes)>,
    /// References that the work made.
    references: u64,
    /// Its time: on its own, in the manager, waiting.
    own: Tick,
    lost: Tick,
    counters: Counters,
    /// What the optimiser itself used.
    optimiser: Tick,
    /// How often it ran.
    pub(super) cleanings: Vec<Tick>,
    /// How long the program that begins now and then took, at the longest and in all.
    begins: Vec<Tick>,
}

fn machine(memory: Bytes) -> Machine {
    let pages = u32::try_from(memory.pages()).unwrap_or(u32::MAX);
    let mut machine = Machine::new(Config::new(pages).with_page_file(pages * 2, pages * 2));
    machine.disks = vec![DiskKind::sata_ssd()];
    machine.processors = 2;
    machine
}

pub(super) fn run_with(memory: Bytes, kind: Kind, seed: u64) -> Run {
    let mut simulation = Simulation::new(&machine(memory), seed).expect("a machine");
    let mut spawn = |name, time, program| {
        simulation.spawn(name, SpaceConfig::default(), time, program).expect("a process")
    };
    let (begun, begins) = std::sync::mpsc::channel();
    let mut workers = Vec::new();
    for (name, program) in work::programs(seed, &begun) {
        workers.push(spawn(name, work::REFERENCE, program));
    }
    let (cleaned, cleanings) = std::sync::mpsc::channel();
    let optimiser =
        optimiser::program(kind, cleaned).map(|program| spawn("optimiser", Tick(10), program));
    simulation.sample_every(SAMPLE);
    simulation.run_until(DURATION);
    let mut run = Run {
        available: Vec::new(),
        references: 0,
        own: Tick(0),
        lost: Tick(0),
        counters: Counters::default(),
        optimiser: Tick(0),
        cleanings: cleanings.try_iter().collect(),
        begins: begins.try_iter().collect(),
    };
    for worker in workers {
        let process = &simulation.processes()[worker.0];
        run.references += process.references;
        run.own = run.own.after(process.time.own);
        run.lost = run.lost.after(process.time.lost());
        if let Ok(view) = simulation.world().manager().snapshot().space(process.space) {
            add(&mut run.counters, &view.counters);
        }
    }
    if let Some(optimiser) = optimiser {
        let time = simulation.processes()[optimiser.0].time;
        run.optimiser = time.own.after(time.lost());
    }
    let level =
        |sample: &crate::sample::Sample| (sample.at, sample.levels.available.unwrap_or_default());
    run.available = simulation.samples().iter().map(level).collect();
    run
}

const fn add(sum: &mut Counters, counters: &Counters) {
    sum.soft += counters.soft;
    sum.hard += counters.hard;
    sum.demand_zero += counters.demand_zero;
    sum.collided += counters.collided;
    sum.pages_read += counters.pages_read;
}

impl Run {
    fn average_available(&self) -> Bytes {
        let sum: u64 = self.available.iter().map(|(_, bytes)| bytes.0).sum();
        Bytes(sum / u64::try_from(self.available.len()).unwrap_or(1).max(1))
    }

    fn average_begin(&self) -> Tick {
        let sum: u64 = self.begins.iter().map(|time| time.0).sum();
        Tick(sum / u64::try_from(self.begins.len()).unwrap_or(1).max(1))
    }
}

/// What one kind of optimiser came to, over all seeds.
struct Verdict {
    kind: Kind,
    runs: Vec<Run>,
}

impl Verdict {
    fn mean(&self, of: impl Fn(&Run) -> u64) -> u64 {
        let runs = u64::try_from(self.runs.len()).unwrap_or(1).max(1);
        self.runs.iter().map(of).sum::<u64>() / runs
    }

    fn available(&self) -> Bytes {
        Bytes(self.mean(|run| run.average_available().0))
    }

    fn lost(&self) -> Tick {
        Tick(self.mean(|run| run.lost.0))
    }

    fn references(&self) -> u64 {
        self.mean(|run| run.references)
    }

    fn begin(&self) -> Tick {
        Tick(self.mean(|run| run.average_begin().0))
    }
}

fn milliseconds(time: Tick) -> String {
    format!("{} ms", time.0 / 1_000_000)
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    for memory in [ROOMY, TIGHT] {
        let verdict = |kind| {
            let runs = SEEDS.map(|seed| run_with(memory, kind, seed)).into();
            Verdict { kind, runs }
        };
        let verdicts: Vec<Verdict> = Kind::ALL.into_iter().map(verdict).collect();
        show(&mut outcome, memory, &verdicts);
        conclude(&mut outcome, memory, &verdicts);
    }
    outcome
}

fn show(outcome: &mut Outcome, memory: Bytes, verdicts: &[Verdict]) {
    let step = outcome.step(format!(
        "On a machine with {memory}, do the same work under each optimiser; means of three seeds"
    ));
    if memory == ROOMY {
        step.lines.extend(work::described().map(str::to_owned));
    } else {
        step.line("The same work has to make do with less; some of it is on the disk by itself.");
    }
    step.table(memory_table(verdicts)).table(work_table(verdicts));
}

fn memory_table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&[
        "optimiser",
        "cleanings",
        "available on average",
        "soft faults",
        "hard faults",
        "pages read",
    ]);
    for verdict in verdicts {
        table.row([
            verdict.kind.name().to_owned(),
            verdict.mean(|run| u64::try_from(run.cleanings.len()).unwrap_or(0)).to_string(),
            verdict.available().to_string(),
            verdict.mean(|run| run.counters.soft).to_string(),
            verdict.mean(|run| run.counters.hard).to_string(),
            verdict.mean(|run| run.counters.pages_read).to_string(),
        ]);
    }
    table
}

fn work_table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&[
        "optimiser",
        "references, thousands",
        "work done",
        "time lost",
        "the optimiser's own",
        "a program begins in",
    ]);
    let base = verdicts[0].references().max(1);
    for verdict in verdicts {
        let share = verdict.references() * 1_000 / base;
        table.row([
            verdict.kind.name().to_owned(),
            (verdict.references() / 1_000).to_string(),
            format!("{}.{}%", share / 10, share % 10),
            milliseconds(verdict.lost()),
            milliseconds(Tick(verdict.mean(|run| run.optimiser.0))),
            milliseconds(verdict.begin()),
        ]);
    }
    table
}

fn conclude(outcome: &mut Outcome, memory: Bytes, verdicts: &[Verdict]) {
    let (none, others) = (&verdicts[0], &verdicts[1..]);
    let names = |of: &dyn Fn(&Verdict) -> String| {
        let each = verdicts.iter().map(|v| format!("{}: {}", v.kind.name(), of(v)));
        each.collect::<Vec<_>>().join("; ")
    };
    let each_seed = |worse: &dyn Fn(&Run, &Run) -> bool| {
        let of = |v: &Verdict| v.runs.iter().zip(&none.runs).all(|(run, none)| worse(run, none));
        others.iter().all(of)
    };
    outcome.finding(
        format!("With {memory}: every optimiser raises available memory. That much is true."),
        names(&|v| v.available().to_string()),
        each_seed(&|run, none| run.average_available() > none.average_available()),
    );
    outcome.finding(
        format!("With {memory}: the programs pay for it. What was thrown out is read again."),
        names(&|v| format!("{} pages", v.mean(|run| run.counters.pages_read))),
        each_seed(&|run, none| run.counters.pages_read > none.counters.pages_read),
    );
    outcome.finding(
        format!("With {memory}: they lose time by it, with every seed."),
        names(&|v| milliseconds(v.lost())),
        each_seed(&|run, none| run.lost > none.lost),
    );
    outcome.finding(
        format!("With {memory}: they get less done in the same time."),
        names(&|v| format!("{} thousand references", v.references() / 1_000)),
        each_seed(&|run, none| run.references < none.references),
    );
}

/// Available memory over time on the roomy machine, with the lines of an optimiser.
pub(super) fn picture() -> Picture {
    let mut plot = Plot::new(Axis::time("time"), Axis::memory("available"));
    // What happens without an optimiser is drawn last, to be seen where the others are the same.
    for (number, kind) in Kind::ALL.into_iter().enumerate().rev() {
        let run = run_with(ROOMY, kind, SEEDS[0]);
        let colour = Colour::of(number);
        let points = run.available.iter().map(|(at, level)| (seconds(*at), plotted(*level)));
        plot = plot.line(Series::new(kind.name(), points.collect()).colour(colour));
        let level = |moment: Tick| {
            let before = run.available.iter().take_while(|(at, _)| *at <= moment);
            before.last().map_or(Bytes::ZERO, |(_, level)| *level)
        };
        let cleanings = run.cleanings.iter().map(|at| (seconds(*at), plotted(level(*at))));
        plot =
            plot.marks(format!("{}: cleans", kind.name()), Mark::Dot, colour, cleanings.collect());
    }
    let plot = plot.level("trigger", plotted(TRIGGER)).level("target", plotted(TARGET));
    Picture::new("Memory optimisers: available memory over time", plot)
        .subtitle(
            "The curves go up at each cleaning; the programs then read back what was thrown out",
        )
        .size(1_200, 720)
}
