//! A world with bytes for the manager to drive: each page holds one number, and every output is
//! carried out the way a real world would. It checks what it can at each step.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod helpers;
pub(crate) mod walk;

use std::collections::{BTreeMap, VecDeque};

use memtide_core::page::{Access, PAGE_SHIFT, Pfn, SectionId, SpaceId, ThreadId, Tick, Vpn};
use memtide_core::{
    Allocation, Compressed, Config, Content, Exception, Input, IoError, ListCommand, MEM_DECOMMIT,
    Manager, OperationId, Output, PageState, Refusal, Rights, Slot, Source, SpaceConfig, Stored,
    View,
};

/// I/O that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// A read.
    Read(OperationId),
    /// A write.
    Write(OperationId),
    /// A compression.
    Compress(OperationId),
    /// A page file is to have so many pages.
    Extend(OperationId, u32),
}

/// What a thread was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It goes on.
    Resumed,
    /// It gets an exception.
    Raised(Exception),
    /// Its lock is refused.
    Refused(Refusal),
}

/// Whether an operation succeeds.
pub(crate) type Faults = Box<dyn FnMut(Io) -> Result<(), IoError>>;

/// The world.
pub(crate) struct World {
    /// What it is driven by.
    pub(crate) manager: Manager,
    /// Its clock.
    pub(crate) now: Tick,
    /// What each frame holds.
    pub(crate) memory: Vec<u64>,
    /// What is mapped where.
    pub(crate) mapped: BTreeMap<(SpaceId, Vpn), (Pfn, Rights)>,
    /// What the page files hold.
    pub(crate) slots: BTreeMap<Slot, u64>,
    /// What the files of sections hold; a page that was never written holds its own mark.
    pub(crate) files: BTreeMap<(SectionId, u64), u64>,
    /// What the compression store holds, by place.
    pub(crate) stored: BTreeMap<(Pfn, u16), u64>,
    /// Compressed pages on their way to the store.
    compressing: BTreeMap<OperationId, Vec<u64>>,
    /// I/O in progress, in the order it was begun.
    pub(crate) pending: VecDeque<Io>,
    /// All outputs since the log was last taken.
    pub(crate) log: Vec<Output>,
    /// What waiting threads do once they are resumed: at which address, and the value they write.
    intents: BTreeMap<ThreadId, (SpaceId, u64, Option<u64>)>,
    /// What threads read.
    seen: BTreeMap<ThreadId, u64>,
    /// Everything threads were told, in its order, with what they read.
    pub(crate) told: Vec<(ThreadId, Answer, Option<u64>)>,
    /// The answers to threads since they were last taken.
    pub(crate) answers: BTreeMap<ThreadId, Answer>,
    /// Decides which operations fail.
    pub(crate) faults: Faults,
    /// How a page compresses, by what it holds.
    pub(crate) compress: fn(u64) -> Compressed,
    /// Whether the whole state is proved after each step.
    pub(crate) is_checked: bool,
}

/// What a page of a section's file holds before anything was written to it.
pub(crate) const fn file_mark(section: SectionId, page: u64) -> u64 {
    0xf11e_0000_0000_0000 | (section.0 as u64) << 32 | page
}

/// More I/O than anything here needs.
const ENDLESS: u32 = 10_000;

/// A machine that trims and writes nothing before it has to, or is told to.
pub(crate) fn quiet(frames: u32) -> Config {
    let mut config = Config::new(frames);
    config.policy.available_low = 1;
    config.policy.available_goal = 1;
    config.policy.modified_high = u32::MAX;
    config
}

/// The address of a page of a range.
pub(crate) const fn at(base: u64, page: u64) -> u64 {
    base + (page << PAGE_SHIFT)
}

fn compress_half(value: u64) -> Compressed {
    match value {
        0 => Compressed::Same(0),
        value if value % 7 == 0 => Compressed::Incompressible,
        value => Compressed::Bytes(200 + (value % 1500) as u16),
    }
}

impl World {
    /// A world around a machine.
    pub(crate) fn new(config: Config) -> Self {
        let frames = config.frames as usize;
        let manager = Manager::new(config).expect("a machine");
        let mut world = Self {
            manager,
            now: Tick(0),
            memory: vec![0; frames],
            mapped: BTreeMap::new(),
            slots: BTreeMap::new(),
            files: BTreeMap::new(),
            stored: BTreeMap::new(),
            compressing: BTreeMap::new(),
            pending: VecDeque::new(),
            log: Vec::new(),
            intents: BTreeMap::new(),
            seen: BTreeMap::new(),
            told: Vec::new(),
            answers: BTreeMap::new(),
            faults: Box::new(|_| Ok(())),
            compress: compress_half,
            is_checked: true,
        };
        world.drain();
        world
    }

