//! The world that a manager drives on virtual time: its clock, its disks, its memory.
//!
//! # Invariants
//! - After each input and call, outputs are carried out until there is none.
//! - Time goes from event to event and never back; the same seed gives the same events.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use memtide_core::conditions::Reading;
use memtide_core::page::{Access, Pfn, SpaceId, ThreadId, Tick, Vpn};
use memtide_core::{
    Call, Compressed, ConfigError, Content, Event, Exception, Input, IoError, ListCommand, Manager,
    OperationId, Output, PAGE_FILES_MAX, Refusal, Reply, Source,
};

use crate::contents::{Contents, Mismatch};
use crate::disk::{Direction, Disk};
use crate::injected::{InjectedFaults, Injector, Kind};
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

/// I/O in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Io {
    Read(OperationId),
    Write(OperationId),
    Compress(OperationId),
    Extend(OperationId, u32),
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
        while let Some(at) = self.next_event().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            match self.in_progress.peek() {
                Some(Reverse((end, ..))) if *end <= at => self.end_io(),
                _ => self.input(Input::Tick),
            }
        }
        self.now = self.now.max(to);
    }

    /// Makes a call. A page file that must grow first grows at once, and the call is made again.
    ///
    /// # Errors
    /// What the manager refuses.
    pub fn call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        loop {
            self.note(|| Event::Call(call.clone()));
            let result = self.manager.call(call);
            if let (Call::Command(command), Ok(Reply::Pages(pages))) = (call, &result) {
                let done = CommandDone { at: self.now, command: *command, pages: *pages };
                self.commands.push(done);
            }
            self.drain();
            let is_refused = matches!(result, Err(Refusal::CommitmentLimit { .. }));
            if !is_refused || !self.end_extension() {
                return result;
            }
        }
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
        self.input(Input::ThreadEnded { thread });
        self.told.retain(|(told, _)| *told != thread);
    }

    /// The zero-page thread has time for so many pages.
    pub fn idle(&mut self, pages: u32) {
        self.input(Input::Idle { pages });
    }

    /// Moves the clock without events; they happen late. For a processor that is ahead.
    pub(crate) fn now_is(&mut self, now: Tick) {
        self.now = self.now.max(now);
    }

    /// What a program reads, or leaves by writing, through what is mapped.
    ///
    /// # Errors
    /// [`Mismatch`] where nothing is mapped, or not for this access.
    pub fn access_contents(
        &mut self,
        space: SpaceId,
        address: u64,
        access: Access,
        written: Option<u64>,
    ) -> Result<Option<u64>, Mismatch> {
        let Some(contents) = self.contents.as_deref_mut() else { return Ok(None) };
        contents.access(space, Vpn::of(address), access, written).map(Some)
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
        let now = self.now;
        self.note(|| Event::Input(now, input.clone()));
        self.manager.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.manager.poll_output() {
                self.carry_out(output);
            }
            let Some((frame, error)) = self.lost.pop() else { return };
            let input = Input::Lost { frame, error };
            let now = self.now;
            self.note(|| Event::Input(now, input.clone()));
            self.manager.handle(now, input);
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
            Output::Map { content, .. } => {
                let zero = if content == Content::Zero { self.costs.zero } else { Tick(0) };
                self.spend(self.costs.map);
                self.spend(zero);
            }
            Output::Unmap { .. } | Output::Protect { .. } | Output::Discard { .. } => {
                self.spend(self.costs.map);
            }
            Output::Zero { .. } => self.spend(self.costs.zero),
            Output::Copy { to, .. } => {
                self.spend(self.costs.copy);
                self.may_lose(to);
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
            Output::Resume { thread } => self.told.push_back((thread, Told::Resumed)),
            Output::Raise { thread, exception } => {
                self.told.push_back((thread, Told::Raised(exception)));
            }
            Output::Refuse { thread, refusal } => {
                self.told.push_back((thread, Told::Refused(refusal)));
            }
            Output::Condition(reading) => self.readings.push((self.now, reading)),
            Output::WriteFailed { .. } => self.write_failures += 1,
            _ => {}
        }
    }

    const fn spend(&mut self, time: Tick) {
        self.work = self.work.after(time);
    }

    fn may_lose(&mut self, frame: Pfn) {
        if let Err(error) = self.injector.result(Kind::Contents) {
            self.lost.push((frame, error));
        }
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
        let Some(Reverse((_, _, io))) = self.in_progress.pop() else { return };
        let input = match io {
            Io::Read(operation) => {
                let result = self.injector.result(Kind::Read);
                if result.is_ok() {
                    self.transfer(operation, true);
                }
                Input::ReadDone { operation, result }
            }
            Io::Write(operation) => {
                let result = self.injector.result(Kind::Write);
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
                let result = self.injector.result(Kind::Extend).map(|()| pages);
                Input::ExtendDone { operation, result }
            }
        };
        self.input(input);
    }

    /// Ends an extension of a page file that is in progress, if there is one.
    fn end_extension(&mut self) -> bool {
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
