//! The memory manager: its parts, its inputs, its outputs.
//!
//! This file only holds the parts together and passes inputs on; what happens is told in the file
//! of each noun. docs/life_of_a_fault.md and docs/life_of_a_page.md follow one of each through.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::commit::Commit;
use crate::conditions::Tracker;
use crate::config::{Config, ConfigError};
use crate::counters::Counters;
use crate::gate::Gate;
use crate::input::{Compressed, Input};
use crate::lists::STANDBY_PRIORITIES;
use crate::operation::{OperationId, Operations, Source, Work};
use crate::output::Output;
use crate::page::{Access, PAGE_SHIFT, Pfn, SpaceId, Tick, Vpn};
use crate::page_file::PageFiles;
use crate::pfn::{Database, PageState};
use crate::pools::Pools;
use crate::section::Sections;
use crate::space::Spaces;
use crate::space::page_table::PageTables;
use crate::space::set_aside::SetAside;
use crate::store::Store;
use crate::waiter::{Goal, Waiter};
use crate::working_set::Balance;
use crate::working_set::refault::EvictionClock;
use crate::writer::state::Writer;

/// The memory manager of one machine, as a state machine.
///
/// [`Manager::handle`] takes inputs; what a program calls is a method that answers at once; both
/// may leave outputs, which [`Manager::poll_output`] gives until there is none. The same
/// configuration, inputs and calls give the same outputs, bit for bit.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Manager {
    pub(crate) config: Config,
    pub(crate) now: Tick,
    pub(crate) frames: Database,
    pub(crate) tables: PageTables,
    pub(crate) spaces: Spaces,
    /// The hidden space behind the shared area of Windows 9x.
    pub(crate) shared_area: Option<SpaceId>,
    pub(crate) sections: Sections,
    pub(crate) commit: Commit,
    pub(crate) resident_available: u64,
    pub(crate) page_files: PageFiles,
    pub(crate) store: Option<Store>,
    pub(crate) pools: Pools,
    pub(crate) operations: Operations,
    /// A manager is saved once they are taken.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) outputs: VecDeque<Output>,
    /// Threads that wait for a frame, in the order they came.
    pub(crate) waiting: VecDeque<Waiter>,
    pub(crate) writer: Writer,
    pub(crate) balance: Balance,
    pub(crate) evictions: EvictionClock,
    pub(crate) tracker: Tracker,
    pub(crate) gate: Gate,
    pub(crate) counters: Counters,
    pub(crate) repurposed: [u64; STANDBY_PRIORITIES],
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) scratch: Vec<u64>,
    /// For the faults of all spaces and sections.
    pub(crate) set_aside: [SetAside; 2],
}

