//! The pictures of a run.

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{PAGE_SIZE, Tick};
use memtide_core::units::Bytes;
use memtide_core::{Counters, ListCounts};

use super::conditions::spans;
use super::{Report, seconds};
use crate::picture::{Axis, Colour, Mark, Picture, Plot, Series};
use crate::process::ProcessId;
use crate::sample::Sample;

/// More points than this are closer together than pixels.
const POINTS_MAX: usize = 600;

/// More intervals than this are bars too thin to see.
const INTERVALS_MAX: usize = 150;

/// More marks than this hide what they mark; the bands show when conditions were set.
const MARKS_MAX: usize = 24;

/// So many processes have a line of their own; the others share one.
const LINES_MAX: usize = 6;

/// The lists over time as a stacked area, with available memory, the marks of low and high memory,
/// and what conditions became of it.
#[must_use]
pub fn lists(report: &Report) -> Picture {
    let samples = lowest(&report.samples);
    let area = |name: &str, colour, pages: fn(&Sample) -> u32| {
        Series::new(name, over_time(&samples, |sample| memory(pages(sample)))).colour(colour)
    };
    let end = seconds(report.duration).max(samples.last().map_or(0.0, |s| seconds(s.at)));
    let mut plot = Plot::new(time_until(end), Axis::memory("memory"))
        .area(area("zeroed", Colour::LIGHT, |sample| sample.lists.zeroed))
        .area(area("free", Colour(0xb5, 0xbd, 0xc6), |sample| sample.lists.free))
        .area(area("standby", Colour::SKY, |sample| standby(&sample.lists)))
        .area(area("modified", Colour::ORANGE, |sample| {
            sample.lists.modified + sample.lists.modified_no_write
        }))
        .area(area("active", Colour::BLUE, |sample| sample.active))
        .line(
            Series::new("available", over_time(&samples, |sample| memory(available(sample))))
                .colour(Colour::BLACK),
        );
    for (name, mark) in [("low memory", report.low_memory), ("high memory", report.high_memory)] {
        if let Some(mark) = mark {
            plot = plot.level(format!("{name}: {mark}"), bytes(mark));
        }
    }
    let plot = with_bands(with_marks(plot, report), report);
    Picture::new("Memory lists over time", plot).subtitle(subtitle(report))
}

/// Faults a second by kind, over time.
#[must_use]
pub fn faults(report: &Report) -> Picture {
    let samples = evenly(&report.samples, INTERVALS_MAX + 1);
    let end = samples.last().map_or(0.0, |sample| seconds(sample.at));
    let mut plot = Plot::new(time_until(end), Axis::rate("faults a second"));
    for (name, colour, count) in KINDS {
        let points = samples.windows(2).map(|pair| {
            let [before, after] = [pair[0], pair[1]];
            let number = count(&after.counters) - count(&before.counters);
            let length = seconds(after.at) - seconds(before.at);
            (seconds(before.at), if length > 0.0 { number as f64 / length } else { 0.0 })
        });
        let mut points: Vec<_> = points.collect();
        if points.iter().any(|(_, rate)| *rate > 0.0) {
            points.extend(points.last().map(|(_, rate)| (end, *rate)));
            plot = plot.area(Series::new(name, points).colour(colour).stepped());
        }
    }
    let plot = with_commands(plot, report);
    Picture::new("Faults over time", plot).subtitle(subtitle(report))
}

/// The working sets of the processes over time: those of the largest, and the rest together.
#[must_use]
pub fn working_sets(report: &Report) -> Picture {
    let samples = evenly(&report.samples, POINTS_MAX);
    let end = samples.last().map_or(0.0, |sample| seconds(sample.at));
    let mut largest: Vec<_> = report.processes.iter().collect();
    largest.sort_by_key(|process| std::cmp::Reverse(process.working_set_peak));
    let rest = largest.split_off(largest.len().min(LINES_MAX));
    let mut plot = Plot::new(time_until(end), Axis::memory("working set"));
    for process in largest {
        let lives =
            |sample: &&Sample| sample.processes.iter().any(|p| p.process.0 == process.number);
        let living: Vec<_> = samples.iter().copied().filter(lives).collect();
        let points = working_set(&living, &[process.number]);
        plot = plot.line(Series::new(&process.name, points));
    }
    if !rest.is_empty() {
        let numbers: Vec<_> = rest.iter().map(|process| process.number).collect();
        let points = working_set(&samples, &numbers);
        plot = plot.line(Series::new(format!("{} others", rest.len()), points));
    }
    let plot = with_commands(plot, report);
    Picture::new("Working sets over time", plot).subtitle(subtitle(report))
}

type Count = fn(&Counters) -> u64;

/// The kinds of faults, the cheap ones below.
const KINDS: [(&str, Colour, Count); 7] = [
    ("demand zero", Colour(0x9a, 0xa5, 0xb1), |counters| counters.demand_zero),
    ("soft", Colour::SKY, |counters| counters.soft),
    ("from a section", Colour::GREEN, |counters| counters.prototype),
    ("copy-on-write", Colour::YELLOW, |counters| counters.copy_on_write),
    ("decompressed", Colour::PURPLE, |counters| counters.decompressed),
    ("joined a read", Colour::ORANGE, |counters| counters.collided),
    ("hard", Colour::VERMILLION, |counters| counters.hard),
];

