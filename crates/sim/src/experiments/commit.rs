//! The commit charge grows past its limits.
//!
//! Source: *Windows Internals*, "Commit charge and the system commit limit"; Microsoft's
//! documentation, "Standard Event Objects".

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{PAGE_SIZE, SpaceId, Tick};
use memtide_core::units::Bytes;
use memtide_core::{Allocation, Call, Config, MEM_RELEASE, Range, Reply};

use super::outcome::{Outcome, Table};
use super::plotted::{plotted, spans};
use super::stage::{Stage, status};
use crate::disk::DiskKind;
use crate::injected::InjectedFaults;
use crate::machine::Machine;
use crate::picture::{Axis, Colour, Picture, Plot, Series};

const MEMORY: Bytes = Bytes::from_mib(64);
const PAGE_FILE: Bytes = Bytes::from_mib(32);
const PAGE_FILE_MAXIMUM: Bytes = Bytes::from_mib(128);

/// What is committed at a time.
const PIECE: Bytes = Bytes::from_mib(2);

/// What the program does between two commitments.
const PAUSE: Tick = Tick(1_000_000 * STEP_MS as u64);
const STEP_MS: u32 = 1;

const CONDITIONS: [Condition; 3] =
    [Condition::LowCommit, Condition::HighCommit, Condition::MaximumCommit];

/// The charge and its limits after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    pub(super) charge: Bytes,
    pub(super) limit: Bytes,
    pub(super) maximum: Bytes,
    set: [bool; 3],
    is_committing: bool,
}

/// What happened to a machine whose program commits all it can get.
pub(super) struct Growth {
    pub(super) levels: Vec<Level>,
    refused: &'static str,
    touched: u64,
}

fn level(stage: &Stage, is_committing: bool) -> Level {
    let commit = stage.world.manager().snapshot().commit();
    let readings = stage.world.manager().conditions();
    Level {
        charge: Bytes::from_pages(commit.charged()),
        limit: Bytes::from_pages(commit.limit()),
        maximum: Bytes::from_pages(commit.maximum()),
        set: CONDITIONS.map(|condition| readings[condition.index()].state == State::Set),
        is_committing,
    }
}

/// Commits until it is refused, then gives everything back.
pub(super) fn growth(can_extend: bool) -> Growth {
    let pages = |bytes: Bytes| u32::try_from(bytes.pages()).unwrap_or(u32::MAX);
    let config =
        Config::new(pages(MEMORY)).with_page_file(pages(PAGE_FILE), pages(PAGE_FILE_MAXIMUM));
    let mut machine = Machine::new(config);
    // It takes a hard disk a moment to grow a file.
    machine.disks = vec![DiskKind::hdd()];
    if !can_extend {
        machine.faults = InjectedFaults { extend_error_permille: 1_000, ..machine.faults };
    }
    let mut stage = Stage::new(&machine);
    let space = stage.process();
    let mut growth = Growth { levels: vec![level(&stage, true)], refused: "", touched: 0 };
    let mut held = Vec::new();
    loop {
        match stage.call(&Call::Allocate(space, Allocation::committed(PIECE.0))) {
            Ok(Reply::Address(base)) => held.push(base),
            refused => {
                growth.refused = status(&refused);
                break;
            }
        }
        stage.pass(PAUSE);
        growth.levels.push(level(&stage, true));
    }
    growth.touched = MEMORY.pages() - stage.available();
    give_back(&mut stage, space, held, &mut growth.levels);
    growth
}

fn give_back(stage: &mut Stage, space: SpaceId, held: Vec<u64>, levels: &mut Vec<Level>) {
    for address in held.into_iter().rev() {
        stage.must(&Call::Free(Range { space, address, bytes: 0 }, MEM_RELEASE));
        stage.pass(PAUSE);
        levels.push(level(stage, false));
    }
}

/// The first and the last level, those at which a limit or a condition changed, and the top.
fn changes(levels: &[Level]) -> impl Iterator<Item = &Level> {
    levels
        .iter()
        .enumerate()
        .filter(|(at, level)| {
            let before = at.checked_sub(1).and_then(|before| levels.get(before));
            let changed = before.is_none_or(|before| {
                (before.limit, before.maximum, before.set)
                    != (level.limit, level.maximum, level.set)
            });
            let is_top = |next: &Level| level.is_committing && !next.is_committing;
            changed || levels.get(at + 1).is_none_or(is_top)
        })
        .map(|(_, level)| level)
}

fn table(levels: &[Level]) -> Table {
    let mut table = Table::new(&["while", "charge", "limit", "maximum", "set"]);
    for level in changes(levels) {
        let names: Vec<&str> = CONDITIONS
            .iter()
            .zip(level.set)
            .filter(|(_, is_set)| *is_set)
            .map(|(condition, _)| condition.name())
            .collect();
        table.row([
            if level.is_committing { "committing" } else { "freeing" },
            &level.charge.to_string(),
            &level.limit.to_string(),
            &level.maximum.to_string(),
            &if names.is_empty() { "–".to_owned() } else { names.join(", ") },
        ]);
    }
    table
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    growing(&mut outcome, &growth(true));
    fixed(&mut outcome, &growth(false));
    outcome
}