    /// A new space with the defaults, and the privilege to lock memory.
    pub(crate) fn space(&mut self) -> SpaceId {
        let privileges = memtide_core::Privileges { lock_memory: true };
        let config = SpaceConfig { privileges, ..SpaceConfig::default() };
        self.call(|manager| manager.create_space(config)).expect("a space")
    }

    /// Committed memory for reading and writing, so many pages.
    pub(crate) fn committed(&mut self, space: SpaceId, pages: u64) -> u64 {
        let allocation = Allocation::committed(pages << PAGE_SHIFT);
        self.call(|manager| manager.allocate(space, &allocation)).expect("memory")
    }

    /// Makes a call and carries its outputs out; a page file that must grow first does, and the
    /// call is made again.
    pub(crate) fn call<T>(
        &mut self,
        mut call: impl FnMut(&mut Manager) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        loop {
            let result = call(&mut self.manager);
            self.drain();
            let extends = self.pending.iter().position(|io| matches!(io, Io::Extend(..)));
            match (&result, extends) {
                (Err(Refusal::CommitmentLimit { .. }), Some(place)) => self.complete(place),
                _ => return result,
            }
        }
    }

    /// Hands an input in and carries the outputs out.
    pub(crate) fn input(&mut self, input: Input) {
        self.manager.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass, with a tick at each deadline on the way.
    pub(crate) fn pass(&mut self, span: Tick) {
        let end = self.now.after(span);
        while let Some(deadline) = self.manager.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// Carries out every output that is left.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            self.log.push(output);
            self.carry_out(output);
        }
        self.check();
    }

    /// Proves the state, and that what is mapped is what the manager thinks.
    pub(crate) fn check(&self) {
        if self.is_checked {
            self.manager.verify().expect("a sound state");
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Map { space, page, frame, content, rights, .. } => {
                if content == Content::Zero {
                    self.memory[frame.0 as usize] = 0;
                }
                self.mapped.insert((space, page), (frame, rights));
            }
            Output::Unmap { space, page, frame } => {
                let was = self.mapped.remove(&(space, page));
                assert_eq!(was.map(|(frame, _)| frame), Some(frame), "unmapped what was not there");
            }
            Output::Discard { space, page, pages } => {
                let range = (space, page)..(space, Vpn(page.0 + pages));
                let gone: Vec<_> = self.mapped.range(range).map(|(key, _)| *key).collect();
                gone.into_iter().for_each(|key| {
                    self.mapped.remove(&key);
                });
            }
            Output::Protect { space, page, frame, rights } => {
                let mapped = self.mapped.get_mut(&(space, page)).expect("protected what is mapped");
                assert_eq!(mapped.0, frame);
                mapped.1 = rights;
            }
            Output::Zero { frame } => self.memory[frame.0 as usize] = 0,
            Output::Copy { from, to } => {
                self.memory[to.0 as usize] = self.memory[from.0 as usize];
            }
            Output::Decompress { from, to } => {
                self.memory[to.0 as usize] = match from {
                    Stored::Same(word) => word,
                    Stored::Bytes { frame, offset, .. } => {
                        *self.stored.get(&(frame, offset)).expect("something is stored there")
                    }
                };
            }
            Output::Store { operation, index, to } => {
                let value = self.compressing[&operation][index as usize];
                if let Stored::Bytes { frame, offset, .. } = to {
                    self.stored.insert((frame, offset), value);
                }
            }
            Output::Compress { operation } => {
                let frames = self.manager.frames_of(operation);
                let values = frames.iter().map(|f| self.memory[f.0 as usize]).collect();
                self.compressing.insert(operation, values);
                self.pending.push_back(Io::Compress(operation));
            }
            Output::Read { operation } => self.pending.push_back(Io::Read(operation)),
            Output::Write { operation } => {
                self.pending.push_back(Io::Write(operation));
            }
            Output::ExtendPageFile { operation, pages, .. } => {
                self.pending.push_back(Io::Extend(operation, pages));
            }
            Output::Resume { thread } => self.answer(thread, Answer::Resumed),
            Output::Raise { thread, exception } => self.answer(thread, Answer::Raised(exception)),
            Output::Refuse { thread, refusal } => self.answer(thread, Answer::Refused(refusal)),
            Output::Condition(_) | Output::WriteFailed { .. } => {}
            other => panic!("an output that this world does not know: {other:?}"),
        }
    }

