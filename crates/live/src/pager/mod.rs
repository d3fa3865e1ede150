//! The pager: one memory manager, and the real memory that it manages.
//!
//! Whoever holds its lock may hand in inputs and carries out what follows at once. Reads and
//! compressions are *jobs*: whoever waits for a page does them, or else a worker, without the lock.
//! Writes go to the page file's own threads.
//!
//! # Invariants
//! - Nothing that the pager touches lies in managed memory, so it never faults on itself.
//! - Its lock is held with all signals blocked, and never across I/O or a wait.
//! - What is mapped is what the manager thinks is mapped, whenever the lock is free.
//! - Nothing allocates or frees memory on the way of a fault, with the lock or without: who faults
//!   may hold its allocator's lock, and who has the pager's must not wait for that one. Calls
//!   allocate, and set aside what faults will need.

mod bed;
mod carry_out;
mod changes;
mod job;
mod poison;
mod run;
mod turns;
pub(crate) mod view;
pub(crate) mod wait;
pub(crate) mod worker;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use memtide_core::conditions::{ConditionSet, State as Level};
use memtide_core::page::{Access, PAGE_SIZE, Pfn, SpaceId, ThreadId, Tick, Vpn};
use memtide_core::{Call, Event, Exception, Input, Manager, Refusal, Reply};

use rustix::time::Timespec;

use crate::frames::Frames;
use crate::page_file::{BufferPool, PageFile};
use crate::signal::SignalsBlocked;
use crate::uffd::{FaultPath, Reservation, Uffd};
use crate::watch::Watch;
use bed::Bed;
use changes::Changes;
use job::{Job, Stores};
use poison::Poison;
use run::Runs;
use turns::Turns;
use view::View;
use wait::{Told, Waits};

/// What is noted of every event, such as a log.
pub(crate) type Recorder = Box<dyn FnMut(&Event) + Send>;

/// Changes that those who watch may be behind: of more the oldest are not told.
const UNTOLD_MOST: usize = 256;

/// Reads in progress at a time for threads that fault: far more than there are buffers for.
pub(crate) const READS_MAX: u32 = 64;

/// Jobs that faults may begin before one ends: reads, and compressions and an extension.
const JOBS_OF_FAULTS: usize = 2 * READS_MAX as usize;

/// Pages at a time whose accesses the kernel refuses.
const POISONS_MOST: usize = 4096;

/// The memory of a space.
#[derive(Clone)]
pub(crate) struct SpaceMemory {
    pub(crate) path: FaultPath,
    pub(crate) reservation: Arc<Reservation>,
    pub(crate) uffd: Arc<Uffd>,
}

impl SpaceMemory {
    /// Where the address 0 of the manager's space lies.
    fn base(&self) -> u64 {
        self.reservation.address()
    }
}

/// What the lock protects.
pub(crate) struct State {
    pub(crate) manager: Manager,
    pub(crate) frames: Frames,
    spaces: Vec<Option<SpaceMemory>>,
    views: Vec<View>,
    /// Pages of views that may write to their sections which are mapped to be copied on write.
    copied: BTreeSet<(SpaceId, u64)>,
    waits: Waits,
    jobs: VecDeque<Job>,
    /// Somebody makes the page file larger.
    is_growing: bool,
    runs: Runs,
    stores: Stores,
    /// Pages that were written to between being mapped and being protected.
    slipped: Vec<(SpaceId, Vpn)>,
    /// Frames whose bytes could not be made, to be told once the outputs are carried out.
    lost: Vec<Pfn>,
    /// Pages whose accesses the kernel refuses.
    poisons: Vec<Poison>,
    /// A condition was set or cleared since the lock was taken.
    has_changed: bool,
    /// What was set after each change that those who watch were not told yet.
    untold: VecDeque<ConditionSet>,
    recorder: Option<Recorder>,
    page_file: Option<Arc<PageFile>>,
    buffers: Arc<BufferPool>,
    /// Reads that may begin: the buffers of writes are not for them.
    reads_left: usize,
    homes: Uffd,
    /// Pages that nobody ever wrote.
    zeros: Reservation,
    began: Instant,
}

/// The pager of a machine.
pub(crate) struct Pager {
    state: Mutex<State>,
    /// There are jobs, or the machine ends.
    work: Condvar,
    /// Where threads wait for their faults, by their numbers.
    beds: Arc<[Bed]>,
    /// The page file is larger, or will not be.
    grown: Condvar,
    changes: Changes,
    turns: Turns,
    pub(crate) watch: Watch,
    ends: AtomicBool,
    page_file: Option<Arc<PageFile>>,
    buffers: Arc<BufferPool>,
}

