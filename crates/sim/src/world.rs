//! The world that a manager drives on virtual time: its clock, its disks, its memory.
//!
//! # Invariants
//! - After each input and call, outputs are carried out until there is none.
//! - Time goes from event to event and never back; the same seed gives the same events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use memtide_core::conditions::Reading;
use memtide_core::page::{Access, Pfn, SpaceId, ThreadId, Tick, Vpn};
use memtide_core::{
    Call, Compressed, ConfigError, Content, Event, Exception, Input, IoError, Manager, OperationId,
    Output, PAGE_FILES_MAX, Refusal, Reply, Source, Unsound,
};

use crate::audit::{Audit, Incident, Io};
use crate::contents::{Contents, Mismatch, Plant};
use crate::disk::{Direction, Disk};
use crate::injected::{FaultKind, InjectedFaults, Injector};
use crate::machine::{Compressibility, Costs, Machine};
use crate::reference::Reference;

/// What a waiting thread was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its access or lock is done.
    Resumed,
    /// Its access raised an exception.
    Raised(Exception),
    /// Its lock is refused.
    Refused(Refusal),
}

/// What a thread does at the moment its access passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// In which space.
    pub space: SpaceId,
    /// At which address.
    pub address: u64,
    /// What it does.
    pub access: Access,
    /// The word that it writes, where it does.
    pub written: Option<u64>,
}

/// What a world notes of every event, such as a log.
pub type Recorder = Box<dyn FnMut(&Event) + Send>;

/// The world.
pub struct World {
    manager: Manager,
    now: Tick,
    disks: Vec<Disk>,
    page_file_disks: [usize; PAGE_FILES_MAX],
    file_disk: usize,
    costs: Costs,
    compressibility: Compressibility,
    injector: Injector,
    contents: Option<Box<Contents>>,
    /// I/O in progress by its end, and by its beginning where two end together.
    in_progress: BinaryHeap<Reverse<(Tick, u64, Io)>>,
    begun: u64,
    /// Contents that could not be made, to be told once the outputs are carried out.
    lost: Vec<(Pfn, IoError)>,
    told: VecDeque<(ThreadId, Told)>,
    readings: Vec<(Tick, Reading)>,
    /// Processor time spent since it was last taken.
    work: Tick,
    write_failures: u64,
    mismatch: Option<Mismatch>,
    recorder: Option<Recorder>,
    /// What threads do once their accesses pass.
    intents: BTreeMap<ThreadId, Intent>,
    /// Threads to go on with a page that could not be filled: they try again.
    held_back: Vec<ThreadId>,
    /// What threads saw.
    seen: BTreeMap<ThreadId, u64>,
    audit: Option<Box<Audit>>,
    /// The number of the last begun I/O that has ended.
    latest_ended: u64,
    overtakings: u64,
    loses_completion: bool,
}

impl World {
    /// A world in which nothing has happened.
    ///
    /// # Errors
    /// [`ConfigError`] for a configuration that describes no machine.
    pub fn new(machine: &Machine, seed: u64) -> Result<Self, ConfigError> {
        let manager = Manager::new(machine.manager.clone())?;
        let contents =
            machine.has_contents.then(|| Box::new(Contents::new(machine.manager.frames)));
        let mut world = Self {
            manager,
            now: Tick(0),
            disks: machine.disks.iter().cloned().map(Disk::new).collect(),
            page_file_disks: machine.disk_of_page_file(),
            file_disk: machine.file_disk,
            costs: machine.costs,
            compressibility: machine.compressibility,
            injector: Injector::new(machine.faults, seed),
            contents,
            in_progress: BinaryHeap::new(),
            begun: 0,
            lost: Vec::new(),
            told: VecDeque::new(),
            readings: Vec::new(),
            work: Tick(0),
            write_failures: 0,
            mismatch: None,
            recorder: None,
            intents: BTreeMap::new(),
            held_back: Vec::new(),
            seen: BTreeMap::new(),
            audit: None,
            latest_ended: 0,
            overtakings: 0,
            loses_completion: false,
        };
        world.drain();
        Ok(world)
    }

    /// The manager, to look at.
    #[must_use]
    pub const fn manager(&self) -> &Manager {
        &self.manager
    }

