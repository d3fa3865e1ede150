//! The world that a manager drives on virtual time: its clock, its disks, its memory.
//!
//! # Invariants
//! - After each input and call, outputs are carried out until there is none.
//! - Time goes from event to event and never back; the same seed gives the same events.

mod access;
mod audit;

pub use access::Intent;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use memtide_core::conditions::Reading;
use memtide_core::page::{Access, Pfn, SpaceId, ThreadId, Tick};
use memtide_core::{
    Call, Compressed, ConfigError, Content, Event, Exception, Input, IoError, ListCommand, Manager,
    OperationId, Output, PAGE_FILES_MAX, Refusal, Reply, Source,
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

/// A memory-list command that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandDone {
    /// When.
    pub at: Tick,
    /// Which.
    pub command: ListCommand,
    /// How many pages it looked at or moved; for a flush how many are to be written.
    pub pages: u64,
}

/// The earlier of two moments, of which there may be none.
#[inline]
pub(crate) fn earlier(one: Option<Tick>, other: Option<Tick>) -> Option<Tick> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What a world notes of every event, such as a log.
pub type Recorder = Box<dyn FnMut(&Event) + Send>;

/// What a world tells of every process that begins.
pub type Namer = Box<dyn FnMut(SpaceId, &str) + Send>;

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
    commands: Vec<CommandDone>,
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
    made: BTreeMap<ThreadId, u64>,
    audit: Option<Box<Audit>>,
    /// The number of the last begun I/O that has ended.
    latest_ended: u64,
    overtakings: u64,
    loses_completion: bool,
    namer: Option<Namer>,
    /// Events since they were last taken, where somebody watches.
    seen: Option<Vec<(Tick, Event)>>,
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
            commands: Vec::new(),
            work: Tick(0),
            write_failures: 0,
            mismatch: None,
            recorder: None,
            intents: BTreeMap::new(),
            held_back: Vec::new(),
            made: BTreeMap::new(),
            audit: None,
            latest_ended: 0,
            overtakings: 0,
            loses_completion: false,
            namer: None,
            seen: None,
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

    /// What a frame holds, where the machine has contents.
    #[must_use]
    pub fn word(&self, frame: Pfn) -> Option<u64> {
        self.contents.as_ref()?.word(frame)
    }

    /// Every change of a condition so far, with its moment.
    #[must_use]
    pub fn readings(&self) -> &[(Tick, Reading)] {
        &self.readings
    }

    /// The memory-list commands so far.
    #[must_use]
    pub fn commands(&self) -> &[CommandDone] {
        &self.commands
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

    /// Nothing is noted any more.
    pub fn stop_recording(&mut self) {
        self.recorder = None;
        self.namer = None;
    }

    /// From now on the name of every process that begins is noted, with its space.
    pub fn record_names(&mut self, namer: Namer) {
        self.namer = Some(namer);
    }

    /// A process of this name has a space.
    pub(crate) fn note_name(&mut self, space: SpaceId, name: &str) {
        if let Some(namer) = &mut self.namer {
            namer(space, name);
        }
    }

    /// From now on every event but resident accesses is kept until it is taken, or none is.
    pub fn watch(&mut self, watches: bool) {
        self.seen = watches.then(Vec::new);
    }

    /// The events kept since the last time, each with its moment.
    pub fn take_seen(&mut self) -> Vec<(Tick, Event)> {
        self.seen.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether events are kept.
    pub(crate) fn has_seen(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| !seen.is_empty())
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
        earlier(io, self.manager.next_deadline())
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
        if let (Call::Command(command), Ok(Reply::Pages(pages))) = (call, &result) {
            let done = CommandDone { at: self.now, command: *command, pages: *pages };
            self.commands.push(done);
        }
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
            if let Some(recorder) = &mut self.recorder {
                recorder(&Event::Touch(space, address, access));
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
        if self.recorder.is_none() && self.seen.is_none() {
            return;
        }
        let event = event();
        if let Some(recorder) = &mut self.recorder {
            recorder(&event);
        }
        if let Some(seen) = &mut self.seen {
            seen.push((self.now, event));
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
