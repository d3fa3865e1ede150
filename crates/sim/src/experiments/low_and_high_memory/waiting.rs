//! Processes wait for the conditions while one of them grows.

use std::sync::mpsc::channel;

use memtide_core::conditions::{Condition, State};
use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{Config, SpaceConfig};

use super::super::outcome::{Outcome, Table};
use super::super::script::{Beat, Entry, Script};
use super::marks;
use crate::machine::Machine;
use crate::simulation::Simulation;

const MILLISECOND: u64 = 1_000_000;

const MEMORY_MIB: u64 = 128;

/// MiB that the process has at most that grows, one at a time.
const GROWS_TO: u64 = 118;
const GROWS_EACH: Tick = Tick(5 * MILLISECOND);
const HOLDS: Tick = Tick(300 * MILLISECOND);

/// MiB that the process with a cache keeps there; it gives half of it back.
const CACHE: u64 = 16;

/// How long the process with a cache leaves it small at least.
const BACKS_OFF: Tick = Tick(50 * MILLISECOND);

const END: Tick = Tick(1_200 * MILLISECOND);

/// Available memory over time, the marks, and what everybody did.
pub(in super::super) struct Timeline {
    pub(in super::super) available: Vec<(Tick, Bytes)>,
    pub(in super::super) marks: [Bytes; 2],
    pub(in super::super) entries: Vec<Entry>,
    /// Each time a condition was set, and what was available.
    set: Vec<(Tick, Condition, Bytes)>,
}

fn say(what: impl Into<String>) -> Beat {
    Beat::Say(what.into())
}

const fn pages(mib: u64) -> u64 {
    Bytes::from_mib(mib).pages()
}

/// Grows, holds what it has, and ends.
fn grower() -> Vec<Beat> {
    let mut beats = vec![Beat::Reserve(pages(GROWS_TO))];
    for mib in 0..GROWS_TO {
        let added = pages(mib)..pages(mib + 1);
        beats.extend([Beat::Commit(added.clone()), Beat::Write(added), Beat::Sleep(GROWS_EACH)]);
    }
    beats.push(say(format!("has {GROWS_TO} MiB, and keeps them for a while")));
    beats.extend([Beat::Sleep(HOLDS), say("ends")]);
    beats
}

/// Keeps a cache, and gives half of it back when memory is low.
fn cache() -> Vec<Beat> {
    let all = 0..pages(CACHE);
    let half = pages(CACHE / 2)..pages(CACHE);
    vec![
        Beat::Reserve(all.end),
        Beat::Commit(all.clone()),
        Beat::Write(all),
        say(format!("fills a cache of {CACHE} MiB, and waits for low memory")),
        Beat::Await(Condition::LowMemory),
        say(format!("is woken: low memory; gives {} MiB back", CACHE / 2)),
        Beat::Decommit(half.clone()),
        Beat::Sleep(BACKS_OFF),
        say("waits for high memory"),
        Beat::Await(Condition::HighMemory),
        say("is woken: high memory; fills its cache again"),
        Beat::Commit(half.clone()),
        Beat::Write(half),
        Beat::Sleep(END),
    ]
}

/// Only tells what it hears.
fn watcher() -> Vec<Beat> {
    let round = [
        Beat::Await(Condition::LowMemory),
        say("is woken: low memory"),
        Beat::Await(Condition::HighMemory),
        say("is woken: high memory"),
    ];
    let mut beats = vec![Beat::Reserve(1), Beat::Sleep(Tick(MILLISECOND))];
    (0..4).for_each(|_| beats.extend(round.clone()));
    beats
}

pub(super) fn run() -> Timeline {
    let frames = u32::try_from(pages(MEMORY_MIB)).unwrap_or(u32::MAX);
    let mut simulation = Simulation::new(&Machine::new(Config::new(frames)), 1).expect("a machine");
    let (log, told) = channel();
    for (name, beats) in [("cache", cache()), ("watcher", watcher()), ("grower", grower())] {
        let script = Script::boxed(name, beats, &log);
        simulation.spawn(name, SpaceConfig::default(), Tick(100), script).expect("a process");
    }
    simulation.sample_every(Tick(2 * MILLISECOND));
    simulation.run_until(END);
    let level =
        |sample: &crate::sample::Sample| (sample.at, sample.levels.available.unwrap_or_default());
    let available = simulation.samples().iter().map(level).collect();
    let mut entries: Vec<Entry> = told.try_iter().collect();
    entries.sort_by_key(|(at, ..)| *at);
    let readings = simulation.world().readings().iter();
    let set = readings.filter(|(_, reading)| reading.state == State::Set);
    let set = set.map(|(at, reading)| (*at, reading.condition, reading.value.unwrap_or_default()));
    Timeline { available, marks: marks(MEMORY_MIB), entries, set: set.collect() }
}

fn milliseconds(at: Tick) -> String {
    format!("{}.{:01} ms", at.0 / MILLISECOND, at.0 % MILLISECOND / (MILLISECOND / 10))
}

pub(super) fn show(outcome: &mut Outcome, timeline: &Timeline) {
    let mut table = Table::new(&["at", "available", "process", "what it does"]);
    let level = |at: Tick| {
        let before = timeline.available.iter().take_while(|(sampled, _)| *sampled <= at);
        before.last().map_or(Bytes::ZERO, |(_, available)| *available)
    };
    for (at, who, what) in &timeline.entries {
        table.row([milliseconds(*at), level(*at).to_string(), (*who).to_owned(), what.clone()]);
    }
    outcome
        .step("Let processes wait for the conditions on a machine of 128 MB, while one grows")
        .line("There is no page file, so that only programs can make memory available.")
        .table(table);
    let [_, high] = timeline.marks;
    let woken = |name: &str, word: &str| {
        let found = |(_, who, what): &&Entry| *who == name && what.contains(word);
        timeline.entries.iter().find(found).map(|(at, ..)| *at)
    };
    let both = [woken("cache", "woken: low"), woken("watcher", "woken: low")];
    let lowest = timeline.available.iter().map(|(_, available)| *available).min();
    outcome.finding(
        "Everyone who waits for low memory is woken at once, when it is set.",
        both.map(|at| at.map_or_else(|| "never".to_owned(), milliseconds)).join(" and "),
        both[0].is_some() && both[0] == both[1],
    );
    outcome.finding(
        "One process that gives memory back keeps the machine from running out.",
        format!("never less than {} available", lowest.unwrap_or_default()),
        lowest.is_some_and(|lowest| lowest > Bytes::ZERO),
    );
    let again = woken("cache", "woken: high").zip(both[0]);
    let plenty = again.and_then(|(woken_at, _)| {
        let found = |(at, condition, _): &&(Tick, Condition, Bytes)| {
            *condition == Condition::HighMemory && *at == woken_at
        };
        timeline.set.iter().find(found).map(|(.., available)| *available)
    });
    outcome.finding(
        "Whoever waits for high memory next does not spin: it sleeps until there is plenty.",
        again.map_or_else(String::new, |(high_at, low_at)| {
            let later = milliseconds(Tick(high_at.0 - low_at.0));
            format!("{later} later, with {} available", plenty.unwrap_or_default())
        }),
        again.is_some_and(|(high_at, low_at)| high_at > low_at.after(BACKS_OFF))
            && plenty.is_some_and(|available| available >= high),
    );
}