fn growing(outcome: &mut Outcome, growth: &Growth) {
    outcome
        .step("Commit 2 MiB at a time until it is refused, then free it all")
        .line(format!(
            "{MEMORY} of memory, a page file of {PAGE_FILE} that may grow to {PAGE_FILE_MAXIMUM}"
        ))
        .line(format!("the last call gives {}", growth.refused))
        .line(format!("frames in use at the most: {}", growth.touched))
        .table(table(&growth.levels));
    let first = growth.levels[0];
    let up: Vec<&Level> = growth.levels.iter().filter(|level| level.is_committing).collect();
    let top = up.last().copied().copied().unwrap_or(first);
    let page = Bytes(PAGE_SIZE);
    outcome.finding(
        "The limit is memory and the page file as it is; the maximum is with the file grown.",
        format!("{} and {}", first.limit, first.maximum),
        first.limit == MEMORY.saturating_add(PAGE_FILE).saturating_sub(page)
            && first.maximum == MEMORY.saturating_add(PAGE_FILE_MAXIMUM).saturating_sub(page),
    );
    let grown = up.windows(2).find(|pair| pair[1].limit > pair[0].limit).map(|pair| *pair[1]);
    outcome.finding(
        "The page file grows before the limit is reached, and the limit with it.",
        grown.map_or_else(String::new, |level| {
            format!("at a charge of {} the limit becomes {}", level.charge, level.limit)
        }),
        grown.is_some_and(|level| level.charge < first.limit),
    );
    let first_set = |at: usize| up.iter().find(|level| level.set[at]).map(|level| level.charge);
    outcome.finding(
        "The charge passes the limit that there was at first, and stops at the maximum.",
        format!("{} of {}, then {}", top.charge, top.maximum, growth.refused),
        top.charge > first.limit
            && top.maximum.saturating_sub(top.charge) < PIECE
            && growth.refused == "STATUS_COMMITMENT_LIMIT",
    );
    let high = first_set(1);
    outcome.finding(
        "HighCommitCondition is set while the file is still to grow, and cleared when it has.",
        high.map_or_else(|| "never".to_owned(), |charge| format!("first at {charge}")),
        high.is_some_and(|charge| charge < first.limit)
            && up.iter().any(|level| Some(level.charge) > high && level.set == [false; 3]),
    );
    let maximum = first_set(2);
    outcome.finding(
        "MaximumCommitCondition is set near the maximum, when no file can grow any more.",
        maximum.map_or_else(|| "never".to_owned(), |charge| format!("from {charge} on")),
        maximum.is_some_and(|charge| charge >= first.maximum.scale(9, 10)),
    );
    outcome.finding_equal(
        "Committing takes no memory: nothing was touched.",
        (growth.touched, "frames in use"),
        0,
    );
    let last = growth.levels[growth.levels.len() - 1];
    outcome.finding(
        "When all is freed the charge is low again; the page file stays as large as it is.",
        format!("{} of {}", last.charge, last.limit),
        last.charge == Bytes::ZERO && last.set[0] && last.limit == top.limit,
    );
}

fn fixed(outcome: &mut Outcome, growth: &Growth) {
    outcome
        .step("The same where the page file cannot grow: its disk is full")
        .line(format!("the last call gives {}", growth.refused))
        .table(table(&growth.levels));
    let up: Vec<&Level> = growth.levels.iter().filter(|level| level.is_committing).collect();
    let first = growth.levels[0];
    let top = up.last().copied().copied().unwrap_or(first);
    outcome.finding(
        "A file that cannot grow leaves the limit where it was, and the call is refused there.",
        format!("{} of {}, then {}", top.charge, top.limit, growth.refused),
        top.limit == first.limit
            && top.limit.saturating_sub(top.charge) < PIECE
            && growth.refused == "STATUS_COMMITMENT_LIMIT",
    );
    let high = up.iter().any(|level| level.set[1] || level.set[2]);
    outcome.finding(
        "Before that a condition says so: there is time to save and to close something.",
        table(&growth.levels).rows.iter().map(|row| row[4].clone()).collect::<Vec<_>>().join(", "),
        high,
    );
}

/// The charge and its limits, step by step.
pub(super) fn picture() -> Picture {
    let levels = growth(true).levels;
    let steps = || (0..).map(|step: u32| f64::from(step) * f64::from(STEP_MS) / 1e3);
    let line = |name: &str, of: fn(&Level) -> Bytes| {
        let points = steps().zip(levels.iter().map(|level| plotted(of(level))));
        Series::new(name, points.collect())
    };
    let mut plot = Plot::new(Axis::time("time"), Axis::memory("commit"))
        .line(line("charge", |level| level.charge))
        .line(line("limit", |level| level.limit).stepped())
        .line(line("maximum", |level| level.maximum).stepped());
    let colours = [Colour::GREEN, Colour::ORANGE, Colour::VERMILLION];
    for (at, (condition, colour)) in CONDITIONS.into_iter().zip(colours).enumerate() {
        let points: Vec<(f64, bool)> =
            steps().zip(levels.iter().map(|level| level.set[at])).collect();
        plot = plot.band(condition.name(), colour, spans(&points));
    }
    Picture::new("The commit charge reaches its limits", plot).subtitle(
        "64 MiB of memory, a page file of 32 MiB that grows to 128 MiB; 2 MiB each millisecond",
    )
}
