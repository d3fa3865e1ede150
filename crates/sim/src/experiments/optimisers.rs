//! Memory optimisers: myth or reality.
//!
//! Source: *Windows Internals*, "Memory optimizers: myth or reality".

mod optimiser;
mod work;

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{Config, Counters, SpaceConfig};

use super::outcome::{Outcome, Table};
use crate::disk::DiskKind;
use crate::machine::Machine;
use crate::simulation::Simulation;
pub(super) use optimiser::Kind;

/// The machine's memory.
const MEMORY: Bytes = Bytes::from_mib(64);

/// The optimisers begin when less is available, and aim for so much.
pub(super) const TRIGGER: Bytes = Bytes::from_mib(6);
pub(super) const TARGET: Bytes = Bytes::from_mib(24);

/// How long the work goes on.
const DURATION: Tick = Tick(10 * Tick::SECOND.0);

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

fn machine() -> Machine {
    let pages = u32::try_from(MEMORY.pages()).unwrap_or(u32::MAX);
    let mut machine = Machine::new(Config::new(pages).with_page_file(pages * 2, pages * 2));
    machine.disks = vec![DiskKind::sata_ssd()];
    machine.processors = 2;
    machine
}

pub(super) fn run_with(kind: Kind, seed: u64) -> Run {
    let mut simulation = Simulation::new(&machine(), seed).expect("a machine");
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

    fn faults(&self) -> u64 {
        self.mean(|run| run.counters.soft + run.counters.hard)
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
    let verdicts: Vec<Verdict> = Kind::ALL
        .into_iter()
        .map(|kind| Verdict { kind, runs: SEEDS.map(|seed| run_with(kind, seed)).into() })
        .collect();
    let step =
        outcome.step("Run the same work with each optimiser, for ten seconds and three seeds");
    step.lines.extend(work::described().map(str::to_owned));
    step.table(memory_table(&verdicts));
    outcome.step("Look at what the programs got done").table(work_table(&verdicts));
    conclude(&mut outcome, &verdicts);
    outcome
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

fn conclude(outcome: &mut Outcome, verdicts: &[Verdict]) {
    let (none, others) = (&verdicts[0], &verdicts[1..]);
    let names = |of: &dyn Fn(&Verdict) -> String| {
        others
            .iter()
            .map(|v| format!("{}: {}", v.kind.name(), of(v)))
            .collect::<Vec<_>>()
            .join("; ")
    };
    outcome.finding(
        "Every optimiser raises available memory: that much is true.",
        format!("none: {}; {}", none.available(), names(&|v| v.available().to_string())),
        others.iter().all(|verdict| verdict.available() > none.available()),
    );
    outcome.finding(
        "The programs pay for it in faults: what was cleaned is used again.",
        format!("none: {}; {}", none.faults(), names(&|v| v.faults().to_string())),
        others.iter().all(|verdict| verdict.faults() > none.faults()),
    );
    outcome.finding(
        "Every optimiser makes the programs lose time, in each of the seeds.",
        format!("none: {}; {}", milliseconds(none.lost()), names(&|v| milliseconds(v.lost()))),
        others.iter().all(|verdict| {
            verdict.runs.iter().zip(&none.runs).all(|(run, without)| run.lost > without.lost)
        }),
    );
    outcome.finding(
        "Less work is done in the same time.",
        names(&|v| {
            let less = none.references().saturating_sub(v.references());
            format!("{} thousand references fewer", less / 1_000)
        }),
        others.iter().all(|verdict| verdict.references() < none.references()),
    );
}
#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn debug() {
        for kind in [Kind::None, Kind::OnThreshold] {
        let r = run_with(kind, 1);
        println!("{:?}", r.begins);
        println!("{:?}", r.cleanings);
        println!("{:?}", r.available.iter().step_by(5).map(|(t,b)| (t.0/1_000_000, b.0>>10)).collect::<Vec<_>>());
        println!("{:?} lost {:?} own {:?}", r.counters, r.lost, r.own);
        }
    }
}
