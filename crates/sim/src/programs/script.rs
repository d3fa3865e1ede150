//! A thread of a process that does what its plan says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{SectionId, Tick};
use memtide_core::{Exception, Refusal, Reply};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::ends::Ends;
use super::growing::{GrowStep, Grower};
use super::memory::{Memory, Needed};
use super::plan::{Activity, Cache, OnRefusal, Phase, Plan};
use super::referencing::Referencing;
use crate::program::{Context, Program, Reaction, Step};
use crate::reference::Reference;
use crate::workload::{Workload, WorkloadError};

/// How long a thread waits for another one of its process to have the memory ready.
const PATIENCE: Tick = Tick(10_000);

/// The longest stretch of computing or sleeping in one piece: turns are taken, and conditions
/// looked at, in between.
const PIECE: Tick = Tick(1_000_000);
const NAP: Tick = Tick(100_000_000);

/// What a call that is under way is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Setup,
    Growth,
    Cache,
}

/// The phase that a thread is in.
#[derive(Clone, Debug)]
enum Running {
    References(Box<Referencing>),
    Growing(Grower),
    Idle(Ends),
    Compute(Tick),
}

/// A thread that does what a plan says.
pub struct Script {
    plan: Arc<Plan>,
    sections: Arc<[SectionId]>,
    memory: Arc<Mutex<Memory>>,
    random: Xoshiro256PlusPlus,
    /// The phase to be begun next, and the rounds that are done.
    phase: usize,
    rounds: u64,
    running: Option<Running>,
    asked: Asked,
    /// What comes before the phase goes on.
    pending: VecDeque<Pending>,
}

/// What comes before the phase goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Sleep(Tick),
    FreeOldest(Refusal),
    Abort(Refusal),
}

impl Script {
    /// The threads of a process, one for each seed; the sections are those that the plan counts.
    ///
    /// # Errors
    /// [`WorkloadError`] where a phase has a pattern that makes no sense.
    pub fn threads(
        plan: &Arc<Plan>,
        sections: &Arc<[SectionId]>,
        seeds: &[u64],
    ) -> Result<Vec<Box<dyn Program>>, WorkloadError> {
        for phase in &plan.phases {
            if let Activity::References { pattern, write_share, .. } = &phase.activity {
                Workload::new(pattern, *write_share, 0)?;
            }
        }
        let memory = Arc::new(Mutex::new(Memory::new()));
        let thread = |seed: &u64| -> Box<dyn Program> {
            Box::new(Self {
                plan: Arc::clone(plan),
                sections: Arc::clone(sections),
                memory: Arc::clone(&memory),
                random: Xoshiro256PlusPlus::seed_from_u64(*seed),
                phase: 0,
                rounds: 0,
                running: None,
                asked: Asked::Nothing,
                pending: VecDeque::new(),
            })
        };
        Ok(seeds.iter().map(thread).collect())
    }

    fn with_memory<T>(&self, change: impl FnOnce(&mut Memory, &Plan) -> T) -> T {
        // A thread that panicked ends the simulation; the lock is never poisoned.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut memory, &self.plan)
    }

    /// What was put before the phase.
    fn step_pending(&mut self, context: &Context<'_>) -> Option<Step> {
        match self.pending.pop_front()? {
            Pending::Sleep(time) => Some(Step::Sleep(time)),
            Pending::Abort(refusal) => Some(Step::Abort(refusal)),
            Pending::FreeOldest(refusal) => {
                let freed = self.with_memory(|memory, _| memory.free_oldest(context.space));
                let shrunk = || {
                    let cache = self.plan.cache?;
                    self.with_memory(|memory, plan| {
                        let is_larger = memory.committed() > cache.keep;
                        is_larger.then(|| memory.shrink(plan, context.space, cache.keep))
                    })
                };
                Some(freed.or_else(shrunk).map_or(Step::Abort(refusal), Step::Call))
            }
        }
    }

    /// Gives memory back, or takes it again, as the conditions say.
    fn step_cache(&mut self, context: &Context<'_>) -> Option<Step> {
        let Cache { shrinks_on, grows_on, keep, .. } = self.plan.cache?;
        let readings = context.world.manager().conditions();
        let is_set = |condition: Condition| readings[condition.index()].state == State::Set;
        let call = self.with_memory(|memory, plan| {
            if is_set(shrinks_on) && memory.committed() > keep {
                return Some((memory.shrink(plan, context.space, keep), Asked::Nothing));
            }
            let may_grow = is_set(grows_on) && !is_set(shrinks_on);
            (may_grow && memory.committed() < plan.memory)
                .then(|| (memory.grow(plan, context.space), Asked::Cache))
        });
        let (call, asked) = call?;
        self.asked = asked;
        Some(Step::Call(call))
    }

    /// Begins the next phase; false where all rounds are done.
    fn begin_next(&mut self, now: Tick) -> bool {
        if self.phase == self.plan.phases.len() {
            self.phase = 0;
            self.rounds += 1;
        }
        let is_over = self.plan.rounds.is_some_and(|rounds| self.rounds >= rounds);
        let seed = self.random.random();
        let phase = self.plan.phases.get(self.phase).filter(|_| !is_over);
        self.running = phase.and_then(|phase| Running::new(phase, seed, now));
        self.phase += 1;
        self.running.is_some()
    }

