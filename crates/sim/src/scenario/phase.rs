//! `[[process.phase]]`: what a process does for some time.

use std::ops::Range;

use memtide_core::page::Tick;
use serde::Deserialize;
use toml::Spanned;

use super::error::Problem;
use super::names;
use super::value::{Placed, Share, Size, Span, Whole, needed, pages, some_time, whole};
use crate::programs::{Activity, Growth, Phase, Place};
use crate::workload::Pattern;

/// `[[process.phase]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseTable {
    pattern: Placed<PatternName>,
    section: Placed<String>,
    from: Placed<Size>,
    size: Placed<Size>,
    alpha: Placed<f64>,
    stride: Placed<Size>,
    write_share: Placed<Share>,
    rate: Placed<Whole>,
    references: Placed<Whole>,
    amount: Placed<Size>,
    every: Placed<Span>,
    hold: Placed<Span>,
    times: Placed<Whole>,
    duration: Placed<Span>,
}

/// What a phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PatternName {
    Sequential,
    Loop,
    Random,
    Zipf,
    Strided,
    AllocateBurst,
    Leak,
    Idle,
    Compute,
}

/// References a phase may make, or allocations.
const COUNT_MAX: u64 = 1 << 60;
const RATE_MAX: u64 = 1_000_000_000;

/// The largest single allocation: 8 TiB.
const PAGES_MAX: u64 = 1 << 31;

/// How often an allocation is made, where nothing is said.
const EVERY: Tick = Tick(100_000_000);

/// What a process has that a phase may reference.
pub(super) struct Holdings<'a> {
    /// Its private memory, in pages.
    pub(super) memory: u64,
    /// The names of the sections that it maps, in the order of its views.
    pub(super) views: &'a [String],
    /// Their pages, and whether they may be written.
    pub(super) view_sizes: &'a [(u64, bool)],
}

impl PatternName {
    const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Loop => "loop",
            Self::Random => "random",
            Self::Zipf => "zipf",
            Self::Strided => "strided",
            Self::AllocateBurst => "allocate-burst",
            Self::Leak => "leak",
            Self::Idle => "idle",
            Self::Compute => "compute",
        }
    }

    /// The keys that mean something for it, beside `pattern` and `duration`.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Sequential | Self::Loop | Self::Random => {
                &["section", "from", "size", "write_share", "rate", "references"]
            }
            Self::Zipf => {
                &["section", "from", "size", "write_share", "rate", "references", "alpha"]
            }
            Self::Strided => {
                &["section", "from", "size", "write_share", "rate", "references", "stride"]
            }
            Self::AllocateBurst => &["amount", "every", "hold", "times"],
            Self::Leak => &["amount", "every", "times"],
            Self::Idle | Self::Compute => &[],
        }
    }
}

impl PhaseTable {
    /// The keys that are there, each with its place.
    fn said(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        fn at<T>(value: &Placed<T>) -> Option<Range<usize>> {
            value.as_ref().map(Spanned::span)
        }
        [
            ("section", at(&self.section)),
            ("from", at(&self.from)),
            ("size", at(&self.size)),
            ("alpha", at(&self.alpha)),
            ("stride", at(&self.stride)),
            ("write_share", at(&self.write_share)),
            ("rate", at(&self.rate)),
            ("references", at(&self.references)),
            ("amount", at(&self.amount)),
            ("every", at(&self.every)),
            ("hold", at(&self.hold)),
            ("times", at(&self.times)),
        ]
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
    }
}

/// The phase that a table describes.
///
/// # Errors
/// [`Problem`] with the value that makes no sense, or the key that means nothing here.
pub(super) fn read(table: &Spanned<PhaseTable>, holdings: &Holdings<'_>) -> Result<Phase, Problem> {
    let (said, span) = (table.get_ref(), table.span());
    let pattern = needed(&said.pattern, &span, "pattern", "expected what the phase does")?;
    let (pattern, at) = (*pattern.get_ref(), pattern.span());
    for (key, span) in said.said() {
        if !pattern.keys().contains(&key) {
            let (name, keys) = (pattern.name(), pattern.keys().join(", "));
            let expected = if keys.is_empty() { "duration" } else { keys.as_str() };
            let text = format!("it means nothing for the pattern '{name}': expected {expected}");
            return Err(Problem::new(span, text));
        }
    }
    let duration = said.duration.as_ref();
    let duration = duration.map(|_| some_time(&said.duration, Tick(0))).transpose()?;
    match pattern {
        PatternName::Idle | PatternName::Compute => {
            let text = format!("`duration` is missing: expected how long to {}", pattern.name());
            let duration = duration.ok_or_else(|| Problem::new(at, text))?;
            let is_idle = pattern == PatternName::Idle;
            let activity = if is_idle { Activity::Idle } else { Activity::Compute };
            Ok(Phase { activity, count: None, duration: Some(duration) })
        }
        PatternName::AllocateBurst | PatternName::Leak => growth(said, &span, pattern, duration),
        _ => references(said, &at, pattern, duration, holdings),
    }
}

