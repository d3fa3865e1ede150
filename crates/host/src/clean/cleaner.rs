//! Carrying out a request, step by step.

use super::{
    Change, Counters, Gauge, Observation, Outcome, Plan, Region, Reins, Report, Request, Status,
    StepReport, System,
};
use crate::Error;
use memtide_core::units::{ByteDelta, Bytes};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often what comes back is looked at while it is watched.
const LOOK: Duration = Duration::from_secs(1);

/// How soon a cancel is noticed while waiting.
const GLANCE: Duration = Duration::from_millis(50);

/// How a clean gets on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A region's turn has come.
    Begun {
        /// The region.
        region: Region,
        /// Its place among the steps, from 1.
        step: usize,
        /// How many steps there are.
        of: usize,
    },
    /// Something of a region was done.
    Doing {
        /// The region.
        region: Region,
        /// What is being done, in words.
        what: &'a str,
    },
    /// A region is finished, one way or another.
    Ended(&'a StepReport),
    /// What comes back is being watched.
    Watching {
        /// How long already.
        elapsed: Duration,
        /// How long it will be.
        of: Duration,
        /// What has come back so far, by refaults.
        returned: Option<Bytes>,
    },
}

/// Carries out a request, one region at a time.
///
/// Between the steps nothing is held: dropping it stops the clean.
pub struct Cleaner {
    system: Box<dyn System + Send>,
    steps: Vec<Region>,
    queue: VecDeque<Region>,
    limit: Option<Bytes>,
    timeout: Option<Duration>,
    began: Option<Instant>,
    report: Report,
    before: Counters,
    after: Counters,
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaner")
            .field("queue", &self.queue)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Cleaner {
    /// Prepares a request on this machine; nothing is changed yet.
    ///
    /// # Errors
    /// Where the request makes no sense on this system, its cgroup is none, or the machine
    /// cannot be read. A missing privilege is no error: the step that needs it will say so.
    pub fn open(request: &Request) -> Result<Self, Error> {
        let steps = request.steps()?;
        let system = crate::system::clean::open(request)?;
        Ok(Self::with(system, steps, request))
    }

    pub(crate) fn with(
        system: Box<dyn System + Send>,
        steps: Vec<Region>,
        request: &Request,
    ) -> Self {
        Self {
            system,
            queue: steps.iter().copied().collect(),
            steps,
            limit: request.limit,
            timeout: request.timeout,
            began: None,
            report: Report::default(),
            before: Counters::default(),
            after: Counters::default(),
        }
    }

    /// What each region would yield by itself; changes nothing.
    pub fn plan(&mut self) -> Plan {
        let steps = self.steps.clone();
        Plan { predictions: steps.into_iter().map(|region| self.system.predict(region)).collect() }
    }

    /// Carries out the next region; `None` when there is none left.
    ///
    /// Once `cancel` is set, the steps that are left are reported as cancelled, untried.
    pub fn step(
        &mut self,
        cancel: &AtomicBool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Option<&StepReport> {
        let region = self.queue.pop_front()?;
        let began = *self.began.get_or_insert_with(Instant::now);
        if self.report.steps.is_empty() {
            self.before = self.system.counters(false);
            self.report.available_before = self.before.available;
        }
        let (step, of) = (self.report.steps.len() + 1, self.steps.len());
        progress(Progress::Begun { region, step, of });
        let report = self.carry_out(region, cancel, progress);
        progress(Progress::Ended(&report));
        self.report.steps.push(report);
        self.after = self.system.counters(false);
        self.report.available_after = self.after.available;
        self.report.elapsed = began.elapsed();
        self.report.steps.last()
    }

    /// Carries out every region that is left.
    pub fn run(&mut self, cancel: &AtomicBool, progress: &mut dyn FnMut(Progress<'_>)) -> &Report {
        while self.step(cancel, progress).is_some() {}
        &self.report
    }

    /// What has been done so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What has been done, for keeps.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Watches what comes back, from the end of the last step on, for so long or until `cancel`.
    pub fn observe(
        &mut self,
        window: Duration,
        cancel: &AtomicBool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Observation {
        // Records are lost while the clean is at work, too.
        let from = Counters { records_lost: self.before.records_lost, ..self.after };
        let began = Instant::now();
        while began.elapsed() < window && !cancel.load(Ordering::Relaxed) {
            wait(LOOK.min(window.saturating_sub(began.elapsed())), cancel);
            let now = self.system.counters(false);
            let pages = from.refault_file.zip(now.refault_file);
            let returned = pages.map(|(from, now)| Bytes::from_pages(now.saturating_sub(from)));
            progress(Progress::Watching { elapsed: began.elapsed(), of: window, returned });
        }
        let elapsed = began.elapsed();
        let to = self.system.counters(true);
        let remarks = self.system.remarks();
        Observation::new(&self.report, elapsed, &from, &to, remarks)
    }

    fn carry_out(
        &mut self,
        region: Region,
        cancel: &AtomicBool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> StepReport {
        if let Some(status) = self.reason_not_to(cancel) {
            return untried(region, status);
        }
        let made_free = self.report.made_free();
        let before = self.system.gauge(region);
        let began = Instant::now();
        let mut tell = |what: &str| progress(Progress::Doing { region, what });
        let mut reins = Reins {
            deadline: self.timeout.and_then(|timeout| began.checked_add(timeout)),
            cancel,
            limit: None,
            tell: &mut tell,
        };
        reins.limit = left_of(self.limit, made_free);
        let Outcome { status, mechanism, notes } = self.system.carry_out(region, &mut reins);
        let elapsed = began.elapsed();
        let after = self.system.gauge(region);
        let change = change(&before, &after);
        StepReport { region, status, elapsed, change, mechanism, notes }
    }

    /// Why the next region isn't even tried.
    fn reason_not_to(&self, cancel: &AtomicBool) -> Option<Status> {
        if cancel.load(Ordering::Relaxed) {
            return Some(Status::Cancelled);
        }
        let left = left_of(self.limit, self.report.made_free());
        (left == Some(Bytes::ZERO)).then_some(Status::Enough)
    }
}

fn left_of(limit: Option<Bytes>, made_free: Option<ByteDelta>) -> Option<Bytes> {
    let made_free = u64::try_from(made_free.unwrap_or_default().0).unwrap_or_default();
    limit.map(|limit| limit.saturating_sub(Bytes(made_free)))
}

fn untried(region: Region, status: Status) -> StepReport {
    let (change, elapsed) = (Change::default(), Duration::ZERO);
    StepReport { region, status, elapsed, change, mechanism: None, notes: Vec::new() }
}

fn change(before: &Gauge, after: &Gauge) -> Change {
    let grew = |before: Option<Bytes>, after: Option<Bytes>| Some(after?.since(before?));
    Change {
        made_free: after.made_free_since(before),
        moved_to_standby: grew(before.standby, after.standby),
        written_to_disk: grew(before.written, after.written),
        returned_to_commit: grew(after.commit, before.commit),
    }
}

fn wait(time: Duration, cancel: &AtomicBool) {
    let began = Instant::now();
    while !cancel.load(Ordering::Relaxed) {
        let left = time.saturating_sub(began.elapsed());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(GLANCE));
    }
}

#[cfg(test)]
#[path = "cleaner_tests.rs"]
mod tests;