    /// A step of the phase that is running; `None` where it is over.
    fn step_phase(
        &mut self,
        context: &Context<'_>,
        references: &mut Vec<Reference>,
    ) -> Option<Step> {
        let now = context.now;
        let miss = self.plan.cache.map_or(Tick(0), |cache| cache.miss);
        match self.running.as_mut()? {
            Running::References(referencing) => {
                let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                let place = memory.place(referencing.place());
                referencing.step(now, place, miss, references)
            }
            Running::Growing(grower) => match grower.step(context, references) {
                GrowStep::Over => None,
                GrowStep::Leak(base) => {
                    self.with_memory(|memory, _| memory.leak(base));
                    self.step_phase(context, references)
                }
                GrowStep::Step(step) => {
                    if matches!(step, Step::Call(_)) {
                        self.asked = Asked::Growth;
                    }
                    Some(step)
                }
            },
            Running::Idle(ends) => match ends.time_left(now, NAP) {
                Tick(0) => None,
                nap => Some(Step::Sleep(nap)),
            },
            Running::Compute(left) => {
                let piece = Tick(left.0.min(PIECE.0));
                left.0 -= piece.0;
                (piece.0 > 0).then_some(Step::Compute(piece))
            }
        }
    }

    /// What to do about memory that was refused; whether to ask for it again.
    fn refused(&mut self, refusal: Refusal) -> bool {
        match self.plan.on_refusal {
            OnRefusal::Retry(pause) => self.pending.push_back(Pending::Sleep(pause)),
            OnRefusal::Free => self.pending.push_back(Pending::FreeOldest(refusal)),
            OnRefusal::Die => self.pending.push_back(Pending::Abort(refusal)),
            OnRefusal::GoOn => return false,
        }
        true
    }

    fn setup_reply(&mut self, reply: Result<Reply, Refusal>) {
        let refusal = match reply {
            Ok(reply) => return self.with_memory(|memory, plan| memory.has(plan, &reply)),
            Err(refusal) => refusal,
        };
        self.with_memory(|memory, _| memory.lacks());
        // Nothing can be done about anything else than a lack of memory, nor without memory.
        let is_lack = matches!(refusal, Refusal::CommitmentLimit { .. });
        if !is_lack || !self.refused(refusal) {
            self.pending.push_back(Pending::Abort(refusal));
        }
    }

    fn growth_reply(&mut self, reply: Result<Reply, Refusal>) {
        let asks_again = match &reply {
            Ok(_) => true,
            Err(refusal) => self.refused(*refusal),
        };
        let Some(Running::Growing(grower)) = &mut self.running else { return };
        match reply {
            Ok(Reply::Address(base)) => grower.done(Some(base)),
            Ok(_) => grower.done(None),
            Err(_) if asks_again => grower.ask_again(),
            Err(_) => grower.go_without(),
        }
    }
}

impl Running {
    fn new(phase: &Phase, seed: u64, now: Tick) -> Option<Self> {
        let at = phase.duration.map(|duration| now.after(duration));
        let ends = Ends { at, count: phase.count };
        Some(match &phase.activity {
            Activity::References { pattern, place, first, write_share, rate } => {
                let workload = Workload::new(pattern, *write_share, seed).ok()?;
                let where_at = (*place, *first);
                let referencing = Referencing::new(workload, where_at, *rate, ends, now);
                Self::References(Box::new(referencing))
            }
            Activity::Grow(growth) => Self::Growing(Grower::new(*growth, ends, now)),
            Activity::Idle => Self::Idle(ends),
            Activity::Compute => Self::Compute(phase.duration.unwrap_or(Tick(u64::MAX))),
        })
    }
}

impl Program for Script {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        self.asked = Asked::Nothing;
        if let Some(step) = self.step_pending(context) {
            return step;
        }
        let sections = Arc::clone(&self.sections);
        match self.with_memory(|memory, plan| memory.needs(plan, context.space, &sections)) {
            Needed::Nothing => {}
            Needed::Patience => return Step::Sleep(PATIENCE),
            Needed::Call(call) => {
                self.asked = Asked::Setup;
                return Step::Call(call);
            }
        }
        if let Some(step) = self.step_cache(context) {
            return step;
        }
        // A round in which no phase has anything to do is the last.
        for _ in 0..=self.plan.phases.len() {
            if let Some(step) = self.step_phase(context, references) {
                return step;
            }
            if !self.begin_next(context.now) {
                break;
            }
        }
        Step::End
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        match std::mem::replace(&mut self.asked, Asked::Nothing) {
            Asked::Setup => self.setup_reply(reply),
            Asked::Growth => self.growth_reply(reply),
            Asked::Cache if reply.is_ok() => self.with_memory(Memory::has_grown),
            // A cache that may not grow stays small.
            Asked::Cache => self.pending.push_back(Pending::Sleep(NAP)),
            Asked::Nothing => {}
        }
    }

    fn raised(&mut self, exception: Exception) -> Reaction {
        match exception {
            Exception::GuardPage { .. } => Reaction::Retry,
            // Another thread gave this part of the cache back.
            Exception::AccessViolation { .. } if self.plan.cache.is_some() => Reaction::Skip,
            _ => Reaction::Die,
        }
    }
}
