//! Low and high memory: where the marks are, what sets them, and who is woken.
//!
//! Source: Microsoft's documentation of `CreateMemoryResourceNotification`.

mod filling;
mod waiting;

use memtide_core::conditions::{Condition, Overrides, Profile, Sizes, Thresholds};
use memtide_core::units::Bytes;
use memtide_core::{Config, Manager};

use super::outcome::{Outcome, Table};
use super::plotted::{plotted, seconds};
use crate::picture::{Axis, Colour, Mark, Picture, Plot, Series};
use memtide_core::page::Tick;

/// Sizes of machines, in MiB: 128 MB to 1 TB.
const SIZES: [u64; 10] = [128, 256, 512, 1_024, 2_048, 4_096, 8_192, 65_536, 262_144, 1_048_576];

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    formula(&mut outcome);
    filling::show(&mut outcome);
    overrides(&mut outcome);
    waiting::show(&mut outcome, &waiting::run());
    outcome
}

/// The marks of low and high memory of a machine of so many MiB, as its manager has them.
fn marks(mib: u64) -> [Bytes; 2] {
    let frames = u32::try_from(Bytes::from_mib(mib).pages()).unwrap_or(u32::MAX);
    let manager = Manager::new(Config::new(frames)).expect("a machine of this size");
    let readings = manager.conditions();
    [Condition::LowMemory, Condition::HighMemory]
        .map(|condition| readings[condition.index()].threshold.unwrap_or_default())
}

fn formula(outcome: &mut Outcome) {
    let mut table = Table::new(&["memory", "low", "high", "low is"]);
    let mut seen = Vec::new();
    for mib in SIZES {
        let [low, high] = marks(mib);
        let parts = Bytes::from_mib(mib).0 / low.0.max(1);
        let memory = Bytes::from_mib(mib).to_string();
        table.row([memory, low.to_string(), high.to_string(), format!("1 part in {parts}")]);
        seen.push((mib, low, high));
    }
    outcome.step("Make machines of 128 MB to 1 TB, and read the marks").table(table);
    let by_formula = |mib: u64| Bytes::from_mib(mib.min(8_192)).scale(1, 128);
    let wrong = seen.iter().filter(|(mib, low, _)| *low != by_formula(*mib)).count();
    outcome.finding_equal(
        "Low is 32 MB for each 4 GB of memory, and never more than 64 MB.",
        (wrong, "of 10 sizes differ"),
        0,
    );
    let wrong = seen.iter().filter(|(_, low, high)| *high != low.scale(3, 1)).count();
    outcome.finding_equal("High is three times low.", (wrong, "of 10 sizes differ"), 0);
}

fn overrides(outcome: &mut Outcome) {
    let physical = Bytes::from_mib(8_192);
    let sizes = Sizes { physical, ..Sizes::default() };
    let sets = [
        (None, None),
        (Some(256), None),
        (Some(256), Some(300)),
        (Some(256), Some(100)),
        (None, Some(1_024)),
        (Some(8_192), None),
    ];
    let mut table = Table::new(&["LowMemoryThreshold", "HighMemoryThreshold", "low", "high"]);
    let mut given = Vec::new();
    for (low_memory_mb, high_memory_mb) in sets {
        let overrides = Overrides { low_memory_mb, high_memory_mb, ..Overrides::default() };
        let marks = Thresholds::new(Profile::Windows, &sizes, &overrides);
        let said = |mb: Option<u32>| mb.map_or_else(|| "not set".to_owned(), |mb| mb.to_string());
        let [low, high] = match &marks {
            Ok(marks) => [marks.low_memory.to_string(), marks.high_memory.to_string()],
            Err(_) => ["refused".to_owned(), "–".to_owned()],
        };
        table.row([said(low_memory_mb), said(high_memory_mb), low, high]);
        given.push(marks.map(|marks| (marks.low_memory, marks.high_memory)));
    }
    outcome.step("Set the marks in the registry, in MB, on a machine of 8 GB").table(table);
    let mib = Bytes::from_mib;
    outcome.finding(
        "With LowMemoryThreshold alone, high is three times that.",
        "256 gives 768 MiB",
        given[1] == Ok((mib(256), mib(768))),
    );
    outcome.finding(
        "High is never below low: a smaller HighMemoryThreshold is raised.",
        "256 and 100 give 256 MiB and 256 MiB",
        given[3] == Ok((mib(256), mib(256))),
    );
    outcome.finding(
        "A mark of all memory would be met for ever, and is refused.",
        given[5].as_ref().err().map_or_else(|| "accepted".to_owned(), ToString::to_string),
        given[5].is_err(),
    );
}

/// Available memory over time, with the marks and who was woken.
pub(super) fn picture() -> Picture {
    let timeline = waiting::run();
    let points = timeline.available.iter().map(|(at, level)| (seconds(*at), plotted(*level)));
    let [low, high] = timeline.marks;
    let level = |moment: Tick| {
        let before = timeline.available.iter().take_while(|(at, _)| *at <= moment);
        before.last().map_or(Bytes::ZERO, |(_, level)| *level)
    };
    let woken = |word: &str| {
        let entries = timeline.entries.iter().filter(|(.., what)| what.contains(word));
        entries.map(|(at, ..)| (seconds(*at), plotted(level(*at)))).collect()
    };
    let plot = Plot::new(Axis::time("time"), Axis::memory("available").logarithmic())
        .line(Series::new("available memory", points.collect()))
        .level("high", plotted(high))
        .level("low", plotted(low))
        .marks("woken by low memory", Mark::Down, Colour::VERMILLION, woken("woken: low"))
        .marks("woken by high memory", Mark::Up, Colour::GREEN, woken("woken: high"));
    Picture::new("Processes wait for low and high memory", plot)
        .subtitle("One process grows; another one gives half of its cache back when it is woken")
}