    fn answer(&mut self, thread: ThreadId, answer: Answer) {
        if let Some((space, address, value)) = self.intents.remove(&thread)
            && answer == Answer::Resumed
        {
            self.make_access(thread, space, address, value);
        }
        self.told.push((thread, answer, self.seen.get(&thread).copied()));
        let twice = self.answers.insert(thread, answer);
        assert_eq!(twice, None, "thread {} was answered twice", thread.0);
    }

    /// Ends the operation at a place of the queue, as `faults` decides.
    pub(crate) fn complete(&mut self, place: usize) {
        let io = self.pending[place];
        let result = (self.faults)(io);
        self.complete_with(place, result);
    }

    /// Ends the operation at a place of the queue.
    pub(crate) fn complete_with(&mut self, place: usize, result: Result<(), IoError>) {
        let io = self.pending.remove(place).expect("something is pending there");
        let input = match io {
            Io::Read(operation) => {
                if result.is_ok() {
                    self.transfer(operation, true);
                }
                Input::ReadDone { operation, result }
            }
            Io::Write(operation) => {
                if result.is_ok() {
                    self.transfer(operation, false);
                }
                Input::WriteDone { operation, result }
            }
            Io::Compress(operation) => {
                let values = &self.compressing[&operation];
                let pages = values.iter().map(|value| (self.compress)(*value)).collect();
                Input::CompressDone { operation, pages }
            }
            Io::Extend(operation, pages) => {
                Input::ExtendDone { operation, result: result.map(|()| pages) }
            }
        };
        self.input(input);
    }

    fn transfer(&mut self, operation: OperationId, is_read: bool) {
        let frames = self.manager.frames_of(operation).to_vec();
        let source = self.manager.source_of(operation).expect("it reads or writes");
        for (step, frame) in (0..).zip(frames) {
            let held = &mut self.memory[frame.0 as usize];
            match (source.plus(step), is_read) {
                // A slot of a page that was freed meanwhile may never have been written.
                (Source::PageFile(slot), true) => {
                    *held = self.slots.get(&slot).copied().unwrap_or(u64::MAX);
                }
                (Source::PageFile(slot), false) => drop(self.slots.insert(slot, *held)),
                (Source::File { section, page }, true) => {
                    let written = self.files.get(&(section, page)).copied();
                    *held = written.unwrap_or(file_mark(section, page));
                }
                (Source::File { section, page }, false) => {
                    self.files.insert((section, page), *held);
                }
            }
        }
    }

    /// Ends everything that is pending, and what that begins.
    pub(crate) fn complete_all(&mut self) {
        for _ in 0..ENDLESS {
            if self.pending.is_empty() {
                return;
            }
            self.complete(0);
        }
        panic!("I/O goes on for ever: {:?}", self.pending);
    }