    /// The moment it is.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// The disks.
    #[must_use]
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }

    /// What pages hold, where the machine has contents.
    #[must_use]
    pub fn contents(&mut self) -> Option<&mut Contents> {
        self.contents.as_deref_mut()
    }

    /// Every change of a condition so far, with its moment.
    #[must_use]
    pub fn readings(&self) -> &[(Tick, Reading)] {
        &self.readings
    }

    /// Errors injected so far.
    #[must_use]
    pub const fn injected_errors(&self) -> u64 {
        self.injector.injected()
    }

    /// Pages that could not be written, as the manager told.
    #[must_use]
    pub const fn write_failures(&self) -> u64 {
        self.write_failures
    }

    /// The first difference between what is mapped and what the manager thinks.
    #[must_use]
    pub const fn mismatch(&self) -> Option<Mismatch> {
        self.mismatch
    }

    /// From now on other things go wrong.
    pub const fn set_faults(&mut self, faults: InjectedFaults) {
        self.injector.set_faults(faults);
    }

    /// The next so many operations of a kind go wrong.
    pub const fn fail_next(&mut self, kind: FaultKind, times: u32) {
        self.injector.fail_next(kind, times);
    }

    /// The next so many transfers take so much longer.
    pub const fn slow_next(&mut self, by: Tick, times: u32) {
        self.injector.slow_next(by, times);
    }

    /// From now on something is wrong with the world, once.
    ///
    /// # Panics
    /// Where [`Plant::Panic`] asks for it.
    pub fn plant(&mut self, plant: Plant) {
        match (plant, self.contents.as_deref_mut()) {
            (Plant::Panic, _) => panic!("a panic was planted"),
            (Plant::DropCompletion, _) => self.loses_completion = true,
            (plant, Some(contents)) => contents.plant(plant),
            (_, None) => {}
        }
    }

    /// From now on the whole state is proved after each input and call, and what goes wrong noted.
    pub fn audit(&mut self) {
        self.audit.get_or_insert_default();
    }

    /// The first proof that failed, where the world is audited.
    #[must_use]
    pub fn unsound(&self) -> Option<&Unsound> {
        self.audit.as_ref().and_then(|audit| audit.unsound.as_ref())
    }

    /// What went wrong since the last time, where the world is audited.
    pub fn take_incidents(&mut self) -> Vec<Incident> {
        let audit = self.audit.as_mut();
        audit.map(|audit| std::mem::take(&mut audit.incidents)).unwrap_or_default()
    }

    /// Operations that ended before one that had begun earlier.
    #[must_use]
    pub const fn overtakings(&self) -> u64 {
        self.overtakings
    }

    /// The I/O that ends next.
    #[must_use]
    pub fn next_io(&self) -> Option<Io> {
        self.in_progress.peek().map(|Reverse((.., io))| *io)
    }

    /// From now on every event is noted.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// What a thread was told since the last time; a thread is told once a fault.
    pub fn take_told(&mut self) -> Option<(ThreadId, Told)> {
        self.told.pop_front()
    }

    /// The processor time spent by the manager since the last time.
    pub const fn take_work(&mut self) -> Tick {
        std::mem::replace(&mut self.work, Tick(0))
    }

    /// When something happens next without anyone's doing.
    #[must_use]
    pub fn next_event(&self) -> Option<Tick> {
        let io = self.in_progress.peek().map(|Reverse((end, ..))| *end);
        [io, self.manager.next_deadline()].into_iter().flatten().min()
    }

    /// Whether I/O is in progress.
    #[must_use]
    pub fn has_io(&self) -> bool {
        !self.in_progress.is_empty()
    }

    /// Lets time pass up to a moment, with everything that happens on the way.
    pub fn advance(&mut self, to: Tick) {
        while self.advance_to_event(to) {}
        self.now = self.now.max(to);
    }

    /// Lets time pass up to the next event, if there is one up to a moment: whether there was.
    pub fn advance_to_event(&mut self, to: Tick) -> bool {
        let Some(at) = self.next_event().filter(|at| *at <= to) else { return false };
        self.now = self.now.max(at);
        match self.in_progress.peek() {
            Some(Reverse((end, ..))) if *end <= at => self.end_io(),
            _ => self.input(Input::Tick),
        }
        true
    }

    /// Makes a call. A page file that must grow first grows at once, and the call is made again.
    ///
    /// # Errors
    /// What the manager refuses.
    pub fn call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        loop {
            let result = self.call_once(call);
            let is_refused = matches!(result, Err(Refusal::CommitmentLimit { .. }));
            if !is_refused || !self.end_extension() {
                return result;
            }
        }
    }

    /// Makes a call, whatever it comes to.
    ///
    /// # Errors
    /// What the manager refuses.
    pub fn call_once(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.note(|| Event::Call(call.clone()));
        let result = self.manager.call(call);
        if let (Ok(Reply::Section(section)), Some(contents)) = (&result, self.contents()) {
            contents.begin_file(*section);
        }
        self.drain();
        result
    }

    /// Makes references of a space until one faults; how many passed.
    #[inline]
    pub fn touch(&mut self, space: SpaceId, references: &[Reference]) -> usize {
        for (passed, reference) in references.iter().enumerate() {
            let Reference { address, access } = *reference;
            let passes = self.manager.touch(space, address, access);
            if self.recorder.is_some() {
                self.note(|| Event::Touch(space, address, access));
            }
            if !passes {
                return passed;
            }
        }
        references.len()
    }

    /// A thread faults; [`take_told`](World::take_told) says how that ends, now or later.
    pub fn fault(&mut self, thread: ThreadId, space: SpaceId, address: u64, access: Access) {
        self.work = self.work.after(self.costs.fault);
        self.input(Input::Fault { thread, space, address, access });
    }

    /// A thread makes an access of which the contents count. It is always answered: by
    /// [`Told::Resumed`] once it is made, and [`World::take_seen`] says what was seen.
    pub fn access(&mut self, thread: ThreadId, intent: Intent) {
        self.intents.insert(thread, intent);
        self.try_access(thread);
        self.drain();
    }

    /// What a thread read, or left by writing, when it was last resumed.
    pub fn take_seen(&mut self, thread: ThreadId) -> Option<u64> {
        self.seen.remove(&thread)
    }

    /// Touches what a thread wants, or lets it fault.
    fn try_access(&mut self, thread: ThreadId) {
        let Some(Intent { space, address, access, .. }) = self.intents.get(&thread).copied() else {
            return;
        };
        self.note(|| Event::Touch(space, address, access));
        if self.manager.touch(space, address, access) {
            return self.resume(thread);
        }
        self.work = self.work.after(self.costs.fault);
        self.hand_in(Input::Fault { thread, space, address, access });
    }

    /// A thread goes on: its access is made now, before anything else happens.
    fn resume(&mut self, thread: ThreadId) {
        let contents = self.contents.as_deref_mut();
        if let (Some(intent), Some(contents)) = (self.intents.get(&thread).copied(), contents) {
            let Intent { space, address, access, written } = intent;
            let page = Vpn::of(address);
            let frame = contents.mapped(space, page).map(|(frame, _)| frame);
            if self.lost.iter().any(|(lost, _)| Some(*lost) == frame) {
                self.held_back.push(thread);
                return;
            }
            match contents.access(space, page, access, written) {
                Ok(seen) => drop(self.seen.insert(thread, seen)),
                Err(mismatch) => drop(self.mismatch.get_or_insert(mismatch)),
            }
        }
        self.intents.remove(&thread);
        self.told.push_back((thread, Told::Resumed));
    }

    /// A thread is told that what it waits for will not be.
    fn tell(&mut self, thread: ThreadId, told: Told) {
        self.intents.remove(&thread);
        self.told.push_back((thread, told));
    }

    /// A thread locks a range; answered as a fault is.
    pub fn lock(&mut self, thread: ThreadId, space: SpaceId, address: u64, bytes: u64) {
        self.input(Input::Lock { thread, space, address, bytes });
    }

    /// A thread is gone.
    pub fn end_thread(&mut self, thread: ThreadId) {
        self.intents.remove(&thread);
        self.input(Input::ThreadEnded { thread });
        self.told.retain(|(told, _)| *told != thread);
    }

    /// The zero-page thread has time for so many pages.
    pub fn idle(&mut self, pages: u32) {
        self.input(Input::Idle { pages });
    }

    /// A page was seen to have been used.
    pub fn note_used(&mut self, space: SpaceId, address: u64) {
        self.input(Input::Accessed { space, address });
    }

    /// Moves the clock without events; they happen late. For a processor that is ahead.
    pub(crate) fn now_is(&mut self, now: Tick) {
        self.now = self.now.max(now);
    }

    fn note(&mut self, event: impl FnOnce() -> Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder(&event());
        }
    }

    fn input(&mut self, input: Input) {
        self.hand_in(input);
        self.drain();
    }

    fn hand_in(&mut self, input: Input) {
        let now = self.now;
        self.note(|| Event::Input(now, input.clone()));
        self.manager.handle(now, input);
    }

    /// Carries out outputs until there is none, and what follows from them.
    fn drain(&mut self) {
        loop {
            while let Some(output) = self.manager.poll_output() {
                self.carry_out(output);
            }
            self.prove();
            if let Some((frame, error)) = self.lost.pop() {
                self.note_lost(frame);
                self.hand_in(Input::Lost { frame, error });
            } else if let Some(thread) = self.held_back.pop() {
                self.try_access(thread);
            } else {
                return;
            }
        }
    }

    fn prove(&mut self) {
        let Some(audit) = self.audit.as_deref_mut().filter(|audit| audit.unsound.is_none()) else {
            return;
        };
        audit.unsound = self.manager.verify().err();
    }

    fn note_lost(&mut self, frame: Pfn) {
        let Some(audit) = self.audit.as_deref_mut() else { return };
        let owner = self.manager.snapshot().frame(frame).and_then(|view| view.owner);
        let after = self.told.len();
        audit.incidents.push(Incident::Contents { frame, owner, after });
    }

    fn note_failed(&mut self, incident: Incident, result: Result<(), IoError>) {
        if let (Some(audit), Err(_)) = (self.audit.as_deref_mut(), result) {
            audit.incidents.push(incident);
        }
    }

    fn carry_out(&mut self, output: Output) {
        if let Some(contents) = self.contents.as_deref_mut() {
            let frames = match output {
                Output::Compress { operation } => self.manager.frames_of(operation),
                _ => &[],
            };
            if let Err(mismatch) = contents.carry_out(output, frames) {
                self.mismatch.get_or_insert(mismatch);
            }
        }
        match output {
            Output::Map { content, frame, .. } => {
                if content == Content::Zero {
                    self.lost.retain(|(lost, _)| *lost != frame);
                }
                let zero = if content == Content::Zero { self.costs.zero } else { Tick(0) };
                self.spend(self.costs.map);
                self.spend(zero);
            }
            Output::Unmap { .. } | Output::Protect { .. } | Output::Discard { .. } => {
                self.spend(self.costs.map);
            }
            Output::Zero { frame } => {
                self.spend(self.costs.zero);
                self.lost.retain(|(lost, _)| *lost != frame);
            }
            Output::Copy { from, to } => {
                self.spend(self.costs.copy);
                // A copy of nothing is nothing.
                let error = self.lost.iter().find(|(lost, _)| *lost == from).map(|(_, e)| *e);
                match error {
                    Some(error) => self.lose(to, error),
                    None => self.may_lose(to),
                }
            }
            Output::Decompress { to, .. } => {
                self.spend(self.costs.decompress);
                self.may_lose(to);
            }
            Output::Read { operation } => self.begin_transfer(operation, Direction::Read),
            Output::Write { operation } => self.begin_transfer(operation, Direction::Write),
            Output::Compress { operation } => self.begin_compression(operation),
            Output::ExtendPageFile { operation, file, pages } => {
                let disk = self.page_file_disks[usize::from(file)];
                let latency = self.disks.get(disk).map_or(Tick(0), |d| d.kind().write_latency);
                self.begin(self.now.after(latency), Io::Extend(operation, pages));
            }
            Output::Resume { thread } => self.resume(thread),
            Output::Raise { thread, exception } => self.tell(thread, Told::Raised(exception)),
            Output::Refuse { thread, refusal } => self.tell(thread, Told::Refused(refusal)),
            Output::Condition(reading) => self.readings.push((self.now, reading)),
            Output::WriteFailed { .. } => self.write_failures += 1,
            _ => {}
        }
    }

    const fn spend(&mut self, time: Tick) {
        self.work = self.work.after(time);
    }

    /// A frame is to be filled: perhaps that fails.
    fn may_lose(&mut self, frame: Pfn) {
        self.lost.retain(|(lost, _)| *lost != frame);
        if let Err(error) = self.injector.result(FaultKind::Contents) {
            self.lose(frame, error);
        }
    }

    /// A frame could not be filled. What is mapped there must not be used before the manager knows.
    fn lose(&mut self, frame: Pfn, error: IoError) {
        if let Some(contents) = self.contents.as_deref_mut() {
            contents.spoil(frame);
        }
        self.lost.push((frame, error));
    }

    fn begin(&mut self, end: Tick, io: Io) {
        self.begun += 1;
        self.in_progress.push(Reverse((end, self.begun, io)));
    }

    fn begin_transfer(&mut self, operation: OperationId, direction: Direction) {
        let pages = self.manager.frames_of(operation).len();
        let pages = u64::try_from(pages).unwrap_or(u64::MAX);
        // Page files lie one behind the other, and the files of sections behind them.
        let (disk, place) = match self.manager.source_of(operation) {
            Some(Source::PageFile(slot)) => {
                let disk = self.page_file_disks[usize::from(slot.file)];
                (disk, u64::from(slot.file) << 32 | u64::from(slot.number))
            }
            Some(Source::File { section, page }) => {
                (self.file_disk, u64::from(section.0 + 16) << 32 | page)
            }
            None => return,
        };
        self.spend(self.costs.io);
        let late = self.injector.delay();
        let Some(disk) = self.disks.get_mut(disk) else { return };
        let end = disk.begin(self.now, direction, place, pages).after(late);
        match direction {
            Direction::Read => self.begin(end, Io::Read(operation)),
            Direction::Write => self.begin(end, Io::Write(operation)),
        }
    }

    fn begin_compression(&mut self, operation: OperationId) {
        let pages = self.manager.frames_of(operation).len();
        let pages = u64::try_from(pages).unwrap_or(u64::MAX);
        let time = Tick(self.costs.compress.0.saturating_mul(pages));
        self.begin(self.now.after(time), Io::Compress(operation));
    }

    /// Ends the I/O that ends first.
    fn end_io(&mut self) {
        let Some(Reverse((_, number, io))) = self.in_progress.pop() else { return };
        self.overtakings += u64::from(number < self.latest_ended);
        self.latest_ended = self.latest_ended.max(number);
        if self.loses_completion && matches!(io, Io::Read(_) | Io::Write(_)) {
            self.loses_completion = false;
            return;
        }
        let input = match io {
            Io::Read(operation) => {
                let result = self.injector.result(FaultKind::Read);
                self.note_failed(Incident::Read(operation), result);
                if result.is_ok() {
                    self.transfer(operation, true);
                }
                Input::ReadDone { operation, result }
            }
            Io::Write(operation) => {
                let result = self.injector.result(FaultKind::Write);
                self.note_failed(Incident::Write(operation), result);
                if result.is_ok() {
                    self.transfer(operation, false);
                }
                Input::WriteDone { operation, result }
            }
            Io::Compress(operation) => {
                let pages = self.compress(operation);
                self.input(Input::CompressDone { operation, pages });
                if let Some(contents) = self.contents.as_deref_mut() {
                    contents.forget(operation);
                }
                return;
            }
            Io::Extend(operation, pages) => {
                let result = self.injector.result(FaultKind::Extend);
                self.note_failed(Incident::Extend(operation), result);
                Input::ExtendDone { operation, result: result.map(|()| pages) }
            }
        };
        self.input(input);
    }

    /// Ends an extension of a page file that is in progress, if there is one.
    pub fn end_extension(&mut self) -> bool {
        let is_extension = |io: &Reverse<(Tick, u64, Io)>| matches!(io.0.2, Io::Extend(..));
        let Some(found) = self.in_progress.iter().find(|io| is_extension(io)).copied() else {
            return false;
        };
        self.in_progress.retain(|io| *io != found);
        let Reverse((_, number, io)) = found;
        self.in_progress.push(Reverse((Tick(0), number, io)));
        self.end_io();
        true
    }

    fn transfer(&mut self, operation: OperationId, is_read: bool) {
        let Some(contents) = self.contents.as_deref_mut() else { return };
        if let Some(source) = self.manager.source_of(operation) {
            contents.transfer(self.manager.frames_of(operation), source, is_read);
        }
    }

    fn compress(&mut self, operation: OperationId) -> Vec<Compressed> {
        if let Some(contents) = self.contents.as_deref_mut() {
            return contents.compressed(operation);
        }
        let frames = self.manager.frames_of(operation).len();
        (0..frames).map(|_| self.compressed_size()).collect()
    }

    fn compressed_size(&mut self) -> Compressed {
        let Compressibility { same_permille, incompressible_permille, bytes } =
            self.compressibility;
        if self.injector.chance(same_permille) {
            return Compressed::Same(0);
        }
        if self.injector.chance(incompressible_permille) {
            return Compressed::Incompressible;
        }
        // Half as much to half more, so that the average is what was asked for.
        let spread = self.injector.below(u64::from(bytes) + 1);
        let size = u64::from(bytes / 2) + spread;
        Compressed::Bytes(u16::try_from(size.clamp(1, 4_096)).unwrap_or(Compressed::WORTH_MAX))
    }
}