/// The lock, with all signals blocked.
pub(crate) struct Locked<'a> {
    state: Option<MutexGuard<'a, State>>,
    pager: &'a Pager,
    /// Those of a program that calls or looks, and gives way to faults that wait. Last, so that
    /// they are let through when the lock is free.
    signals: Option<SignalsBlocked>,
}

impl std::ops::Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        match &self.state {
            Some(state) => state,
            None => unreachable!("the lock is given up where it is dropped"),
        }
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        match &mut self.state {
            Some(state) => state,
            None => unreachable!("the lock is given up where it is dropped"),
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

impl Locked<'_> {
    /// Sleeps until there is work, or for so long.
    fn sleep(mut self, most: Duration) {
        let Some(state) = self.state.take() else { return };
        let slept = self.pager.work.wait_timeout(state, most);
        self.state = Some(slept.unwrap_or_else(PoisonError::into_inner).0);
    }

    /// Sleeps until somebody has made the page file larger, or could not.
    fn sleep_until_grown(&mut self) {
        let Some(state) = self.state.take() else { return };
        let slept = self.pager.grown.wait_while(state, |state| state.is_growing);
        self.state = Some(slept.unwrap_or_else(PoisonError::into_inner));
    }

    fn release(&mut self) {
        let Some(mut state) = self.state.take() else { return };
        let has_changed = std::mem::take(&mut state.has_changed);
        if has_changed {
            state.note_change();
        }
        let has_work = !state.jobs.is_empty() || !state.untold.is_empty();
        let turn = self.pager.turns.now();
        drop(state);
        if has_work {
            self.pager.work.notify_one();
        }
        if has_changed {
            self.pager.changes.tell();
        }
        if self.signals.is_some() {
            self.pager.turns.give_way(turn);
        }
    }
}

