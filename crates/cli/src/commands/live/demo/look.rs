//! A look at a machine, and at what has happened since the look before.

use super::work::{RECORD_BYTES, Stage};
use crate::args::live::{DemoArgs, path_name};
use memtide_core::Counters;
use memtide_core::conditions::Permille;
use memtide_core::units::Bytes;
use memtide_live::Machine;
use memtide_view::fields::{DemoRecent, DemoStep};
use std::time::{Duration, Instant};

/// What is looked at, and what was seen last.
pub(super) struct Looks<'a> {
    machine: &'a Machine,
    args: &'a DemoArgs,
    records: usize,
    began: Instant,
    last: Option<(Duration, Counters)>,
    /// Records done at the last look; `None` where nobody knows.
    last_done: Option<usize>,
    resident_most: Option<Bytes>,
}

impl<'a> Looks<'a> {
    /// No look yet.
    pub(super) fn new(machine: &'a Machine, args: &'a DemoArgs, records: usize) -> Self {
        let began = Instant::now();
        Self { machine, args, records, began, last: None, last_done: None, resident_most: None }
    }

    /// The most of the process that the kernel counted at any look.
    pub(super) const fn resident_most(&self) -> Option<Bytes> {
        self.resident_most
    }

    /// A stage begins: nothing of it is done. `None` is the end of the last.
    pub(super) fn begin(&mut self, stage: Option<Stage>) {
        self.last_done = matches!(stage, Some(Stage::Filling | Stage::Checking)).then_some(0);
    }

    /// A look at the machine, with so many records done.
    pub(super) fn look(&mut self, stage: Option<Stage>, done: usize) -> DemoStep {
        let elapsed = self.began.elapsed();
        let data = |records: usize| Bytes((records * RECORD_BYTES) as u64);
        let share = |done: usize| Permille(u16::try_from(done * 1000 / self.records).unwrap_or(0));
        let recent = |(before, counted): (Duration, Counters), now: &Counters| DemoRecent {
            over: elapsed.saturating_sub(before),
            faults: now.faults() - counted.faults(),
            read: Bytes::from_pages(now.pages_read - counted.pages_read),
            written: Bytes::from_pages(now.pages_written - counted.pages_written),
            data: self.last_done.map(|last| data(done - last)),
        };
        let step = self.machine.inspect(|manager| {
            let snapshot = manager.snapshot();
            let file = snapshot.page_files().next();
            let store = snapshot.store();
            let pages = |pages: u32| Bytes::from_pages(pages.into());
            let counters = *manager.counters();
            DemoStep {
                stage: stage.map_or("done", Stage::name),
                elapsed,
                progress: self.last_done.map(|_| share(done)),
                budget: self.args.budget,
                data: data(self.records),
                path: path_name(self.args.path),
                compression: self.args.compression.map(|share| Permille(u16::from(share) * 10)),
                resident: resident(),
                lists: manager.lists(),
                stored: pages(store.pages),
                store: pages(store.frames),
                page_file_used: pages(file.as_ref().map_or(0, |file| file.used)),
                page_file_size: pages(file.as_ref().map_or(0, |file| file.size)),
                counters,
                recent: self.last.map(|last| recent(last, &counters)),
                conditions: manager.conditions().to_vec(),
                result: None,
            }
        });
        self.last = Some((elapsed, step.counters));
        self.resident_most = self.resident_most.max(step.resident);
        self.last_done = self.last_done.map(|_| done);
        step
    }
}

/// What the kernel counts of this process that is of no file.
fn resident() -> Option<Bytes> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok().map(Bytes::from_kib)
}
