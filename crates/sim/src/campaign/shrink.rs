//! Makes a failing run short: steps are left out, numbers get smaller, the machine simpler, as long
//! as it still fails in the same way.

use super::failure::Failure;
use super::machine::{Choices, Hardware};
use super::run::Run;
use super::step::Step;

/// A run made short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The run.
    pub run: Run,
    /// How it fails.
    pub failure: Failure,
    /// How many runs were tried on the way.
    pub tried: u32,
}

struct Shrinking<'a> {
    best: Run,
    failure: Failure,
    tried: u32,
    most: u32,
    fails: &'a mut dyn FnMut(&Run) -> Option<Failure>,
}

/// Makes a failing run short.
///
/// `fails` says how a run fails, if it does. At most so many runs are tried.
pub fn shrink(
    run: &Run,
    failure: Failure,
    most: u32,
    fails: &mut dyn FnMut(&Run) -> Option<Failure>,
) -> Shrunk {
    let mut shrinking = Shrinking { best: run.clone(), failure, tried: 0, most, fails };
    shrinking.cut();
    loop {
        let before = shrinking.best.clone();
        shrinking.drop_steps();
        shrinking.simplify_machine();
        shrinking.simplify_steps();
        if shrinking.best == before || shrinking.is_spent() {
            break;
        }
    }
    let Shrinking { best, failure, tried, .. } = shrinking;
    Shrunk { run: best, failure, tried }
}

impl Shrinking<'_> {
    const fn is_spent(&self) -> bool {
        self.tried >= self.most
    }

    /// Keeps a candidate if it fails in the same way.
    fn keep(&mut self, candidate: Run) -> bool {
        if self.is_spent() || candidate == self.best {
            return false;
        }
        self.tried += 1;
        let found = (self.fails)(&candidate).filter(|found| found.kind == self.failure.kind);
        let Some(failure) = found else { return false };
        self.failure = failure;
        self.best = candidate;
        true
    }

    /// What comes after the failure is not needed.
    fn cut(&mut self) {
        let mut candidate = self.best.clone();
        candidate.steps.truncate(self.failure.step.saturating_add(1));
        self.keep(candidate);
    }

    /// Leaves steps out: halves, quarters, and so on down to single ones, last ones first.
    fn drop_steps(&mut self) {
        let mut size = self.best.steps.len().div_ceil(2).max(1);
        loop {
            let mut end = self.best.steps.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut candidate = self.best.clone();
                candidate.steps.drain(start..end);
                self.keep(candidate);
                end = start.min(self.best.steps.len());
            }
            if size == 1 || self.is_spent() {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    fn simplify_steps(&mut self) {
        for at in 0..self.best.steps.len() {
            for simpler in simpler_steps(&self.best.steps[at]) {
                let mut candidate = self.best.clone();
                candidate.steps[at] = simpler;
                if self.keep(candidate) {
                    break;
                }
            }
        }
    }

    fn simplify_machine(&mut self) {
        for simplify in SIMPLER_MACHINES {
            let mut candidate = self.best.clone();
            simplify(&mut candidate.machine);
            self.keep(candidate);
        }
    }
}

/// The steps that do less, the least first.
fn simpler_steps(step: &Step) -> Vec<Step> {
    let with = |set: &dyn Fn(&mut Step, u64)| {
        [1, 2, 4].map(|number| {
            let mut simpler = *step;
            set(&mut simpler, number);
            simpler
        })
    };
    match *step {
        Step::Allocate { pages: 2.., .. }
        | Step::Lock { pages: 2.., .. }
        | Step::View { pages: 2.., .. }
        | Step::Section { pages: 2.., .. }
        | Step::Commit { pages: 2.., .. }
        | Step::Decommit { pages: 2.., .. }
        | Step::Protect { pages: 2.., .. }
        | Step::Reset { pages: 2.., .. }
        | Step::UndoReset { pages: 2.., .. }
        | Step::Offer { pages: 2.., .. }
        | Step::Reclaim { pages: 2.., .. }
        | Step::Discard { pages: 2.., .. }
        | Step::Prefetch { pages: 2.., .. } => with(&set_pages).to_vec(),
        Step::Fail { what, times: 2.. } => vec![Step::Fail { what, times: 1 }],
        Step::Slow { microseconds, times: 2.. } => vec![Step::Slow { microseconds, times: 1 }],
        Step::Pass { .. } | Step::Rest {} => vec![Step::Event {}],
        Step::Kill { process, threads_first: true } => {
            vec![Step::Kill { process, threads_first: false }]
        }
        _ => Vec::new(),
    }
}

const fn set_pages(step: &mut Step, wanted: u64) {
    if let Step::Allocate { pages, .. }
    | Step::Lock { pages, .. }
    | Step::View { pages, .. }
    | Step::Section { pages, .. }
    | Step::Commit { pages, .. }
    | Step::Decommit { pages, .. }
    | Step::Protect { pages, .. }
    | Step::Reset { pages, .. }
    | Step::UndoReset { pages, .. }
    | Step::Offer { pages, .. }
    | Step::Reclaim { pages, .. }
    | Step::Discard { pages, .. }
    | Step::Prefetch { pages, .. } = step
        && wanted < *pages
    {
        *pages = wanted;
    }
}

/// The ways to make a machine simpler.
const SIMPLER_MACHINES: [fn(&mut Hardware); 8] = [
    |machine| machine.store = 0,
    |machine| machine.page_files.clear(),
    |machine| machine.page_files.truncate(1),
    |machine| machine.page_files.iter_mut().for_each(|file| file.maximum = file.initial),
    |machine| machine.dirty_by_fault = false,
    |machine| machine.policy = Choices::default(),
    |machine| {
        machine.file_disk = "nvme".to_owned();
        machine.page_files.iter_mut().for_each(|file| file.disk = "nvme".to_owned());
    },
    |machine| machine.frames = machine.frames.div_ceil(2),
];