impl Pager {
    /// A pager of a manager in which nothing has happened.
    pub(crate) fn new(
        manager: Manager,
        frames: Frames,
        homes: Uffd,
        zeros: Reservation,
        page_file: Option<Arc<PageFile>>,
        buffers: Arc<BufferPool>,
    ) -> Self {
        // The pages of one compression lie in their buffer while the next begins.
        let writes = manager.config().policy.writes_max as usize;
        let kept = usize::from(manager.config().store.is_some());
        let frames_max = frames.count();
        let mut state = State {
            reads_left: buffers.count().saturating_sub(writes + kept),
            manager,
            frames,
            spaces: Vec::new(),
            views: Vec::new(),
            copied: BTreeSet::new(),
            waits: Waits::new(),
            jobs: VecDeque::new(),
            is_growing: false,
            runs: Runs::default(),
            stores: Stores::default(),
            slipped: Vec::with_capacity(frames_max),
            lost: Vec::with_capacity(frames_max),
            poisons: Vec::with_capacity(POISONS_MOST),
            zeros,
            has_changed: false,
            untold: VecDeque::with_capacity(UNTOLD_MOST),
            recorder: None,
            page_file: page_file.clone(),
            buffers: Arc::clone(&buffers),
            homes,
            began: Instant::now(),
        };
        state.drain();
        state.set_aside();
        let beds = state.waits.beds();
        Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            beds,
            grown: Condvar::new(),
            changes: Changes::default(),
            turns: Turns::default(),
            watch: Watch::default(),
            ends: AtomicBool::new(false),
            page_file,
            buffers,
        }
    }

    /// Lets the workers end.
    pub(crate) fn end(&self) {
        // With the lock, so that nobody is between looking and going to sleep.
        let _state = self.lock();
        self.ends.store(true, Ordering::Release);
        self.work.notify_all();
    }

    /// The page file, if there is one.
    pub(crate) fn page_file(&self) -> Option<&PageFile> {
        self.page_file.as_deref()
    }

    /// Takes the lock from a program's thread.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let signals = SignalsBlocked::new();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { state: Some(state), pager: self, signals: Some(signals) }
    }

    /// Takes the lock in a thread, or a signal's handler, that blocks all signals.
    fn lock_blocked(&self) -> Locked<'_> {
        Locked { state: Some(self.take_turn()), pager: self, signals: None }
    }

    /// Takes the lock before programs that call or look again.
    fn take_turn(&self) -> MutexGuard<'_, State> {
        match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.turns.take(|| self.state.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    /// Makes a call of the manager. A page file that must grow first grows at once.
    ///
    /// # Errors
    /// What the manager refuses.
    pub(crate) fn call(&self, call: &Call) -> Result<Reply, Refusal> {
        self.call_and(call, |_, reply| reply)
    }

    /// The same, and does something about the answer before anything else happens.
    ///
    /// # Errors
    /// What the manager refuses.
    pub(crate) fn call_and<T>(
        &self,
        call: &Call,
        then: impl FnOnce(&mut State, Reply) -> T,
    ) -> Result<T, Refusal> {
        loop {
            let mut state = self.lock();
            match state.call(call) {
                Ok(reply) => return Ok(then(&mut state, reply)),
                Err(refusal @ Refusal::CommitmentLimit { .. }) => {
                    if !self.extend(&mut state) {
                        return Err(refusal);
                    }
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Ends a space; its memory, which may go.
    pub(crate) fn destroy_space(&self, id: SpaceId) -> Option<SpaceMemory> {
        // With the lock throughout: the number may be the next space's at once.
        let mut state = self.lock();
        // Refused only where the space does not exist.
        let _ = state.call(&Call::DestroySpace(id));
        state.forget_views(id);
        state.remove_space(id)
    }

    /// A thread faults: returns when its access passes.
    ///
    /// # Errors
    /// The exception that it raises.
    pub(crate) fn fault(
        &self,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Exception> {
        self.fault_locked(self.lock(), space, address, access)
    }

    /// The same in a signal's handler, or in a thread that blocks all signals.
    ///
    /// # Errors
    /// The exception that it raises.
    pub(crate) fn fault_blocked(
        &self,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Exception> {
        self.fault_locked(self.lock_blocked(), space, address, access)
    }

    fn fault_locked<'a>(
        &'a self,
        mut state: Locked<'a>,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Exception> {
        if state.touch(space, address, access) {
            state.show_again(space, Vpn::of(address));
            return Ok(());
        }
        let told = self.wait_for(&mut state, |state, thread| {
            state.input(Input::Fault { thread, space, address, access });
        });
        match told {
            Told::Resumed => Ok(()),
            Told::Raised(exception) => Err(exception),
            Told::Refused(refusal) => unreachable!("a fault was refused: {refusal}"),
        }
    }

    /// Locks a range of pages in memory.
    ///
    /// # Errors
    /// What the manager refuses, or an exception of one of the pages.
    pub(crate) fn lock_pages(
        &self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(), crate::Error> {
        let mut state = self.lock();
        let told = self.wait_for(&mut state, |state, thread| {
            state.input(Input::Lock { thread, space, address, bytes });
        });
        match told {
            Told::Resumed => Ok(()),
            Told::Raised(exception) => Err(exception.into()),
            Told::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Hands in what a thread waits for, and does jobs until it is told how that ended.
    fn wait_for<'a>(
        &'a self,
        state: &mut Locked<'a>,
        begin: impl FnOnce(&mut State, ThreadId),
    ) -> Told {
        let thread = loop {
            match state.waits.begin() {
                Some(thread) => break thread,
                None => self.unlocked(state, std::thread::yield_now),
            }
        };
        begin(state, thread);
        loop {
            if let Some(told) = state.waits.end(thread) {
                return told;
            }
            match state.jobs.pop_front() {
                Some(job) => self.run_job(state, job),
                None => {
                    self.unlocked(state, || self.beds[thread.0 as usize].wait());
                }
            }
        }
    }

    /// Does something without the lock.
    fn unlocked<'a, T>(&'a self, state: &mut Locked<'a>, act: impl FnOnce() -> T) -> T {
        state.release();
        let done = act();
        state.state = Some(self.take_turn());
        done
    }

    /// A fault that the handler thread read: nobody waits here; who faulted is woken.
    pub(crate) fn fault_of_another(&self, space: SpaceId, address: u64, access: Access) {
        let mut state = self.lock_blocked();
        let page = Vpn::of(address);
        if state.has_untold(space, page) {
            return state.refuse(space, page);
        }
        if state.touch(space, address, access) {
            state.show_again(space, page);
            return state.wake(space, page);
        }
        let thread = loop {
            match state.waits.begin_for(space, page) {
                Some(thread) => break thread,
                None => self.unlocked(&mut state, std::thread::yield_now),
            }
        };
        state.input(Input::Fault { thread, space, address, access });
        while let Some(job) = state.jobs.pop_front() {
            self.run_job(&mut state, job);
        }
    }

    /// A fault of a thread that the kernel let go: returns when its access may pass.
    ///
    /// # Errors
    /// The exception that it raises.
    pub(crate) fn fault_let_go(
        &self,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Exception> {
        let once = self.lock_blocked().heal(space, Vpn::of(address));
        match once {
            // A fault that was read late may have found it: this is the access that meets it.
            Some(Exception::GuardPage { .. }) => Err(Exception::GuardPage { address, access }),
            Some(other) => Err(other),
            None => self.fault_blocked(space, address, access),
        }
    }

    /// Whether a condition is set; waits until it is, or until the time is out.
    pub(crate) fn wait_until(
        &self,
        deadline: Option<Instant>,
        holds: impl Fn(ConditionSet) -> bool,
    ) -> bool {
        loop {
            let seen = self.changes.seen();
            if holds(self.lock().conditions()) {
                return true;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            // A time that the kernel's clock cannot hold is as good as none.
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            self.changes.wait(seen, left.as_ref());
        }
    }

    /// What was set after the next change that was not told yet.
    pub(crate) fn next_change(&self) -> Option<ConditionSet> {
        self.lock_blocked().untold.pop_front()
    }

    /// A write of the page file ended.
    pub(crate) fn write_done(&self, token: u64, result: Result<(), memtide_core::IoError>) {
        let mut state = self.lock_blocked();
        state.write_done(token, result);
    }
}

impl State {
    fn now(&self) -> Tick {
        let nanoseconds = self.began.elapsed().as_nanos();
        Tick(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    fn note(&mut self, event: impl FnOnce() -> Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder(&event());
        }
    }

    /// From now on every event is noted, or none is.
    pub(crate) fn record(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    /// Makes a call of the manager.
    ///
    /// # Errors
    /// What the manager refuses.
    pub(crate) fn call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.heal_all();
        self.note(|| Event::Call(call.clone()));
        let result = self.manager.call(call);
        self.drain();
        if result.is_ok() {
            self.settle(call);
        }
        self.set_aside();
        result
    }

    /// Makes room for the jobs that faults may begin, however many a call has begun.
    fn set_aside(&mut self) {
        self.jobs.reserve(JOBS_OF_FAULTS);
    }

    fn note_change(&mut self) {
        if self.untold.len() == UNTOLD_MOST {
            self.untold.pop_front();
        }
        let set = self.conditions();
        self.untold.push_back(set);
    }

    fn touch(&mut self, space: SpaceId, address: u64, access: Access) -> bool {
        self.note(|| Event::Touch(space, address, access));
        self.manager.touch(space, address, access)
    }

    /// Hands in an input, and carries out what follows.
    pub(crate) fn input(&mut self, input: Input) {
        self.hand_in(input);
        self.drain();
    }

    fn hand_in(&mut self, input: Input) {
        let now = self.now();
        self.note(|| Event::Input(now, input.clone()));
        self.manager.handle(now, input);
    }

    /// A space has memory from now on.
    pub(crate) fn add_space(&mut self, id: SpaceId, memory: SpaceMemory) {
        let number = id.0 as usize;
        if self.spaces.len() <= number {
            self.spaces.resize_with(number + 1, || None);
        }
        self.spaces[number] = Some(memory);
    }

    /// A space is gone.
    fn remove_space(&mut self, id: SpaceId) -> Option<SpaceMemory> {
        self.forget_poison(id);
        self.spaces.get_mut(id.0 as usize)?.take()
    }

    fn memory(&self, space: SpaceId) -> &SpaceMemory {
        match self.spaces.get(space.0 as usize) {
            Some(Some(memory)) => memory,
            _ => panic!("space {} has no memory", space.0),
        }
    }

    /// The addresses of a space.
    pub(crate) fn reservation(&self, space: SpaceId) -> Arc<Reservation> {
        Arc::clone(&self.memory(space).reservation)
    }

    fn address(&self, space: SpaceId, page: Vpn) -> u64 {
        self.memory(space).base() + page.address()
    }

    /// Wakes whoever waits for a page in the kernel.
    fn wake(&self, space: SpaceId, page: Vpn) {
        let memory = self.memory(space);
        if memory.path == FaultPath::Handler {
            let _ = memory.uffd.wake(memory.base() + page.address(), PAGE_SIZE);
        }
    }

    /// The conditions that are set.
    pub(crate) fn conditions(&self) -> ConditionSet {
        let mut set = ConditionSet::EMPTY;
        for reading in self.manager.conditions() {
            if reading.state == Level::Set {
                set.insert(reading.condition);
            }
        }
        set
    }
}
