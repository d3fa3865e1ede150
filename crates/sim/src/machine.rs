//! The machine that is simulated: what the manager manages, and what everything costs.

use memtide_core::page::Tick;
use memtide_core::{Config, PAGE_FILES_MAX};

use crate::disk::DiskKind;
use crate::injected::InjectedFaults;

/// The processor time that the work of the memory manager takes.
///
/// The defaults are of the order that a processor of today shows; a scenario sets its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Taking a fault and going back.
    pub fault: Tick,
    /// Mapping, unmapping or protecting a page.
    pub map: Tick,
    /// Filling a page with zeros.
    pub zero: Tick,
    /// Copying a page.
    pub copy: Tick,
    /// Compressing a page.
    pub compress: Tick,
    /// Decompressing a page.
    pub decompress: Tick,
    /// Beginning a transfer.
    pub io: Tick,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            fault: Tick(500),
            map: Tick(100),
            zero: Tick(250),
            copy: Tick(400),
            compress: Tick(7_000),
            decompress: Tick(1_700),
            io: Tick(2_000),
        }
    }
}

/// How pages compress where they hold no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressibility {
    /// Thousandths of pages that are filled with one word.
    pub same_permille: u16,
    /// Thousandths of pages that do not get smaller.
    pub incompressible_permille: u16,
    /// What the others come to on average, in bytes.
    pub bytes: u16,
}

impl Default for Compressibility {
    fn default() -> Self {
        Self { same_permille: 100, incompressible_permille: 150, bytes: 1_400 }
    }
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What the manager manages.
    pub manager: Config,
    /// Processors; at least 1.
    pub processors: u32,
    /// How long a thread runs before the next one's turn.
    pub quantum: Tick,
    /// The disks; at least one.
    pub disks: Vec<DiskKind>,
    /// The disk that each page file lies on, by its place in `disks`; the first where none is said.
    pub page_file_disks: Vec<usize>,
    /// The disk that the files of sections lie on.
    pub file_disk: usize,
    /// What work costs.
    pub costs: Costs,
    /// How pages compress.
    pub compressibility: Compressibility,
    /// Whether pages hold something, so that a wrong page is noticed.
    pub has_contents: bool,
    /// What goes wrong.
    pub faults: InjectedFaults,
}

impl Machine {
    /// A machine with one processor and one disk.
    #[must_use]
    pub fn new(manager: Config) -> Self {
        Self {
            manager,
            processors: 1,
            quantum: Tick(1_000_000),
            disks: vec![DiskKind::nvme()],
            page_file_disks: Vec::new(),
            file_disk: 0,
            costs: Costs::default(),
            compressibility: Compressibility::default(),
            has_contents: false,
            faults: InjectedFaults::default(),
        }
    }

    /// The disk of each page file that there may be.
    pub(crate) fn disk_of_page_file(&self) -> [usize; PAGE_FILES_MAX] {
        let mut disks = [0; PAGE_FILES_MAX];
        disks.iter_mut().zip(&self.page_file_disks).for_each(|(disk, said)| *disk = *said);
        disks
    }
}