fn count(value: &Placed<Whole>, what: &str) -> Result<Option<u64>, Problem> {
    value.as_ref().map(|_| whole(value, 0, 1..=COUNT_MAX, what)).transpose()
}

fn growth(
    said: &PhaseTable,
    span: &Range<usize>,
    pattern: PatternName,
    duration: Option<Tick>,
) -> Result<Phase, Problem> {
    let amount = needed(&said.amount, span, "amount", "expected how much to allocate each time")?;
    let is_leak = pattern == PatternName::Leak;
    let hold = said.hold.as_ref().map_or(Tick(0), |hold| hold.get_ref().0);
    let growth = Growth {
        pages: pages(amount, PAGES_MAX, "")?,
        every: some_time(&said.every, EVERY)?,
        hold: (!is_leak).then_some(hold),
        only_while: None,
    };
    let times = count(&said.times, "times")?;
    // A burst is one; a leak goes on.
    let is_one = !is_leak && times.is_none() && duration.is_none();
    let times = if is_one { Some(1) } else { times };
    Ok(Phase { activity: Activity::Grow(growth), count: times, duration })
}

fn references(
    said: &PhaseTable,
    at: &Range<usize>,
    pattern: PatternName,
    duration: Option<Tick>,
    holdings: &Holdings<'_>,
) -> Result<Phase, Problem> {
    let (place, all, may_write) = place(said, at, holdings)?;
    let (first, size) = region(said, all)?;
    let name = pattern;
    let pattern = match pattern {
        PatternName::Random => Pattern::Random { pages: size },
        PatternName::Zipf => {
            let alpha = said.alpha.as_ref().map_or(1.0, |alpha| *alpha.get_ref());
            Pattern::Zipf { pages: size, alpha }
        }
        PatternName::Strided => {
            let what = "expected how far it is from one page to the next";
            let stride = needed(&said.stride, at, "stride", what)?;
            Pattern::Strided { pages: size, stride: stride.get_ref().pages() }
        }
        _ => Pattern::Sequential { pages: size },
    };
    let blamed = match (&said.alpha, &said.stride) {
        (Some(alpha), _) => alpha.span(),
        (_, Some(stride)) => stride.span(),
        _ => at.clone(),
    };
    pattern.check().map_err(|error| Problem::new(blamed, error.to_string()))?;
    let write_share = match &said.write_share {
        Some(share) if share.get_ref().0 > 0.0 && !may_write => {
            let text = "the process may only read the section: expected 0, or a view with \
                        access = \"write\" or \"copy-on-write\"";
            return Err(Problem::new(share.span(), text));
        }
        Some(share) => share.get_ref().0,
        None if place == Place::Memory => 0.25,
        None => 0.0,
    };
    let rate = said.rate.as_ref();
    let rate = rate.map(|_| whole(&said.rate, 0, 1..=RATE_MAX, "references a second"));
    let count = count(&said.references, "references")?;
    // One pass, where nothing else is said.
    let is_pass = name == PatternName::Sequential && count.is_none() && duration.is_none();
    let count = if is_pass { Some(size) } else { count };
    let rate = rate.transpose()?;
    let activity = Activity::References { pattern, place, first, write_share, rate };
    Ok(Phase { activity, count, duration })
}

/// What a phase references, how many pages it has, and whether it may be written.
fn place(
    said: &PhaseTable,
    at: &Range<usize>,
    holdings: &Holdings<'_>,
) -> Result<(Place, u64, bool), Problem> {
    match &said.section {
        Some(name) => {
            let view = names::find(name, holdings.views, "section that the process maps")?;
            let (pages, may_write) = holdings.view_sizes[view];
            Ok((Place::View(view), pages, may_write))
        }
        None if holdings.memory == 0 => {
            let text = "the process has no memory to reference: expected `memory` in its table, \
                        or `section` here";
            Err(Problem::new(at.clone(), text))
        }
        None => Ok((Place::Memory, holdings.memory, true)),
    }
}

/// The first page and the number of pages of a part of something.
fn region(said: &PhaseTable, all: u64) -> Result<(u64, u64), Problem> {
    let first = match &said.from {
        Some(from) if from.get_ref().pages() >= all => {
            let (from, size) = (from.get_ref().0, memtide_core::units::Bytes::from_pages(all));
            let placed = said.from.as_ref().map_or(0..0, Spanned::span);
            return Err(Problem::new(placed, format!("{from}: expected less than {size}")));
        }
        Some(from) => from.get_ref().pages(),
        None => 0,
    };
    let size = match &said.size {
        Some(size) => pages(size, all - first, " from there")?,
        None => all - first,
    };
    Ok((first, size))
}
