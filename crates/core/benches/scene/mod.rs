//! What the benchmarks of the core measure: machines, hot pages in them, and operations on those.
//!
//! Both machines have the same number of hot pages, spread evenly over all regions, so that any
//! difference between them is what frames, regions and distance cost.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Config, Input, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, Manager,
    OperationId, Output, SpaceConfig,
};

/// Hot pages of a scene.
pub(crate) const HOT: usize = 2048;

/// Slots of the page file: room for a commitment of 1 TiB beside everything else.
const SLOTS: u32 = 1 << 29;

/// Where the first region begins.
const FIRST: u64 = 1 << 32;

/// A hole between regions, so that finding room looks into the tree.
const HOLE: u64 = 1 << 16;

/// A machine and the regions of its one space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// What the tables call it.
    pub(crate) name: &'static str,
    frames: u32,
    regions: u64,
    region_bytes: u64,
}

/// Both machines.
pub(crate) const MACHINES: [Machine; 2] = [
    Machine { name: "1 GiB", frames: 1 << 18, regions: 10, region_bytes: 64 << 20 },
    Machine { name: "1 TiB", frames: 1 << 28, regions: 100_000, region_bytes: 8 << 20 },
];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// An access to a resident page.
    Touch,
    /// A read of a page that was trimmed and is on the standby list.
    SoftFault,
    /// A write to a page that was trimmed and is on the standby list.
    SoftFaultWrite,
    /// A first write to a page.
    DemandZero,
    /// A page that leaves a working set, with a copy elsewhere or all zeros.
    TrimClean,
    /// A page that leaves a working set, to be written; its share of the writes that begin is
    /// part of it.
    TrimDirty,
    /// A region of so many bytes, allocated and freed without a touch.
    AllocateFree(u64),
}

impl Operation {
    /// All, in the order of the tables.
    pub(crate) const ALL: [Self; 9] = [
        Self::Touch,
        Self::SoftFault,
        Self::SoftFaultWrite,
        Self::DemandZero,
        Self::TrimClean,
        Self::TrimDirty,
        Self::AllocateFree(64 << 10),
        Self::AllocateFree(1 << 30),
        Self::AllocateFree(1 << 40),
    ];

    /// What the tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Touch => "resident access",
            Self::SoftFault => "soft fault, read",
            Self::SoftFaultWrite => "soft fault, write",
            Self::DemandZero => "demand-zero fault",
            Self::TrimClean => "trim, clean",
            Self::TrimDirty => "trim, dirty",
            Self::AllocateFree(bytes) => match bytes >> 20 {
                0 => "allocate and free 64 KiB",
                1024 => "allocate and free 1 GiB",
                _ => "allocate and free 1 TiB",
            },
        }
    }
}

/// A machine in a state to be measured.
pub(crate) struct Scene {
    manager: Manager,
    space: SpaceId,
    /// The hot pages' addresses, in an order that no prefetcher guesses.
    hot: Vec<u64>,
    writes: Vec<OperationId>,
}

impl Scene {
    /// A machine with its regions and its hot pages, all of them touched once. Beside each hot
    /// page stands one that keeps the page table when the hot one goes.
    pub(crate) fn new(machine: Machine) -> Self {
        let config = Config::new(machine.frames).with_page_file(SLOTS, SLOTS);
        let mut manager = Manager::new(config).expect("a machine");
        let space = manager.create_space(SpaceConfig::default()).expect("a space");
        let pitch = machine.region_bytes + HOLE;
        for region in 0..machine.regions {
            let allocation = Allocation {
                address: FIRST + region * pitch,
                ..Allocation::committed(machine.region_bytes)
            };
            manager.allocate(space, &allocation).expect("a region");
        }
        let pages = machine.region_bytes / PAGE_SIZE;
        let step = machine.regions * pages / HOT as u64;
        let address = |page: u64| FIRST + page / pages * pitch + page % pages * PAGE_SIZE;
        let mut hot: Vec<u64> = (0..HOT as u64).map(|i| address(i * step)).collect();
        shuffle(&mut hot);
        let mut scene = Self { manager, space, hot, writes: Vec::new() };
        for index in 0..HOT {
            let hot = scene.hot[index];
            scene.fault(hot ^ PAGE_SIZE, Access::Read);
            scene.fault(hot, Access::Read);
        }
        scene
    }

    /// Nanoseconds of one operation: the least that any of many rounds took.
    pub(crate) fn least(&mut self, operation: Operation, rounds: u32) -> f64 {
        let least = (0..rounds).map(|_| self.timed(operation)).min();
        least.unwrap_or_default().as_secs_f64() * 1e9 / HOT as f64
    }

