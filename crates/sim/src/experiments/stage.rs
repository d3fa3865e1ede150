//! A world with processes that do one thing at a time, and what each thing gave.

use memtide_core::page::{Access, SpaceId, ThreadId, Tick, Vpn};
use memtide_core::{Allocation, Call, Counters, Exception, Refusal, Reply, SpaceConfig};

use super::status::status_name;
use crate::machine::Machine;
use crate::reference::Reference;
use crate::world::{Told, World};

/// What an access gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It passed without a fault.
    Passed,
    /// A fault of this kind brought the page.
    Fault(FaultKind),
    /// It raised an exception.
    Raised(Exception),
}

/// How a fault was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    DemandZero,
    Soft,
    Prototype,
    Hard,
    CopyOnWrite,
    /// Only the page's rights changed: a first write where those are noted.
    Rights,
}

impl Given {
    /// In a word or two.
    pub(super) fn word(self) -> String {
        match self {
            Self::Passed => "passes".to_owned(),
            Self::Fault(kind) => kind.word().to_owned(),
            Self::Raised(exception) => status_name(exception.ntstatus()).to_owned(),
        }
    }

    pub(super) const fn is_ok(self) -> bool {
        !matches!(self, Self::Raised(_))
    }
}

impl FaultKind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::DemandZero => "demand zero",
            Self::Soft => "soft fault",
            Self::Prototype => "prototype fault",
            Self::Hard => "hard fault",
            Self::CopyOnWrite => "copy on write",
            Self::Rights => "rights fault",
        }
    }

    /// The kind that was counted between two looks.
    fn between(before: &Counters, after: &Counters) -> Self {
        let kinds = [
            (Self::Hard, after.hard - before.hard),
            (Self::CopyOnWrite, after.copy_on_write - before.copy_on_write),
            (Self::DemandZero, after.demand_zero - before.demand_zero),
            (Self::Soft, after.soft - before.soft),
            (Self::Prototype, after.prototype - before.prototype),
        ];
        kinds.iter().find(|(_, count)| *count > 0).map_or(Self::Rights, |(kind, _)| *kind)
    }
}

/// What a call gave, as the name of its status.
pub(super) fn status<T>(result: &Result<T, Refusal>) -> &'static str {
    match result {
        Ok(_) => "STATUS_SUCCESS",
        Err(refusal) => status_name(refusal.ntstatus()),
    }
}

/// A world in which one thing is done at a time.
pub(super) struct Stage {
    pub(super) world: World,
}

impl Stage {
    /// A machine in which nothing has happened. One seed is as good as another: nothing is random.
    pub(super) fn new(machine: &Machine) -> Self {
        Self { world: World::new(machine, 1).expect("an experiment's machine is one") }
    }

    /// A process without privileges.
    pub(super) fn process(&mut self) -> SpaceId {
        self.process_with(SpaceConfig::default())
    }

    pub(super) fn process_with(&mut self, config: SpaceConfig) -> SpaceId {
        match self.world.call(&Call::CreateSpace(config)) {
            Ok(Reply::Space(space)) => space,
            other => panic!("no space: {other:?}"),
        }
    }

    pub(super) fn call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.world.call(call)
    }

    /// A call that is expected to succeed.
    pub(super) fn must(&mut self, call: &Call) -> Reply {
        self.world.call(call).unwrap_or_else(|refusal| panic!("{call:?}: {refusal}"))
    }

    /// Allocates memory that is expected to be had; its base.
    pub(super) fn allocate(&mut self, space: SpaceId, allocation: Allocation) -> u64 {
        match self.must(&Call::Allocate(space, allocation)) {
            Reply::Address(base) => base,
            other => panic!("no address: {other:?}"),
        }
    }

    /// Makes one access, and lets time pass until it is answered.
    pub(super) fn access(&mut self, space: SpaceId, address: u64, access: Access) -> Given {
        if self.world.touch(space, &[Reference { address, access }]) == 1 {
            return Given::Passed;
        }
        let before = *self.world.manager().counters();
        self.world.fault(THREAD, space, address, access);
        match self.answer() {
            Told::Raised(exception) => Given::Raised(exception),
            Told::Refused(refusal) => panic!("an access was refused as a lock: {refusal}"),
            Told::Resumed => {
                Given::Fault(FaultKind::between(&before, self.world.manager().counters()))
            }
        }
    }

    /// Reads or writes pages in a row, from an address on.
    pub(super) fn access_pages(&mut self, space: SpaceId, base: u64, pages: u64, access: Access) {
        for page in 0..pages {
            let given = self.access(space, base + page * memtide_core::page::PAGE_SIZE, access);
            assert!(given.is_ok(), "{given:?}");
        }
    }

    /// What a process reads in a page, or writes there, as the oracle of contents has it.
    pub(super) fn word(&mut self, space: SpaceId, address: u64, written: Option<u64>) -> u64 {
        let access = if written.is_some() { Access::Write } else { Access::Read };
        let given = self.access(space, address, access);
        assert!(given.is_ok(), "{given:?}");
        let contents = self.world.contents().expect("the machine has contents");
        let word = contents.access(space, Vpn::of(address), access, written);
        word.expect("the page is mapped")
    }

    /// Locks a range: VirtualLock.
    pub(super) fn lock(&mut self, space: SpaceId, address: u64, bytes: u64) -> Result<(), Refusal> {
        self.world.lock(THREAD, space, address, bytes);
        match self.answer() {
            Told::Refused(refusal) => Err(refusal),
            Told::Resumed => Ok(()),
            Told::Raised(Exception::GuardPage { address, .. }) => {
                Err(Refusal::GuardPage { address })
            }
            Told::Raised(exception) => panic!("a lock raised {exception}"),
        }
    }

    fn answer(&mut self) -> Told {
        loop {
            if let Some((_, told)) = self.world.take_told() {
                return told;
            }
            let next = self.world.next_event().expect("something answers a fault");
            self.world.advance(next);
        }
    }

    /// Zeroed, free and standby pages.
    pub(super) fn available(&self) -> u64 {
        self.world.manager().levels().available.map_or(0, |bytes| bytes.pages())
    }

    /// Lets all I/O end.
    pub(super) fn finish_io(&mut self) {
        while self.world.has_io() {
            let next = self.world.next_event().expect("I/O ends");
            self.world.advance(next);
        }
    }

    /// Lets so much time pass.
    pub(super) fn pass(&mut self, time: Tick) {
        let now = self.world.now();
        self.world.advance(now.after(time));
    }
}

/// The one thread of a stage.
const THREAD: ThreadId = ThreadId(0);
