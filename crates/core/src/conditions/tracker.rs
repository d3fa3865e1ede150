//! The state of the nine conditions, from one comparison to the next.

use super::{Bound, Condition, ConditionSet, Levels, Permille, PoolMarks, Thresholds};
use crate::units::{Bytes, PAGE_SIZE};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// The condition holds.
    Set,
    /// The condition does not hold.
    Clear,
    /// The level it is judged by cannot be known.
    #[default]
    Unknown,
}

/// The evidence that decided a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reason {
    /// Available physical memory against its mark.
    Availability,
    /// What a container's limit leaves available, against its mark.
    ContainerLimit,
    /// Programs stalled for memory while it was not high.
    Stall,
    /// Free pool against its mark.
    PoolFree,
    /// The commit charge against a share of a limit.
    CommitCharge,
    /// The level cannot be known.
    Unknown,
    /// The system's own event, which Windows sets and clears.
    Event,
    /// The system's own event cannot be had.
    NoEvent {
        /// The NTSTATUS with which Windows refused it.
        status: u32,
    },
}

impl Reason {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::ContainerLimit => "container-limit",
            Self::Stall => "psi-stall",
            Self::PoolFree => "pool-free",
            Self::CommitCharge => "commit-charge",
            Self::Unknown => "unknown",
            Self::Event => "event",
            Self::NoEvent { .. } => "no-event",
        }
    }
}

/// One condition at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reading {
    /// Which of the nine.
    pub condition: Condition,
    /// Whether it holds.
    pub state: State,
    /// The level it was judged by, in bytes.
    pub value: Option<Bytes>,
    /// The mark it was compared with, in bytes.
    pub threshold: Option<Bytes>,
    /// What decided.
    pub reason: Reason,
}

impl Reading {
    /// The reading of a condition of which nothing is known.
    #[must_use]
    pub const fn unknown(condition: Condition) -> Self {
        Self {
            condition,
            state: State::Unknown,
            value: None,
            threshold: None,
            reason: Reason::Unknown,
        }
    }
}

/// On which side of its mark a level sets its condition.
#[derive(Clone, Copy)]
enum Side {
    /// Set while `level < mark`; clear again from `mark + margin` on.
    Below,
    /// Set while `level <= mark`; clear again above `mark + margin`.
    AtOrBelow,
    /// Set while `level >= mark`; clear again below `mark - margin`.
    AtOrAbove,
}

impl Side {
    /// How far the level is from where it would change the state.
    fn distance(self, is_set: bool, level: Bytes, mark: Bytes, margin: Bytes) -> Bytes {
        let edge = match (is_set, self) {
            (false, _) => mark,
            (true, Self::AtOrAbove) => mark.saturating_sub(margin),
            (true, Self::Below | Self::AtOrBelow) => mark.saturating_add(margin),
        };
        Bytes(level.0.abs_diff(edge.0))
    }

    fn holds(self, was_set: bool, level: Bytes, mark: Bytes, margin: Bytes) -> bool {
        let margin = if was_set { margin } else { Bytes::ZERO };
        match self {
            Self::Below => level < mark.saturating_add(margin),
            Self::AtOrBelow => level <= mark.saturating_add(margin),
            Self::AtOrAbove => level >= mark.saturating_sub(margin),
        }
    }
}

/// Holds the nine conditions of one resource domain and compares them with each new level.
///
/// Work of an [`Tracker::update`]: constant, no allocation.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tracker {
    thresholds: Thresholds,
    readings: [Reading; Condition::COUNT],
    distances: [Option<Bytes>; Condition::COUNT],
}

/// A stall ends when programs wait for less than half of what began it.
const STALL_CLEARS_AT_HALF: u16 = 2;

/// The hysteresis of the commit marks, in thousandths of the limit.
const COMMIT_MARGIN: Permille = Permille(20);