    /// How long so many operations take, without what prepares them: whole rounds, scaled.
    pub(crate) fn time(&mut self, operation: Operation, count: u64) -> Duration {
        let rounds = count.div_ceil(HOT as u64);
        let sum: Duration = (0..rounds).map(|_| self.timed(operation)).sum();
        sum.mul_f64(count as f64 / (rounds * HOT as u64) as f64)
    }

    /// Prepares and times one round of [`HOT`] operations.
    fn timed(&mut self, operation: Operation) -> Duration {
        self.prepare(operation);
        let begin = Instant::now();
        self.perform_measured(operation);
        begin.elapsed()
    }

    /// Brings the pages into the state that an operation begins with.
    pub(crate) fn prepare(&mut self, operation: Operation) {
        match operation {
            Operation::Touch => self.make_resident(Access::Read),
            Operation::SoftFault | Operation::SoftFaultWrite => {
                self.make_resident(Access::Read);
                self.trim();
                self.complete();
            }
            Operation::DemandZero => {
                for index in 0..HOT {
                    let address = self.hot[index];
                    self.discard(address);
                }
                // The frames go back to where zeroed ones are taken from first.
                self.manager.handle(Tick(0), Input::Idle { pages: u32::MAX });
                self.drain();
            }
            Operation::TrimClean | Operation::TrimDirty => {
                self.trim();
                self.complete();
                let is_clean = operation == Operation::TrimClean;
                self.make_resident(if is_clean { Access::Read } else { Access::Write });
            }
            Operation::AllocateFree(_) => {}
        }
    }

    /// What is measured, [`HOT`] times. A function of its own, for callgrind to tell it apart.
    #[inline(never)]
    pub(crate) fn perform_measured(&mut self, operation: Operation) {
        match operation {
            Operation::Touch => {
                for index in 0..HOT {
                    let address = self.hot[index];
                    black_box(self.manager.touch(self.space, address, Access::Read));
                }
            }
            Operation::SoftFault => self.fault_all(Access::Read),
            Operation::SoftFaultWrite | Operation::DemandZero => {
                self.fault_all(Access::Write);
            }
            Operation::TrimClean | Operation::TrimDirty => self.trim(),
            Operation::AllocateFree(bytes) => {
                for _ in 0..HOT {
                    self.allocate_and_free(bytes);
                }
            }
        }
    }

    fn fault_all(&mut self, access: Access) {
        for index in 0..HOT {
            let address = self.hot[index];
            self.fault(address, access);
        }
    }

    fn fault(&mut self, address: u64, access: Access) {
        let (thread, space) = (ThreadId(1), self.space);
        self.manager.handle(Tick(0), Input::Fault { thread, space, address, access });
        self.drain();
    }

    fn make_resident(&mut self, access: Access) {
        for index in 0..HOT {
            let address = self.hot[index];
            if !self.manager.touch(self.space, address, access) {
                self.fault(address, access);
            }
        }
    }

    fn trim(&mut self) {
        self.manager.empty_working_set(self.space).expect("the space exists");
        self.drain();
    }

    fn discard(&mut self, address: u64) {
        let (manager, space) = (&mut self.manager, self.space);
        manager.free(space, address, PAGE_SIZE, MEM_DECOMMIT).expect("it is committed");
        let again = Allocation::commit_at(address, PAGE_SIZE);
        manager.allocate(space, &again).expect("there was room before");
        self.drain();
    }

    fn allocate_and_free(&mut self, bytes: u64) {
        let kind = MEM_RESERVE | MEM_COMMIT;
        let allocation = Allocation { kind, ..Allocation::committed(bytes) };
        let address = self.manager.allocate(self.space, &allocation).expect("there is room");
        self.manager.free(self.space, address, 0, MEM_RELEASE).expect("it is there");
        self.drain();
    }

    /// Takes every output; writes are remembered.
    fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            if let Output::Write { operation } = black_box(output) {
                self.writes.push(operation);
            }
        }
    }

    /// Ends all writes, and those that begin then.
    fn complete(&mut self) {
        while let Some(operation) = self.writes.pop() {
            self.manager.handle(Tick(0), Input::WriteDone { operation, result: Ok(()) });
            self.drain();
        }
    }
}

/// Puts addresses into an order without a pattern, the same each time.
fn shuffle(addresses: &mut [u64]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..addresses.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [.., low, high] = state.to_le_bytes();
        addresses.swap(last, usize::from(u16::from_le_bytes([low, high])) % (last + 1));
    }
}
