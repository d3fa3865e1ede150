//! The levels by which the nine conditions of a machine are judged, and when to judge them.

use crate::conditions::{Bound, Condition, Levels, Reading};
use crate::gate::{Gate, Raw};
use crate::manager::Manager;
use crate::output::Output;
use crate::page::{PAGE_SIZE, bytes};
use crate::pools::PoolKind;
use crate::units::Bytes;

impl Manager {
    /// The levels as they are counted.
    #[inline]
    pub(crate) const fn levels_in_pages(&self) -> (Raw, (u64, u64)) {
        let raw = [
            self.frames.available() as u64,
            self.pools.get(PoolKind::Paged).free(),
            self.pools.get(PoolKind::NonPaged).free(),
            self.commit.charged(),
        ];
        (raw, (self.commit.limit(), self.commit.maximum()))
    }

    /// The levels that the conditions are judged by.
    #[must_use]
    pub const fn levels(&self) -> Levels {
        let ([available, paged, nonpaged, charge], (limit, maximum)) = self.levels_in_pages();
        Levels {
            available: Some(Bytes(bytes(available))),
            bound: Bound::PhysicalMemory,
            stall: None,
            paged_pool_free: Some(Bytes(paged)),
            nonpaged_pool_free: Some(Bytes(nonpaged)),
            commit_charge: Some(Bytes(bytes(charge))),
            commit_limit: Some(Bytes(bytes(limit))),
            commit_maximum: Some(Bytes(bytes(maximum))),
        }
    }

    /// The nine conditions as they are, in the order of [`Condition::ALL`], each with its level at
    /// this moment.
    #[must_use]
    pub fn conditions(&self) -> [Reading; Condition::COUNT] {
        let mut tracker = self.tracker.clone();
        tracker.update(&self.levels());
        *tracker.readings()
    }

    pub(crate) fn judge_conditions(&mut self) {
        let changed = self.tracker.update(&self.levels());
        for condition in Condition::ALL {
            if changed.contains(condition) {
                let reading = *self.tracker.reading(condition);
                self.emit(Output::Condition(reading));
            }
        }
        let (raw, limits) = self.levels_in_pages();
        let distance = |conditions: &[Condition]| {
            let each = conditions.iter().map(|c| self.tracker.distance(*c));
            each.map(|d| d.map_or(0, |d| d.0)).min().unwrap_or(0)
        };
        use Condition::{
            HighCommit, HighMemory, HighNonPagedPool, HighPagedPool, LowCommit, LowMemory,
            LowNonPagedPool, LowPagedPool, MaximumCommit,
        };
        let around = |level: u64, distance: u64| {
            level.saturating_sub(distance.saturating_sub(1))..level.saturating_add(distance.max(1))
        };
        self.gate = Gate {
            quiet: [
                around(raw[0], distance(&[LowMemory, HighMemory]) / PAGE_SIZE),
                around(raw[1], distance(&[LowPagedPool, HighPagedPool])),
                around(raw[2], distance(&[LowNonPagedPool, HighNonPagedPool])),
                around(raw[3], distance(&[LowCommit, HighCommit, MaximumCommit]) / PAGE_SIZE),
            ],
            limits,
        };
    }
}