    /// Begins an access; `None` if the thread has to wait for I/O.
    pub(crate) fn begin(
        &mut self,
        thread: ThreadId,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Option<Answer> {
        if self.manager.touch(space, address, access) {
            let page = Vpn::of(address);
            let mapped = self.mapped.get(&(space, page));
            // Windows 9x maps the shared area in a space of its own.
            if let Some((_, rights)) = mapped {
                assert!(rights.allow(access), "the world does not allow what the PTE does");
            }
            return Some(Answer::Resumed);
        }
        self.input(Input::Fault { thread, space, address, access });
        self.answers.remove(&thread)
    }

    /// The access itself, at the moment when the page is there.
    fn make_access(&mut self, thread: ThreadId, space: SpaceId, address: u64, value: Option<u64>) {
        let frame = self.frame(space, address).0 as usize;
        match value {
            Some(value) => self.memory[frame] = value,
            None => drop(self.seen.insert(thread, self.memory[frame])),
        }
    }

    /// Begins to read a page, or to write a value to it; `None` if the thread has to wait.
    pub(crate) fn begin_value(
        &mut self,
        thread: ThreadId,
        space: SpaceId,
        address: u64,
        value: Option<u64>,
    ) -> Option<Answer> {
        let access = if value.is_some() { Access::Write } else { Access::Read };
        self.intents.insert(thread, (space, address, value));
        let answer = self.begin(thread, space, address, access);
        if answer == Some(Answer::Resumed) && self.intents.remove(&thread).is_some() {
            self.make_access(thread, space, address, value);
            self.told.push((thread, Answer::Resumed, self.seen.get(&thread).copied()));
        }
        answer
    }

    /// What a thread has read, once it is resumed.
    pub(crate) fn take_seen(&mut self, thread: ThreadId) -> Option<u64> {
        self.seen.remove(&thread)
    }

    fn finish(&mut self, thread: ThreadId, begun: Option<Answer>) -> Result<(), Exception> {
        let mut answer = begun;
        for _ in 0..ENDLESS {
            if answer.is_some() {
                break;
            }
            assert!(!self.pending.is_empty(), "a thread waits and nothing is pending");
            self.complete(0);
            answer = self.answers.remove(&thread);
        }
        match answer {
            Some(Answer::Raised(exception)) => Err(exception),
            Some(_) => Ok(()),
            None => panic!("a thread waits for ever: {:?}", self.manager.list_counts()),
        }
    }

    /// An access with all the I/O it needs; an exception where it ends in one.
    pub(crate) fn access(
        &mut self,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Exception> {
        let begun = self.begin(ThreadId(0), space, address, access);
        self.finish(ThreadId(0), begun)
    }

    /// Reads a page.
    pub(crate) fn read(&mut self, space: SpaceId, address: u64) -> Result<u64, Exception> {
        let begun = self.begin_value(ThreadId(0), space, address, None);
        self.finish(ThreadId(0), begun)?;
        Ok(self.take_seen(ThreadId(0)).expect("something was read"))
    }

    /// Writes a page.
    pub(crate) fn write(
        &mut self,
        space: SpaceId,
        address: u64,
        value: u64,
    ) -> Result<(), Exception> {
        let begun = self.begin_value(ThreadId(0), space, address, Some(value));
        self.finish(ThreadId(0), begun)
    }

    /// The frame that the world has mapped at an address.
    pub(crate) fn frame(&self, space: SpaceId, address: u64) -> Pfn {
        let page = Vpn::of(address);
        let own = self.mapped.get(&(space, page));
        let shared = || {
            let mut others = self.mapped.iter().filter(|((_, at), _)| *at == page);
            others.next().map(|(_, mapped)| mapped)
        };
        own.or_else(shared).expect("the page is mapped").0
    }

    /// Locks a range with all the I/O it needs.
    pub(crate) fn lock(&mut self, space: SpaceId, address: u64, bytes: u64) -> Answer {
        let thread = ThreadId(u32::MAX);
        self.input(Input::Lock { thread, space, address, bytes });
        loop {
            if let Some(answer) = self.answers.remove(&thread) {
                return answer;
            }
            assert!(!self.pending.is_empty(), "a lock waits and nothing is pending");
            self.complete(0);
        }
    }

    /// Takes the outputs since the last time.
    pub(crate) fn take_log(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.log)
    }

    /// Where a frame is.
    pub(crate) fn state(&self, frame: Pfn) -> PageState {
        self.frame_view(frame).state
    }

    /// How many frames are in a state.
    pub(crate) fn count(&self, state: PageState) -> usize {
        self.manager.snapshot().list(state).count()
    }

    /// Trims every page of a space; nothing is completed.
    pub(crate) fn trim_space(&mut self, space: SpaceId) {
        self.call(|manager| manager.empty_working_set(space)).expect("the space is there");
    }

    /// Writes every modified page.
    pub(crate) fn flush(&mut self) {
        self.command(ListCommand::FlushModifiedList);
        self.complete_all();
    }

    /// Takes every page of a space out of memory.
    pub(crate) fn page_out_space(&mut self, space: SpaceId) {
        self.trim_space(space);
        self.flush();
        self.command(ListCommand::PurgeStandbyList);
    }

    /// Decommits pages of a range.
    pub(crate) fn decommit(&mut self, space: SpaceId, address: u64, pages: u64) {
        let bytes = pages << PAGE_SHIFT;
        self.call(|manager| manager.free(space, address, bytes, MEM_DECOMMIT))
            .expect("decommitted");
    }

    /// A view of all of a section, for reading and writing.
    pub(crate) fn map(&mut self, space: SpaceId, section: SectionId) -> u64 {
        let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x04 };
        self.call(|manager| manager.map_view(space, &view)).expect("a view")
    }

    /// Slots in use, in all page files.
    pub(crate) fn used_slots(&self) -> u32 {
        self.manager.snapshot().page_files().map(|file| file.used).sum()
    }

    /// Slots that failed, in all page files.
    pub(crate) fn bad_slots(&self) -> u32 {
        self.manager.snapshot().page_files().map(|file| file.bad).sum()
    }
}
