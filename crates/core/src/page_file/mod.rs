//! Page files: where modified pages of private memory and of sections without a file go.
//!
//! # Invariants
//! - A used slot is named by exactly one PTE, one frame, or one write in progress.

pub(crate) mod extend;
pub(crate) mod reclaim;
pub(crate) mod slots;

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::PageFileConfig;
use crate::operation::OperationId;
use crate::page::Tick;
use crate::space::pte::Slot;
use slots::Slots;

/// Failures in a row that each cost a slot; after that it is the disk that fails.
const FAILURES_RETIRED: u32 = 16;

/// A page file.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PageFile {
    pub(crate) slots: Slots,
    pub(crate) maximum: u32,
    pub(crate) growth: Growth,
    /// Writes to it that have failed since one succeeded.
    pub(crate) failures: u32,
}

/// Whether a page file can be extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Growth {
    /// As far as is known.
    Possible,
    /// The world is asked to.
    Asked { operation: OperationId, was_refused: bool },
    /// The world refused: it is asked again after that time, and stays as it is until then.
    Refused { until: Tick },
}

impl PageFile {
    /// Whether the world is to be asked to extend it, where it is too small.
    fn may_be_extended(&self, now: Tick) -> bool {
        let is_refused = match self.growth {
            Growth::Possible => false,
            Growth::Asked { .. } => true,
            Growth::Refused { until } => now < until,
        };
        !is_refused && self.slots.size() < self.maximum
    }

    /// The slots that it may come to have, as far as is known.
    fn most(&self) -> u32 {
        match self.growth {
            Growth::Possible | Growth::Asked { was_refused: false, .. } => self.maximum,
            Growth::Asked { was_refused: true, .. } | Growth::Refused { .. } => self.slots.size(),
        }
    }
}

/// All page files.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PageFiles {
    files: Vec<PageFile>,
    next: usize,
}

impl PageFiles {
    pub(crate) fn new(configs: &[PageFileConfig]) -> Self {
        let file = |config: &PageFileConfig| PageFile {
            slots: Slots::new(config.initial),
            maximum: config.maximum,
            growth: Growth::Possible,
            failures: 0,
        };
        Self { files: configs.iter().map(file).collect(), next: 0 }
    }

    /// Makes room for all that the files may grow to.
    pub(crate) fn reserve(&mut self) {
        for file in &mut self.files {
            file.slots.reserve(file.maximum);
        }
    }

    pub(crate) fn get(&self, file: u8) -> Option<&PageFile> {
        self.files.get(usize::from(file))
    }

    pub(crate) fn get_mut(&mut self, file: u8) -> Option<&mut PageFile> {
        self.files.get_mut(usize::from(file))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &PageFile)> {
        (0u8..).zip(&self.files)
    }

    /// Neighbouring slots, at most `wanted`; the files take turns, so that their disks share the
    /// work. `avoid` is where a write has just failed: it is taken last.
    pub(crate) fn allocate(&mut self, wanted: u32, avoid: Option<u8>) -> Option<(Slot, u32)> {
        let count = self.files.len();
        for last_resort in [false, true] {
            for step in 0..count {
                let index = (self.next + step) % count;
                let Ok(file) = u8::try_from(index) else { continue };
                if (avoid == Some(file)) != last_resort {
                    continue;
                }
                if let Some(run) = self.files[index].slots.allocate(wanted) {
                    self.next = (index + 1) % count;
                    return Some((Slot { file, number: run.first }, run.count));
                }
            }
        }
        None
    }

    pub(crate) fn release(&mut self, slot: Slot) {
        self.files[usize::from(slot.file)].slots.release(slot.number);
    }

    /// Never uses a slot again: its disk failed there. A disk that has failed everywhere of late
    /// may come back whole, so it loses no more slots.
    pub(crate) fn retire(&mut self, slot: Slot) {
        let file = &mut self.files[usize::from(slot.file)];
        file.failures += 1;
        if file.failures <= FAILURES_RETIRED {
            file.slots.retire(slot.number);
        } else {
            file.slots.release(slot.number);
        }
    }

    /// A write to a page file has succeeded.
    pub(crate) fn note_success(&mut self, slot: Slot) {
        self.files[usize::from(slot.file)].failures = 0;
    }

    /// Slots that work, now.
    pub(crate) fn size(&self) -> u64 {
        let usable = |file: &PageFile| u64::from(file.slots.size() - file.slots.bad());
        self.files.iter().map(usable).sum()
    }

    /// Slots that there could be.
    pub(crate) fn maximum(&self) -> u64 {
        let usable = |file: &PageFile| u64::from(file.most() - file.slots.bad());
        self.files.iter().map(usable).sum()
    }

    /// Whether the world is asked to extend one of them.
    pub(crate) fn is_growing(&self) -> bool {
        self.files.iter().any(|file| matches!(file.growth, Growth::Asked { .. }))
    }

    pub(crate) fn used(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.slots.used())).sum()
    }

    pub(crate) fn free(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.slots.free())).sum()
    }

    pub(crate) fn verify(&self) -> Result<(), String> {
        self.files.iter().try_for_each(|file| file.slots.verify())
    }
}
