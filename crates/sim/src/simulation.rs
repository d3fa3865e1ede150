//! Processes that take turns on the processors of a machine.
//!
//! A processor runs a thread until its quantum ends, it waits, or something happens in the world;
//! each processor has a clock, and the one that is furthest behind goes on first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{Access, SpaceId, ThreadId, Tick};
use memtide_core::{Call, ConfigError, Exception, ListCommand, Refusal, Reply, SpaceConfig};

use crate::machine::Machine;
use crate::process::{Process, ProcessId, ProcessState, Thread, ThreadState, TimeAccount};
use crate::program::{BeforeFault, Context, Program, Reaction, Step};
use crate::reference::Reference;
use crate::sample::Sample;
use crate::world::{Told, World, earlier};

/// What is done to a machine from outside at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A memory-list command: cleaning.
    Command(ListCommand),
    /// Trims the working set of a process.
    EmptyWorkingSet(ProcessId),
    /// Ends a process, wherever it is.
    Kill(ProcessId),
}

/// When something is done to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// The first time.
    pub first: Tick,
    /// How long after it again, and again.
    pub every: Option<Tick>,
    /// Only while this is set.
    pub only_while: Option<Condition>,
}

impl Moments {
    /// Once, at a moment.
    #[must_use]
    pub const fn once(at: Tick) -> Self {
        Self { first: at, every: None, only_while: None }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every process has ended that is not in the background.
    Done,
    /// The time is out.
    TimeOut,
    /// A thread waits and nothing is under way: a bug of the manager or of the world.
    Stuck,
}

/// What a timer brings.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Timer {
    Wake(ThreadId),
    Sample,
    Act(Moments, Action),
}

/// A machine with its processes.
pub struct Simulation {
    seed: u64,
    world: World,
    processes: Vec<Process>,
    threads: Vec<Thread>,
    /// The clock of each processor.
    clocks: Vec<Tick>,
    quantum: Tick,
    zero_cost: Tick,
    /// Threads that wait until a condition is set.
    awaiting: Vec<ThreadId>,
    /// Changes of conditions that they have heard of.
    readings_heard: usize,
    /// Threads that could run, since when.
    ready: VecDeque<(Tick, ThreadId)>,
    timers: BinaryHeap<Reverse<(Tick, u64)>>,
    /// What the timers bring, by number.
    due: BTreeMap<u64, Timer>,
    timers_set: u64,
    sample_period: Option<Tick>,
    samples: Vec<Sample>,
    /// The manager's work that no process caused at that moment: trimming, writing, zeroing.
    system_time: Tick,
    /// Deadlines in a row at which threads waited and nothing was under way.
    silent: u32,
    /// A slice that is to go on where it was stopped.
    paused: Option<Slice>,
}

/// The manager tries failed writes again each second; more deadlines than this without anything
/// else under way help nobody.
const SILENT_MAX: u32 = 1_000;

fn index(thread: ThreadId) -> usize {
    usize::try_from(thread.0).unwrap_or(usize::MAX)
}

/// Processor time and passed references of a slice come in whole numbers of this.
const LEAST_TIME: u64 = 1;

impl Simulation {
    /// A machine without processes.
    ///
    /// # Errors
    /// [`ConfigError`] for a configuration that describes no machine.
    pub fn new(machine: &Machine, seed: u64) -> Result<Self, ConfigError> {
        let processors = usize::try_from(machine.processors.max(1)).unwrap_or(1);
        Ok(Self {
            seed,
            world: World::new(machine, seed)?,
            processes: Vec::new(),
            threads: Vec::new(),
            clocks: vec![Tick(0); processors],
            quantum: machine.quantum.max(Tick(LEAST_TIME)),
            zero_cost: machine.costs.zero,
            awaiting: Vec::new(),
            readings_heard: 0,
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            due: BTreeMap::new(),
            timers_set: 0,
            sample_period: None,
            samples: Vec::new(),
            system_time: Tick(0),
            silent: 0,
            paused: None,
        })
    }

