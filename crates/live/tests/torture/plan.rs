//! What a round is made of.

use memtide_core::units::Bytes;
use memtide_live::page_file::IoEngine;
use memtide_live::page_file::testing::{Fault, Faults};
use memtide_live::{Machine, MachineOptions, Without};

use crate::random::Random;
use crate::support::MIB;

/// What goes wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// Nothing; and the kernel writes by itself, through a ring.
    Sound,
    /// It is slow, and takes and gives less than was asked for.
    Slow,
    /// Writes fail, and it is full now and then.
    FailingWrites,
    /// Reads fail, and might not the next time.
    FailingReads,
    /// What was written is not what is read.
    Corrupt,
    /// All of it.
    All,
}

const DISKS: [Disk; 6] =
    [Disk::Sound, Disk::Slow, Disk::FailingWrites, Disk::FailingReads, Disk::Corrupt, Disk::All];

/// A round: its seed decides all but the moments at which threads meet.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) budget_mib: u64,
    pub(crate) compression: Option<u8>,
    pub(crate) is_encrypted: bool,
    pub(crate) disk: Disk,
    /// What older kernels lack.
    pub(crate) without: Without,
    pub(crate) threads: usize,
    /// Pages of each thread's own, and of each memory that all share.
    pub(crate) own_pages: usize,
    pub(crate) shared_pages: usize,
}

const WITHOUT: [Without; 4] = [
    Without { moves: false, poison: false },
    Without { moves: false, poison: false },
    Without { moves: true, poison: false },
    Without { moves: true, poison: true },
];

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let budget_mib = random.pick(&[4, 4, 6, 8, 16]);
        let threads = 2 + random.below(7) as usize;
        // About three times the budget, a quarter of it shared.
        let pages = budget_mib * MIB / 4096 * 3;
        Self {
            seed,
            budget_mib,
            compression: random.pick(&[None, None, Some(10), Some(30), Some(60)]),
            is_encrypted: random.chance(20),
            // One after the other, so that few rounds see all of them.
            disk: DISKS[(seed % DISKS.len() as u64) as usize],
            without: random.pick(&WITHOUT),
            threads,
            own_pages: pages as usize * 3 / 4 / threads,
            shared_pages: pages as usize / 8,
        }
    }

    /// Whether writes fail. In the other rounds of such disks the page file cannot grow.
    const fn wears_out(&self) -> bool {
        let turn = self.seed / DISKS.len() as u64;
        matches!(self.disk, Disk::FailingWrites | Disk::All) && !turn.is_multiple_of(3)
    }

    pub(crate) fn machine(&self, faults: &Faults) -> Machine {
        let mut options = MachineOptions::new(Bytes(self.budget_mib * MIB));
        options.compression = self.compression;
        options.without = self.without;
        let file = options.page_file.as_mut().expect("a page file");
        file.encryption = self.is_encrypted;
        file.initial = Bytes(MIB);
        file.io = IoEngine::Auto;
        if self.disk != Disk::Sound {
            file.faults = Some(faults.clone());
        }
        Machine::new(&options).expect("a machine")
    }

    /// From now on things go wrong.
    pub(crate) fn begin(&self, faults: &Faults) {
        let is = |disk| self.disk == disk || self.disk == Disk::All;
        if is(Disk::Slow) {
            faults.set(Fault::Delay, 100);
            faults.set(Fault::ShortRead, 100);
            faults.set(Fault::ShortWrite, 100);
        }
        if is(Disk::FailingWrites) {
            if self.wears_out() {
                faults.set(Fault::WriteError, 100);
                faults.set(Fault::WriteNoSpace, 50);
            } else {
                faults.set(Fault::GrowNoSpace, 300);
            }
        }
        if is(Disk::FailingReads) {
            faults.set(Fault::ReadError, 50);
        }
        if is(Disk::Corrupt) {
            faults.set(Fault::FlippedBit, 5);
            faults.set(Fault::TornWrite, 5);
            faults.set(Fault::LostWrite, 5);
        }
    }
}
