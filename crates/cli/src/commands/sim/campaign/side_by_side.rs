//! Runs side by side: each job hands seeds to a worker of its own. What a seed comes to depends on
//! nothing else, so what all of them come to does not depend on how many jobs there are.

use super::worker::{Task, Worker};
use crate::args::sim::CampaignArgs;
use crate::progress::Progress;
use memtide_sim::campaign::{Coverage, Failure, Generation, Outcome};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where nothing is said.
const DEFAULT: Duration = Duration::from_secs(60);

/// How often it is told how far it has come.
const PERIOD: Duration = Duration::from_millis(100);

/// A run that failed.
pub(super) struct Found {
    pub(super) seed: u64,
    pub(super) failure: Failure,
}

/// What all runs came to.
pub(super) struct Campaign {
    pub(super) seed: u64,
    pub(super) runs: u64,
    pub(super) elapsed: Duration,
    pub(super) digest: u64,
    pub(super) coverage: Coverage,
    /// The failing run with the lowest seed.
    pub(super) found: Option<Found>,
}

/// What the jobs share.
struct State {
    campaign: Campaign,
    /// Runs handed out.
    begun: u64,
    trouble: Option<anyhow::Error>,
}

/// Until when runs are handed out.
#[derive(Clone, Copy)]
enum Until {
    Runs(u64),
    Time(Duration),
}

struct Shared<'a> {
    state: Mutex<State>,
    until: Until,
    began: Instant,
    generation: Generation,
    cancel: &'a AtomicBool,
}

impl Shared<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seed of the next run, if there is one.
    fn next(&self) -> Option<u64> {
        let mut state = self.state();
        let is_over = match self.until {
            Until::Runs(runs) => state.begun >= runs,
            Until::Time(time) => self.began.elapsed() >= time,
        };
        let ends = state.campaign.found.is_some() || state.trouble.is_some();
        if is_over || ends || self.cancel.load(Ordering::Relaxed) {
            return None;
        }
        let seed = state.campaign.seed.wrapping_add(state.begun);
        state.begun += 1;
        Some(seed)
    }

    fn done(&self, seed: u64, outcome: Outcome) {
        // The terminal interrupts the workers as well.
        if self.cancel.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        let first = state.campaign.seed;
        let campaign = &mut state.campaign;
        campaign.runs += 1;
        campaign.coverage.add(&outcome.coverage);
        // A sum, for the order in which runs end is not that of their seeds.
        let mixed = outcome.digest.rotate_left(17).wrapping_mul(seed | 1);
        campaign.digest = campaign.digest.wrapping_add(mixed);
        let is_earlier = |found: &Found| seed.wrapping_sub(first) < found.seed.wrapping_sub(first);
        if let Some(failure) = outcome.failure
            && campaign.found.as_ref().is_none_or(is_earlier)
        {
            campaign.found = Some(Found { seed, failure });
        }
    }

    fn work(&self) {
        let mut worker = Worker::default();
        while let Some(seed) = self.next() {
            match worker.run(&Task::Seed(seed, self.generation)) {
                Ok(outcome) => self.done(seed, outcome),
                Err(error) => {
                    self.state().trouble.get_or_insert(error);
                }
            }
        }
    }

    fn tell(&self, progress: &mut Progress) {
        let state = self.state();
        let (runs, steps) = (state.campaign.runs, state.campaign.coverage.steps);
        let done = match self.until {
            Until::Runs(_) => runs,
            Until::Time(_) => tenths(self.began.elapsed()),
        };
        progress.tell(done, |elapsed| {
            let rate = steps.checked_div(elapsed.as_secs()).unwrap_or(steps);
            format!("{runs} runs, {rate} steps a second")
        });
    }
}

fn tenths(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / PERIOD.as_millis()).unwrap_or(u64::MAX)
}

/// Does runs side by side until one fails, all are done, or the time is out.
///
/// # Errors
/// Where no worker can be started.
pub(super) fn run(seed: u64, args: &CampaignArgs, cancel: &AtomicBool) -> anyhow::Result<Campaign> {
    let until = match (args.runs, args.minutes) {
        (Some(runs), _) => Until::Runs(runs),
        (None, time) => Until::Time(time.unwrap_or(DEFAULT)),
    };
    let campaign = Campaign {
        seed,
        runs: 0,
        elapsed: Duration::ZERO,
        digest: 0,
        coverage: Coverage::default(),
        found: None,
    };
    let state = Mutex::new(State { campaign, begun: 0, trouble: None });
    let (began, generation) = (Instant::now(), args.generation());
    let shared = Shared { state, until, began, generation, cancel };
    let one = NonZeroUsize::MIN;
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(one));
    let mut progress = Progress::new(Some(match until {
        Until::Runs(runs) => runs,
        Until::Time(time) => tenths(time),
    }));
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(|| shared.work())).collect();
        while jobs.iter().any(|job| !job.is_finished()) {
            std::thread::park_timeout(PERIOD);
            shared.tell(&mut progress);
        }
    });
    drop(progress);
    let State { mut campaign, trouble, .. } =
        shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    campaign.elapsed = began.elapsed();
    trouble.map_or(Ok(campaign), Err)
}
