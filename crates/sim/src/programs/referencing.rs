//! References by a pattern, paced, until they are enough.

use memtide_core::page::{PAGE_SIZE, Tick};

use super::ends::Ends;
use super::plan::Place;
use crate::program::Step;
use crate::reference::Reference;
use crate::workload::Workload;

/// The most references handed over at a time.
const BATCH_MAX: u64 = 1_024;

/// What a batch should take at most: a thread looks at the clock and at conditions between two.
const BATCH_TIME: Tick = Tick(1_000_000);

/// A thread that references memory.
#[derive(Clone, Debug)]
pub(super) struct Referencing {
    workload: Workload,
    place: Place,
    first: u64,
    rate: Option<u64>,
    ends: Ends,
    began: Tick,
    made: u64,
    batch: u64,
    handed_over: Option<Tick>,
    /// A reference to what is not there, to be fetched.
    is_missing: bool,
}

impl Referencing {
    pub(super) const fn new(
        workload: Workload,
        (place, first): (Place, u64),
        rate: Option<u64>,
        ends: Ends,
        began: Tick,
    ) -> Self {
        Self {
            workload,
            place,
            first,
            rate,
            ends,
            began,
            made: 0,
            batch: 1,
            handed_over: None,
            is_missing: false,
        }
    }

    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// The next step, in a place that begins at an address and has so many pages; `miss` is how
    /// long it takes to fetch what lies behind them.
    pub(super) fn step(
        &mut self,
        now: Tick,
        (base, pages): (u64, u64),
        miss: Tick,
        references: &mut Vec<Reference>,
    ) -> Option<Step> {
        if std::mem::take(&mut self.is_missing) {
            return Some(Step::Sleep(miss));
        }
        let left = self.ends.left(now, self.made);
        if left == 0 {
            return None;
        }
        if let Some(pause) = self.pause(now) {
            return Some(Step::Sleep(pause));
        }
        self.adapt(now);
        for _ in 0..self.batch.min(left) {
            let Some(reference) = self.workload.next() else { break };
            self.made += 1;
            let offset = reference.address + self.first * PAGE_SIZE;
            if offset / PAGE_SIZE >= pages {
                self.is_missing = true;
                break;
            }
            references.push(Reference { address: base + offset, ..reference });
        }
        Some(Step::References)
    }

    /// How long it must wait for the next reference to keep to its rate.
    fn pause(&self, now: Tick) -> Option<Tick> {
        let rate = self.rate?;
        let due = u128::from(self.made) * u128::from(Tick::SECOND.0) / u128::from(rate.max(1));
        let due = self.began.after(Tick(u64::try_from(due).unwrap_or(u64::MAX)));
        (due > now).then(|| Tick(due.0 - now.0))
    }

    /// Makes batches larger while they take little time, and smaller while they take much.
    fn adapt(&mut self, now: Tick) {
        if let Some(at) = self.handed_over.replace(now) {
            let is_slow = now.0.saturating_sub(at.0) > BATCH_TIME.0;
            self.batch = if is_slow { self.batch / 2 } else { self.batch * 2 };
        }
        // What a rate allows in the time of a batch.
        let allowed = self.rate.map_or(BATCH_MAX, |rate| rate / 1_000);
        self.batch = self.batch.clamp(1, allowed.clamp(1, BATCH_MAX));
    }
}
