//! The conditions of a run: when they changed, and for how long they held.

use memtide_core::conditions::{Condition, Reading, State};
use memtide_core::page::Tick;

/// A condition that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionChange {
    /// When.
    pub at: Tick,
    /// What it is from then on.
    pub reading: Reading,
}

/// How a condition fared over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionSpan {
    /// Which it is, and what it is at the end.
    pub reading: Reading,
    /// How many times it was set.
    pub times_set: u64,
    /// When it was set first, if it ever was.
    pub first_set: Option<Tick>,
    /// For how long it was set in all.
    pub held: Tick,
}

/// From when until when a condition was set, in a run that ended at a moment.
pub(super) fn spans(
    changes: &[ConditionChange],
    condition: Condition,
    end: Tick,
) -> Vec<(Tick, Tick)> {
    let mut spans = Vec::new();
    let mut since = None;
    for change in changes.iter().filter(|change| change.reading.condition == condition) {
        match (change.reading.state, since) {
            (State::Set, None) => since = Some(change.at),
            (State::Clear | State::Unknown, Some(begun)) => {
                spans.push((begun, change.at));
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|begun| (begun, end)));
    spans
}

/// How each condition fared, by what it is at the end.
pub(super) fn fared(
    changes: &[ConditionChange],
    at_end: &[Reading],
    end: Tick,
) -> Vec<ConditionSpan> {
    let one = |reading: &Reading| {
        let spans = spans(changes, reading.condition, end);
        let held = spans.iter().map(|(from, to)| to.0.saturating_sub(from.0)).sum();
        ConditionSpan {
            reading: *reading,
            times_set: spans.len() as u64,
            first_set: spans.first().map(|(from, _)| *from),
            held: Tick(held),
        }
    };
    at_end.iter().map(one).collect()
}