impl Tracker {
    /// A tracker in which every condition is unknown until the first update.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            readings: Condition::ALL.map(Reading::unknown),
            distances: [None; Condition::COUNT],
        }
    }

    /// The marks in force.
    #[must_use]
    pub const fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Puts other marks in force; the next update compares with them.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// The nine readings of the last update, in the order of [`Condition::ALL`].
    #[must_use]
    pub const fn readings(&self) -> &[Reading; Condition::COUNT] {
        &self.readings
    }

    /// The reading of one condition.
    #[must_use]
    pub const fn reading(&self, condition: Condition) -> &Reading {
        &self.readings[condition.index()]
    }

    /// By how much the level of this condition must move before its state can change; `None`
    /// where the level is unknown. Stalls are not counted: they move at once.
    #[must_use]
    pub const fn distance(&self, condition: Condition) -> Option<Bytes> {
        self.distances[condition.index()]
    }

    /// The conditions that are unknown.
    #[must_use]
    pub fn unknown(&self) -> ConditionSet {
        self.readings.iter().filter(|r| r.state == State::Unknown).map(|r| r.condition).collect()
    }

    /// The conditions that are set.
    #[must_use]
    pub fn set(&self) -> ConditionSet {
        self.readings.iter().filter(|r| r.state == State::Set).map(|r| r.condition).collect()
    }

    /// Compares new levels with the marks; returns the conditions whose state changed.
    pub fn update(&mut self, levels: &Levels) -> ConditionSet {
        let before = self.readings;
        self.update_memory(levels);
        self.update_pools(levels);
        self.update_commit(levels);
        let changed = before.iter().zip(&self.readings).filter(|(b, a)| b.state != a.state);
        changed.map(|(_, after)| after.condition).collect()
    }

    fn was_set(&self, condition: Condition) -> bool {
        self.reading(condition).state == State::Set
    }

    fn judge(
        &mut self,
        condition: Condition,
        reason: Reason,
        level: Option<Bytes>,
        (side, mark, margin): (Side, Option<Bytes>, Bytes),
    ) {
        let reading = match (level, mark) {
            (Some(value), Some(threshold)) => {
                let holds = side.holds(self.was_set(condition), value, threshold, margin);
                let state = if holds { State::Set } else { State::Clear };
                Reading { condition, state, value: level, threshold: mark, reason }
            }
            _ => Reading { value: level, threshold: mark, ..Reading::unknown(condition) },
        };
        self.distances[condition.index()] = level
            .zip(mark)
            .map(|(level, mark)| side.distance(reading.state == State::Set, level, mark, margin));
        self.readings[condition.index()] = reading;
    }

    fn update_memory(&mut self, levels: &Levels) {
        let Thresholds { low_memory, high_memory, stall, .. } = self.thresholds;
        let margin = margin(low_memory, high_memory);
        let reason = match levels.bound {
            Bound::PhysicalMemory => Reason::Availability,
            Bound::Container => Reason::ContainerLimit,
        };
        let stalled_before = self.reading(Condition::LowMemory).reason == Reason::Stall;
        let high = (Side::AtOrAbove, Some(high_memory), margin);
        let low = (Side::Below, Some(low_memory), margin);
        // A stall's set bit must not widen the availability mark, so that reading starts afresh.
        if stalled_before {
            self.readings[Condition::LowMemory.index()] = Reading::unknown(Condition::LowMemory);
        }
        self.judge(Condition::HighMemory, reason, levels.available, high);
        self.judge(Condition::LowMemory, reason, levels.available, low);

        // Neither witness is enough alone. Stalls with plenty available are a compressed swap or
        // a busy disk at work; plenty of page cache that is read again and again is thrashing.
        // So stalls decide only where availability leaves the question open.
        let open = self.reading(Condition::LowMemory).state == State::Clear
            && self.reading(Condition::HighMemory).state == State::Clear;
        let clears_at = stall.0 / STALL_CLEARS_AT_HALF;
        let mark = if stalled_before { Permille(clears_at.max(1)) } else { stall };
        if open && levels.stall.is_some_and(|share| share >= mark) {
            self.readings[Condition::LowMemory.index()] = Reading {
                condition: Condition::LowMemory,
                state: State::Set,
                value: levels.available,
                threshold: Some(high_memory),
                reason: Reason::Stall,
            };
        }
    }

    fn update_pools(&mut self, levels: &Levels) {
        for (low, high, free, marks) in [
            (
                Condition::LowPagedPool,
                Condition::HighPagedPool,
                levels.paged_pool_free,
                self.thresholds.paged_pool,
            ),
            (
                Condition::LowNonPagedPool,
                Condition::HighNonPagedPool,
                levels.nonpaged_pool_free,
                self.thresholds.nonpaged_pool,
            ),
        ] {
            // "At or below low, at or above high" would set both where the marks coincide.
            let marks = marks.map(|m| PoolMarks { high: m.high.max(Bytes(m.low.0 + 1)), ..m });
            let margin = marks.map_or(Bytes::ZERO, |m| margin(m.low, m.high));
            let low_mark = (Side::AtOrBelow, marks.map(|m| m.low), margin);
            let high_mark = (Side::AtOrAbove, marks.map(|m| m.high), margin);
            self.judge(low, Reason::PoolFree, free, low_mark);
            self.judge(high, Reason::PoolFree, free, high_mark);
        }
    }

    fn update_commit(&mut self, levels: &Levels) {
        let Thresholds { low_commit, high_commit, maximum_commit, .. } = self.thresholds;
        let Levels { commit_charge: charge, commit_limit: limit, commit_maximum: maximum, .. } =
            *levels;
        let share =
            |of: Option<Bytes>, share: Permille| of.map(|of| of.scale(u64::from(share.0), 1000));
        // Half the distance at most, so that low and high stay apart.
        let apart = Permille(COMMIT_MARGIN.0.min((high_commit.0 - low_commit.0) / 4));
        let margin = share(limit, apart).unwrap_or_default();
        let below = (Side::Below, share(limit, low_commit), margin);
        let above = (Side::AtOrAbove, share(limit, high_commit), margin);
        let maximum_margin = share(maximum, COMMIT_MARGIN).unwrap_or_default();
        let most = (Side::AtOrAbove, share(maximum, maximum_commit), maximum_margin);
        let reason = Reason::CommitCharge;
        self.judge(Condition::LowCommit, reason, charge, below);
        self.judge(Condition::HighCommit, reason, charge, above);
        self.judge(Condition::MaximumCommit, reason, charge, most);

        let high = &mut self.readings[Condition::HighCommit.index()];
        match (limit, maximum) {
            // High says that the page files may still be extended: here they may not.
            (Some(limit), Some(maximum)) if limit >= maximum => {
                if high.state == State::Set {
                    high.state = State::Clear;
                }
            }
            (Some(_), Some(_)) => {}
            _ => high.state = State::Unknown,
        }
        if high.state == State::Unknown {
            high.reason = Reason::Unknown;
        }
    }
}

/// The hysteresis at two marks: an eighth of the low one, and at most a quarter of the way to the
/// high one, so that a gap stays between them in which neither is set; whole pages where it can.
fn margin(low: Bytes, high: Bytes) -> Bytes {
    let wanted = Bytes(low.0 / 8).max(Bytes(PAGE_SIZE));
    let room = Bytes(high.saturating_sub(low).0 / 4);
    let margin = wanted.min(room);
    if margin.0 >= PAGE_SIZE { margin.whole_pages() } else { margin }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;