    /// The seed that decides everything.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The world.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The world, to change something in it.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The processes, in the order they began.
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// The looks taken so far.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The furthest moment that any processor or the world has reached.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.clocks.iter().copied().fold(self.world.now(), Tick::max)
    }

    /// The manager's work that no process caused at that moment: trimming, writing, zeroing.
    #[must_use]
    pub const fn system_time(&self) -> Tick {
        self.system_time
    }

    /// From now on a look is taken each so long.
    pub fn sample_every(&mut self, period: Tick) {
        self.sample_period = Some(period.max(Tick(LEAST_TIME)));
        self.take_sample();
    }

    /// Takes a look now.
    pub fn take_sample(&mut self) {
        self.samples.push(Sample::take(&self.world, &self.processes));
        if let Some(period) = self.sample_period {
            self.set_timer(self.world.now().after(period), Timer::Sample);
        }
    }

    /// Begins a process with one thread.
    ///
    /// # Errors
    /// [`Refusal`] where a space cannot be made.
    pub fn spawn(
        &mut self,
        name: &str,
        config: SpaceConfig,
        reference_time: Tick,
        program: Box<dyn Program>,
    ) -> Result<ProcessId, Refusal> {
        let process = self.create_process(name, config, reference_time)?;
        self.add_thread(process, program);
        Ok(process)
    }

    /// Makes a process without threads; it lives until the last of those it is given ends.
    ///
    /// # Errors
    /// [`Refusal`] where a space cannot be made.
    pub fn create_process(
        &mut self,
        name: &str,
        config: SpaceConfig,
        reference_time: Tick,
    ) -> Result<ProcessId, Refusal> {
        let space = match self.world.call(&Call::CreateSpace(config))? {
            Reply::Space(space) => space,
            other => unreachable!("a space was made, and {other:?} came back"),
        };
        self.world.note_name(space, name);
        let process = ProcessId(self.processes.len());
        self.processes.push(Process {
            name: name.to_owned(),
            space,
            began: self.now(),
            is_background: false,
            state: ProcessState::Alive,
            reference_time: reference_time.max(Tick(LEAST_TIME)),
            time: TimeAccount::default(),
            references: 0,
            refused: 0,
            counters: memtide_core::Counters::default(),
            working_set_peak: 0,
            threads_left: 0,
        });
        Ok(process)
    }

    /// Begins another thread of a process that lives.
    pub fn add_thread(&mut self, process: ProcessId, program: Box<dyn Program>) -> ThreadId {
        let thread = self.create_thread(process, ThreadState::Ready, program);
        self.ready.push_back((self.world.now(), thread));
        thread
    }

    /// Begins another thread of a process at a moment to come. The process begins with its first.
    pub fn add_thread_at(
        &mut self,
        at: Tick,
        process: ProcessId,
        program: Box<dyn Program>,
    ) -> ThreadId {
        if self.processes[process.0].threads_left == 0 {
            self.processes[process.0].began = at;
        }
        let thread = self.create_thread(process, ThreadState::Sleeping, program);
        self.set_timer(at, Timer::Wake(thread));
        thread
    }

    /// From now on the run does not go on for the sake of this process.
    pub fn put_in_background(&mut self, process: ProcessId) {
        self.processes[process.0].is_background = true;
    }

    fn create_thread(
        &mut self,
        process: ProcessId,
        state: ThreadState,
        program: Box<dyn Program>,
    ) -> ThreadId {
        let number = u32::try_from(self.threads.len()).unwrap_or(u32::MAX);
        let thread = ThreadId(number);
        self.threads.push(Thread {
            process,
            state,
            program,
            batch: Vec::new(),
            made: 0,
            is_locking: false,
        });
        self.processes[process.0].threads_left += 1;
        thread
    }

    /// Has something done at a moment.
    pub fn schedule(&mut self, at: Tick, action: Action) {
        self.schedule_at(Moments::once(at), action);
    }

    /// Has something done again and again, or only while a condition is set.
    pub fn schedule_at(&mut self, moments: Moments, action: Action) {
        self.set_timer(moments.first, Timer::Act(moments, action));
    }

    /// Runs until every process has ended, or up to a moment. A run that was stopped on its way is
    /// the same run.
    pub fn run_until(&mut self, end: Tick) -> Ending {
        loop {
            match self.step(end) {
                None => {}
                Some(ending) => return ending,
            }
        }
    }

    /// Runs the next slice of a thread, or to the next event; how the run ended, if it did.
    ///
    /// Where the world [watches](World::watch), a slice stops behind each event, and goes on at
    /// the next step.
    pub fn step(&mut self, end: Tick) -> Option<Ending> {
        if let Some(slice) = self.paused.take_if(|slice| slice.now < end) {
            self.run_slice(slice, end);
            return None;
        }
        if self.paused.is_some() {
            return Some(Ending::TimeOut);
        }
        let goes_on =
            |process: &Process| process.state == ProcessState::Alive && !process.is_background;
        if !self.processes.iter().any(goes_on) {
            return Some(Ending::Done);
        }
        let event = earlier(self.world.next_event(), self.next_timer());
        if let Some((processor, begins)) = self.next_processor()
            && event.is_none_or(|event| begins <= event)
        {
            if begins >= end {
                return Some(Ending::TimeOut);
            }
            self.begin_slice(processor, begins, event, end);
            return None;
        }
        match event {
            None => Some(Ending::Stuck),
            Some(_) if self.is_stuck() => Some(Ending::Stuck),
            Some(event) if event > end => Some(Ending::TimeOut),
            Some(event) => {
                self.idle_until(event);
                self.pass_to(event);
                None
            }
        }
    }

    /// Whether threads wait, and nothing but deadlines has come for long.
    fn is_stuck(&mut self) -> bool {
        let is_silent = self.ready.is_empty()
            && !self.world.has_io()
            && self.due.values().all(|timer| *timer == Timer::Sample);
        self.silent = if is_silent { self.silent + 1 } else { 0 };
        self.silent > SILENT_MAX
    }

    /// Processors that have nothing to do zero pages.
    fn idle_until(&mut self, event: Tick) {
        let free = self.world.manager().list_counts().free;
        if free == 0 || !self.ready.is_empty() {
            return;
        }
        let time = event.0.saturating_sub(self.world.now().0);
        let pages = time / self.zero_cost.0.max(LEAST_TIME);
        let pages = free.min(u32::try_from(pages).unwrap_or(u32::MAX));
        if pages > 0 {
            self.world.idle(pages);
        }
    }

    /// The processor that goes on first, and when, if a thread is ready.
    fn next_processor(&self) -> Option<(usize, Tick)> {
        let since = self.ready.iter().map(|(since, _)| *since).min()?;
        let clocks = self.clocks.iter().enumerate();
        let (processor, clock) = clocks.min_by_key(|(_, clock)| **clock)?;
        Some((processor, since.max(*clock)))
    }

    /// The thread that has been ready for longest. Processors pass their threads on with their own
    /// clocks, so it is not always the first.
    fn take_ready(&mut self) -> Option<ThreadId> {
        let ready = self.ready.iter().enumerate();
        let (first, _) = ready.min_by_key(|(_, (since, _))| *since)?;
        self.ready.remove(first).map(|(_, thread)| thread)
    }

    fn set_timer(&mut self, at: Tick, timer: Timer) {
        self.timers_set += 1;
        self.timers.push(Reverse((at, self.timers_set)));
        self.due.insert(self.timers_set, timer);
    }

    fn next_timer(&self) -> Option<Tick> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Lets the world and the timers reach a moment.
    fn pass_to(&mut self, at: Tick) {
        self.world.advance(at);
        while self.next_timer().is_some_and(|timer| timer <= at) {
            let Some(Reverse((_, number))) = self.timers.pop() else { break };
            match self.due.remove(&number) {
                Some(Timer::Wake(thread)) => self.wake(thread, at),
                Some(Timer::Sample) => self.take_sample(),
                Some(Timer::Act(moments, action)) => self.act_at(at, moments, action),
                None => {}
            }
        }
        self.system_time = self.system_time.after(self.world.take_work());
        self.hear(None);
    }

    fn act_at(&mut self, at: Tick, moments: Moments, action: Action) {
        if moments.only_while.is_none_or(|condition| self.is_set(condition)) {
            self.act(&action);
        }
        if let Some(period) = moments.every {
            let first = at.after(period.max(Tick(LEAST_TIME)));
            self.schedule_at(Moments { first, ..moments }, action);
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Command(command) => drop(self.world.call(&Call::Command(*command))),
            Action::EmptyWorkingSet(process) => {
                let process = &self.processes[process.0];
                if process.state == ProcessState::Alive {
                    drop(self.world.call(&Call::EmptyWorkingSet(process.space)));
                }
            }
            Action::Kill(process) => self.end_process(*process, ProcessState::Killed),
        }
    }

    fn wake(&mut self, thread: ThreadId, at: Tick) {
        let found = &mut self.threads[index(thread)];
        if found.state == ThreadState::Sleeping {
            found.state = ThreadState::Ready;
            self.ready.push_back((at, thread));
        }
    }

    /// Passes on what threads were told; whether the one that is running goes on at once.
    fn hear(&mut self, running: Option<ThreadId>) -> Option<Tick> {
        let mut goes_on = None;
        while let Some((thread, told)) = self.world.take_told() {
            let now = self.world.now();
            let found = &mut self.threads[index(thread)];
            let ThreadState::Waiting(since) = found.state else { continue };
            found.state = ThreadState::Ready;
            // What is answered at once did not wait, even where another processor is ahead.
            let waited = match running {
                Some(running) if running == thread => Tick(0),
                _ => Tick(now.0.saturating_sub(since.0)),
            };
            let time = &mut self.processes[found.process.0].time;
            time.waited = time.waited.after(waited);
            match self.take_answer(thread, told) {
                Some(time) if running == Some(thread) => goes_on = Some(time),
                Some(time) => self.ready.push_back((now.after(time), thread)),
                None => {}
            }
        }
        self.hear_conditions();
        goes_on
    }

    /// Wakes the threads whose condition is set.
    fn hear_conditions(&mut self) {
        let changes = self.world.readings().len();
        if std::mem::replace(&mut self.readings_heard, changes) == changes {
            return;
        }
        let now = self.world.now();
        for thread in std::mem::take(&mut self.awaiting) {
            let ThreadState::Awaiting(condition) = self.threads[index(thread)].state else {
                continue;
            };
            if self.is_set(condition) {
                self.threads[index(thread)].state = ThreadState::Ready;
                self.ready.push_back((now, thread));
            } else {
                self.awaiting.push(thread);
            }
        }
    }

    fn is_set(&self, condition: Condition) -> bool {
        self.world.manager().conditions()[condition.index()].state == State::Set
    }

    /// A fault or a lock has ended for a thread: how much later it goes on, if it does.
    fn take_answer(&mut self, thread: ThreadId, told: Told) -> Option<Tick> {
        let found = &mut self.threads[index(thread)];
        if found.is_locking {
            found.is_locking = false;
            let reply = match told {
                Told::Refused(refusal) => Err(refusal),
                Told::Resumed | Told::Raised(_) => Ok(Reply::Done),
            };
            found.program.reply(reply);
            return Some(Tick(0));
        }
        match told {
            Told::Resumed | Told::Refused(_) => {
                found.made += 1;
                let process = &mut self.processes[found.process.0];
                process.references += 1;
                process.time.own = process.time.own.after(process.reference_time);
                Some(process.reference_time)
            }
            Told::Raised(exception) => self.react(thread, exception).then_some(Tick(0)),
        }
    }

    fn react(&mut self, thread: ThreadId, exception: Exception) -> bool {
        let found = &mut self.threads[index(thread)];
        match found.program.raised(exception) {
            Reaction::Retry => true,
            Reaction::Skip => {
                found.made += 1;
                true
            }
            Reaction::Die => {
                let process = found.process;
                self.end_process(process, |at| ProcessState::Crashed(at, exception));
                false
            }
        }
    }

    fn end_process(&mut self, id: ProcessId, state: impl FnOnce(Tick) -> ProcessState) {
        let Some(process) = self.processes.get_mut(id.0) else { return };
        if process.state != ProcessState::Alive {
            return;
        }
        let space = process.space;
        process.state = state(self.world.now());
        if let Ok(view) = self.world.manager().snapshot().space(space) {
            process.counters = view.counters;
            process.working_set_peak = view.working_set_peak;
        }
        for (number, thread) in (0..).zip(&mut self.threads) {
            if thread.process == id && thread.state != ThreadState::Ended {
                thread.state = ThreadState::Ended;
                self.world.end_thread(ThreadId(number));
            }
        }
        let threads = &self.threads;
        self.ready.retain(|(_, thread)| threads[index(*thread)].state == ThreadState::Ready);
        drop(self.world.call(&Call::DestroySpace(space)));
    }

    fn end_thread(&mut self, thread: ThreadId) {
        let found = &mut self.threads[index(thread)];
        found.state = ThreadState::Ended;
        let id = found.process;
        self.world.end_thread(thread);
        let process = &mut self.processes[id.0];
        process.threads_left -= 1;
        if process.threads_left == 0 {
            self.end_process(id, ProcessState::Done);
        }
    }

    fn begin_slice(&mut self, processor: usize, begins: Tick, event: Option<Tick>, limit: Tick) {
        let Some(thread) = self.take_ready() else { return };
        let quantum_end = begins.after(self.quantum);
        let end = event.map_or(quantum_end, |event| event.min(quantum_end));
        self.run_slice(Slice { processor, thread, now: begins, end }, limit);
    }

    /// Runs a thread until it waits, ends, or its time is up; at the limit, or where somebody
    /// watches, it pauses.
    fn run_slice(&mut self, mut slice: Slice, limit: Tick) {
        loop {
            match self.run_on(&mut slice, limit) {
                Next::Goes if slice.now < slice.end => {
                    // What it began may end before its quantum does.
                    let event = self.world.next_event().unwrap_or(slice.end);
                    slice.end = slice.end.min(event);
                    if slice.now >= limit || self.world.has_seen() {
                        self.clocks[slice.processor] = slice.now;
                        self.paused = Some(slice);
                        return;
                    }
                }
                Next::Goes => {
                    self.ready.push_back((slice.now, slice.thread));
                    break;
                }
                Next::Stops => break,
            }
        }
        self.clocks[slice.processor] = slice.now;
        self.hear(None);
    }

    fn run_on(&mut self, slice: &mut Slice, limit: Tick) -> Next {
        let found = &self.threads[index(slice.thread)];
        if found.made < found.batch.len() {
            return self.make_references(slice, limit);
        }
        let process = found.process;
        let space = self.processes[process.0].space;
        let step = {
            let found = &mut self.threads[index(slice.thread)];
            found.batch.clear();
            found.made = 0;
            let context = Context { now: slice.now, space, world: &self.world };
            found.program.step(&context, &mut found.batch)
        };
        match step {
            Step::References => Next::Goes,
            Step::Compute(time) => {
                let time = time.max(Tick(LEAST_TIME));
                slice.now = slice.now.after(time);
                let account = &mut self.processes[process.0].time;
                account.own = account.own.after(time);
                Next::Goes
            }
            Step::Sleep(time) => {
                self.threads[index(slice.thread)].state = ThreadState::Sleeping;
                self.set_timer(slice.now.after(time), Timer::Wake(slice.thread));
                Next::Stops
            }
            Step::Await(condition) if self.is_set(condition) => {
                slice.now = slice.now.after(Tick(LEAST_TIME));
                Next::Goes
            }
            Step::Await(condition) => {
                self.threads[index(slice.thread)].state = ThreadState::Awaiting(condition);
                self.awaiting.push(slice.thread);
                Next::Stops
            }
            Step::Call(call) => {
                self.world.now_is(slice.now);
                let reply = self.world.call(&call);
                self.processes[process.0].refused += u64::from(reply.is_err());
                self.charge(slice, process);
                self.threads[index(slice.thread)].program.reply(reply);
                Next::Goes
            }
            Step::Lock { address, bytes } => {
                self.threads[index(slice.thread)].is_locking = true;
                self.world.now_is(slice.now);
                self.world.lock(slice.thread, space, address, bytes);
                self.await_answer(slice, process)
            }
            Step::End => {
                self.world.now_is(slice.now);
                self.end_thread(slice.thread);
                Next::Stops
            }
            Step::Abort(refusal) => {
                self.world.now_is(slice.now);
                self.end_process(process, |at| ProcessState::Aborted(at, refusal));
                Next::Stops
            }
        }
    }

    /// The manager's work is the time of whoever caused it.
    fn charge(&mut self, slice: &mut Slice, process: ProcessId) {
        let work = self.world.take_work();
        slice.now = slice.now.after(work);
        let account = &mut self.processes[process.0].time;
        account.serviced = account.serviced.after(work);
    }

    fn make_references(&mut self, slice: &mut Slice, limit: Tick) -> Next {
        let found = &mut self.threads[index(slice.thread)];
        let process = &mut self.processes[found.process.0];
        let each = process.reference_time.0;
        let time_left = slice.end.min(limit).0.saturating_sub(slice.now.0);
        let fits = usize::try_from(time_left.div_ceil(each)).unwrap_or(usize::MAX).max(1);
        let left = &found.batch[found.made..];
        let tried = left.len().min(fits);
        let passed = self.world.touch(process.space, &left[..tried]);
        let faulted = left.get(passed).copied().filter(|_| passed < tried);
        found.made += passed;
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let time = Tick(passed.saturating_mul(each));
        process.references += passed;
        process.time.own = process.time.own.after(time);
        slice.now = slice.now.after(time);
        let Some(reference) = faulted else { return Next::Goes };
        let (id, space) = (found.process, process.space);
        self.world.now_is(slice.now);
        let access = self.before_fault(slice.thread, space, reference);
        self.world.fault(slice.thread, space, reference.address, access);
        self.await_answer(slice, id)
    }

    /// Asks a program about a reference that is not mapped, and makes the calls it wants first.
    fn before_fault(&mut self, thread: ThreadId, space: SpaceId, reference: Reference) -> Access {
        let program = &mut self.threads[index(thread)].program;
        loop {
            match program.before_fault(space, reference) {
                BeforeFault::Fault(access) => return access,
                BeforeFault::Call(call) => program.reply(self.world.call(&call)),
            }
        }
    }

    /// A fault or a lock is handed in: it is answered at once, or the thread waits.
    fn await_answer(&mut self, slice: &mut Slice, process: ProcessId) -> Next {
        self.charge(slice, process);
        // The world may be ahead of this processor; that is no waiting.
        let since = self.world.now().max(slice.now);
        self.threads[index(slice.thread)].state = ThreadState::Waiting(since);
        match self.hear(Some(slice.thread)) {
            Some(time) => {
                slice.now = slice.now.after(time);
                Next::Goes
            }
            None => Next::Stops,
        }
    }
}

/// A thread on a processor.
struct Slice {
    processor: usize,
    thread: ThreadId,
    now: Tick,
    end: Tick,
}

/// Whether a thread could go on.
enum Next {
    Goes,
    Stops,
}
