//! What a machine is made of.

use memtide_core::conditions::Thresholds;
use memtide_core::units::Bytes;

use crate::page_file::PageFileOptions;
use crate::uffd::Without;

/// What a machine is made of: its budget, its page file, its compression store.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// The most memory that all of its spaces hold at a time, buffers and compressed pages
    /// included; at least 4 MiB.
    pub budget: Bytes,
    /// The page file; `None` keeps everything in memory.
    pub page_file: Option<PageFileOptions>,
    /// How many percent of the budget compressed pages may take at most; `None` compresses nothing.
    pub compression: Option<u8>,
    /// The marks of the conditions; `None` takes Windows' formulas.
    pub thresholds: Option<Thresholds>,
    /// What to do without though the kernel has it, to see what a program does on an older one.
    pub without: Without,
}

impl MachineOptions {
    /// A machine of a budget, with a page file of the default directory and no compression.
    #[must_use]
    pub fn new(budget: Bytes) -> Self {
        Self {
            budget,
            page_file: Some(PageFileOptions::default()),
            compression: None,
            thresholds: None,
            without: Without::default(),
        }
    }
}