impl Manager {
    /// A machine in which nothing has happened yet.
    ///
    /// # Errors
    /// [`ConfigError`] for a configuration that describes no machine.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let mut manager = Self {
            now: Tick(0),
            frames: Database::new(config.frames, config.cache),
            tables: PageTables::new(),
            spaces: Spaces::default(),
            shared_area: None,
            sections: Sections::default(),
            commit: Commit::default(),
            resident_available: u64::from(config.frames),
            page_files: PageFiles::new(&config.page_files),
            store: config.store.map(|store| Store::new(store.frames_max)),
            pools: Pools::new(config.paged_pool, config.nonpaged_pool),
            operations: Operations::new(config.policy.cluster_max()),
            outputs: VecDeque::new(),
            waiting: VecDeque::new(),
            writer: Writer::default(),
            balance: Balance::new(config.policy.balance_period),
            evictions: EvictionClock::new(config.frames, config.policy.refault_permille),
            tracker: Tracker::new(config.marks()?),
            gate: Gate::default(),
            counters: Counters::default(),
            repurposed: [0; STANDBY_PRIORITIES],
            scratch: Vec::new(),
            set_aside: [SetAside::default(); 2],
            config,
        };
        manager.set_aside_for_all();
        manager.update_commit_limits();
        manager.judge_conditions();
        Ok(manager)
    }

    /// The configuration it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The moment of the last input.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// A resident access: whether it passes without a fault.
    ///
    /// Where it does not, the world hands in [`Input::Fault`]. It leaves no outputs; its work does
    /// not depend on how much memory, how many pages or how many regions there are.
    #[inline]
    #[must_use]
    pub fn touch(&mut self, space: SpaceId, address: u64, access: Access) -> bool {
        let page = Vpn(address >> PAGE_SHIFT);
        let space = self.behind(space, page.0);
        let Some(found) = self.spaces.find(space) else { return false };
        let root = found.root;
        self.tables.touch(space, root, page, access)
    }

    /// Takes an input; `now` never goes back.
    pub fn handle(&mut self, now: Tick, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => {}
            Input::Fault { thread, space, address, access } => {
                let goal = Goal::Access;
                self.fault(Waiter::new(thread, space, address, access, goal));
            }
            Input::Lock { thread, space, address, bytes } => {
                self.lock(thread, space, address, bytes);
            }
            Input::ThreadEnded { thread } => {
                self.operations.forget(thread);
                self.waiting.retain(|waiter| waiter.thread != thread);
            }
            Input::ReadDone { operation, result } => self.read_done(operation, result),
            Input::WriteDone { operation, result } => self.write_done(operation, result),
            Input::CompressDone { operation, pages } => {
                self.compress_done(operation, &pages);
                self.operations.keep_pages(pages);
            }
            Input::ExtendDone { operation, result } => self.extend_done(operation, result),
            Input::Lost { frame, error } => self.contents_lost(frame, error),
            Input::Idle { pages } => self.zero_free_pages(pages),
            Input::Accessed { space, address } => self.note_accessed(space, address),
        }
        self.run_deadlines();
        self.settle();
    }

    /// The next output, in order; `None` when all are given.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // The next begins where memory is in use already.
            self.outputs.clear();
        }
        output
    }

    /// Whether there are outputs to be taken.
    #[must_use]
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// When to hand in [`Input::Tick`], if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        // Modified pages of a file are still to be written when the last space is gone.
        let hidden = u32::from(self.shared_area.is_some());
        let has_work = self.spaces.count() > hidden || self.frames.count(PageState::Modified) > 0;
        let balance = has_work.then_some(self.balance.next);
        [balance, self.writer.retry_at].into_iter().flatten().min()
    }

    /// The frames of an operation in progress, in the order of its source.
    #[must_use]
    pub fn frames_of(&self, operation: OperationId) -> &[Pfn] {
        self.operations.get(operation).map_or(&[], |operation| &operation.frames)
    }

    /// An empty list for [`Input::CompressDone`], which brings it back to be used again.
    pub fn compressed_pages(&mut self) -> Vec<Compressed> {
        self.operations.take_pages()
    }

    /// Where an operation in progress reads from or writes to, beginning with its first frame.
    #[must_use]
    pub fn source_of(&self, operation: OperationId) -> Option<Source> {
        match self.operations.get(operation)?.work? {
            Work::Read(source) | Work::Write(source) => Some(source),
            Work::Compress | Work::Extend { .. } => None,
        }
    }

    pub(crate) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// The space that really holds a page: the hidden one for what all spaces share.
    #[inline]
    pub(crate) fn behind(&self, space: SpaceId, page: u64) -> SpaceId {
        match self.shared_area {
            Some(shared) => self.behind_shared(space, page, shared),
            None => space,
        }
    }

    fn behind_shared(&self, space: SpaceId, page: u64, shared: SpaceId) -> SpaceId {
        let shares = self.spaces.find(space).is_some_and(|s| s.config.layout.shares(page));
        if shares { shared } else { space }
    }

    /// What is due by now.
    fn run_deadlines(&mut self) {
        if self.writer.retry_at.is_some_and(|at| at <= self.now) {
            self.retry_writes();
        }
        if self.balance.next <= self.now {
            self.balance_round();
        }
    }

    /// What every input and call ends with: writes begin, waiters get frames, conditions change.
    pub(crate) fn settle(&mut self) {
        loop {
            self.run_writer();
            if self.waiting.is_empty() || !self.serve_waiting() {
                break;
            }
        }
        if self.gate.is_passed(self.levels_in_pages()) {
            self.judge_conditions();
        }
    }
}