/// The conditions that say that something is short.
const fn is_alarm(condition: Condition) -> bool {
    matches!(
        condition,
        Condition::LowMemory
            | Condition::LowPagedPool
            | Condition::LowNonPagedPool
            | Condition::HighCommit
            | Condition::MaximumCommit
    )
}

/// A row for the memory-list commands, and one for each condition that changed after the beginning.
fn with_bands(plot: Plot, report: &Report) -> Plot {
    let changed = |condition: &Condition| {
        let mut changes = report.changes.iter();
        changes.any(|change| change.reading.condition == *condition && change.at > Tick(0))
    };
    let plot = with_commands(plot, report);
    Condition::ALL.into_iter().filter(changed).fold(plot, |plot, condition| {
        let colour = if is_alarm(condition) { Colour::VERMILLION } else { Colour::GREEN };
        let spans = spans(&report.changes, condition, report.duration);
        let spans = spans.into_iter().map(|(from, to)| (seconds(from), seconds(to))).collect();
        plot.band(condition.argument().replace('-', " "), colour, spans)
    })
}

/// A row for the memory-list commands, if there were any.
fn with_commands(plot: Plot, report: &Report) -> Plot {
    let moments = report.commands.iter().map(|command| seconds(command.at));
    let moments: Vec<_> = moments.map(|at| (at, at)).collect();
    if moments.is_empty() { plot } else { plot.band("commands", Colour::BLACK, moments) }
}

/// Where the memory conditions changed, on the line of available memory.
fn with_marks(plot: Plot, report: &Report) -> Plot {
    let memory = [Condition::LowMemory, Condition::HighMemory];
    let changes = report.changes.iter();
    let changes: Vec<_> = changes
        .filter(|change| memory.contains(&change.reading.condition) && change.at > Tick(0))
        .collect();
    if changes.len() > MARKS_MAX {
        return plot;
    }
    let points = |condition, state| -> Vec<(f64, f64)> {
        let found = changes.iter().map(|change| (change.at, change.reading));
        let found = found.filter(|(_, r)| r.condition == condition && r.state == state);
        found.filter_map(|(at, r)| Some((seconds(at), bytes(r.value?)))).collect()
    };
    let (low, high) = (Condition::LowMemory, Condition::HighMemory);
    plot.marks("low set", Mark::Down, Colour::VERMILLION, points(low, State::Set))
        .marks("low cleared", Mark::HollowUp, Colour::VERMILLION, points(low, State::Clear))
        .marks("high set", Mark::Up, Colour::GREEN, points(high, State::Set))
        .marks("high cleared", Mark::HollowDown, Colour::GREEN, points(high, State::Clear))
}

fn subtitle(report: &Report) -> String {
    let count = report.processes.len();
    let processes = if count == 1 { "process" } else { "processes" };
    format!("{} of memory, {count} {processes}, seed {}", report.memory, report.seed)
}

fn time_until(end: f64) -> Axis {
    if end > 0.0 { Axis::time("time").range(0.0, end) } else { Axis::time("time") }
}

fn over_time(samples: &[&Sample], value: impl Fn(&Sample) -> f64) -> Vec<(f64, f64)> {
    samples.iter().map(|sample| (seconds(sample.at), value(sample))).collect()
}

fn working_set(samples: &[&Sample], numbers: &[usize]) -> Vec<(f64, f64)> {
    over_time(samples, |sample| {
        let processes = sample.processes.iter();
        let counted = processes.filter(|process| {
            let ProcessId(number) = process.process;
            numbers.contains(&number)
        });
        counted.map(|process| memory(process.working_set)).sum()
    })
}

/// As many samples as can be told apart: of those that fall together the one with the least
/// available memory.
fn lowest(samples: &[Sample]) -> Vec<&Sample> {
    let together = samples.len().div_ceil(POINTS_MAX).max(1);
    let mut shown: Vec<_> = samples
        .chunks(together)
        .filter_map(|chunk| chunk.iter().min_by_key(|sample| available(sample)))
        .collect();
    let ends = samples.first().into_iter().chain(samples.last());
    shown.extend(ends);
    shown.sort_by_key(|sample| sample.at);
    shown.dedup_by_key(|sample| sample.at);
    shown
}

/// So many samples, the first and the last among them.
fn evenly(samples: &[Sample], most: usize) -> Vec<&Sample> {
    let step = samples.len().div_ceil(most).max(1);
    let mut shown: Vec<_> = samples.iter().step_by(step).collect();
    shown.extend(samples.last());
    shown.dedup_by_key(|sample| sample.at);
    shown
}

fn standby(lists: &ListCounts) -> u32 {
    lists.standby.iter().sum()
}

fn available(sample: &Sample) -> u32 {
    sample.lists.zeroed + sample.lists.free + standby(&sample.lists)
}

fn memory(pages: u32) -> f64 {
    f64::from(pages) * PAGE_SIZE as f64
}

const fn bytes(amount: Bytes) -> f64 {
    amount.0 as f64
}
