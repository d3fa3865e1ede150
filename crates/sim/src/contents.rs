//! What pages hold, where an oracle checks it: one word a page, which stands for all its bytes.
//!
//! Beside it stands what is mapped where, as the outputs said: a hardware's own page table.

use std::collections::BTreeMap;

use memtide_core::page::{Access, Pfn, SectionId, SpaceId, Vpn};
use memtide_core::{Compressed, Content, OperationId, Output, Rights, Slot, Source, Stored};
use serde::{Deserialize, Serialize};

/// What an unwritten page of a section's file holds.
#[must_use]
pub const fn file_word(section: SectionId, page: u64) -> u64 {
    0xf11e_0000_0000_0000 | (section.0 as u64) << 32 | page
}

/// What a slot that nobody wrote holds. Reading it and showing it to a program is a bug.
pub const UNWRITTEN: u64 = u64::MAX;

/// What frames, page files, files and the compression store hold.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    memory: Vec<u64>,
    mapped: BTreeMap<(SpaceId, Vpn), (Pfn, Rights)>,
    slots: BTreeMap<Slot, u64>,
    files: BTreeMap<(SectionId, u64), u64>,
    stored: BTreeMap<(Pfn, u16), u64>,
    compressing: BTreeMap<OperationId, Vec<u64>>,
    planted: Option<Plant>,
}

/// A defect of the world, planted once to prove that an oracle finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plant {
    /// The next page that is read from a disk has a wrong bit.
    FlipBit,
    /// The next page that is read from a disk holds zeros.
    ReadZeros,
    /// The next page that is written to a disk is not, and the write succeeds.
    DropWrite,
    /// The next word that a program writes over another one is not.
    KeepOld,
    /// The next two pages that are written at once change places.
    SwapPages,
    /// The next read or write never ends.
    DropCompletion,
    /// The manager panics.
    Panic,
}

/// The world's page tables and the manager's differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at page {page} of space {}", .space.0)]
pub struct Mismatch {
    /// What is wrong.
    pub what: &'static str,
    /// In which space.
    pub space: SpaceId,
    /// Which page.
    pub page: Vpn,
}

fn index(frame: Pfn) -> usize {
    usize::try_from(frame.0).unwrap_or(usize::MAX)
}

impl Contents {
    pub(crate) fn new(frames: u32) -> Self {
        Self { memory: vec![0; index(Pfn(frames))], ..Self::default() }
    }

    /// What a frame holds, if there is one of that number.
    #[must_use]
    pub fn word(&self, frame: Pfn) -> Option<u64> {
        self.memory.get(index(frame)).copied()
    }

    /// What is mapped at a page.
    #[must_use]
    pub fn mapped(&self, space: SpaceId, page: Vpn) -> Option<(Pfn, Rights)> {
        self.mapped.get(&(space, page)).copied()
    }

    /// What a program reads, or leaves by writing, through the mapping.
    ///
    /// # Errors
    /// [`Mismatch`] where nothing is mapped, or not for this access.
    pub fn access(
        &mut self,
        space: SpaceId,
        page: Vpn,
        access: Access,
        written: Option<u64>,
    ) -> Result<u64, Mismatch> {
        let wrong = |what| Mismatch { what, space, page };
        let (frame, rights) = self.mapped(space, page).ok_or(wrong("nothing is mapped"))?;
        if !rights.allow(access) {
            return Err(wrong("the mapping does not allow what the PTE does"));
        }
        let held = &mut self.memory[index(frame)];
        if let Some(word) = written {
            let keeps = *held != 0 && self.planted == Some(Plant::KeepOld);
            self.planted.take_if(|_| keeps);
            *held = if keeps { *held } else { word };
        }
        Ok(*held)
    }

    /// From now on something is wrong, once.
    pub(crate) const fn plant(&mut self, plant: Plant) {
        self.planted = Some(plant);
    }

    /// A frame could not be filled: it holds nothing that anyone may see.
    pub(crate) fn spoil(&mut self, frame: Pfn) {
        self.memory[index(frame)] = UNWRITTEN;
    }

    /// A section is new: nobody has written to its file.
    pub(crate) fn begin_file(&mut self, section: SectionId) {
        self.files.retain(|(of, _), _| *of != section);
    }

    /// Carries out an output.
    pub(crate) fn carry_out(&mut self, output: Output, frames: &[Pfn]) -> Result<(), Mismatch> {
        match output {
            Output::Map { space, page, frame, content, rights, .. } => {
                if content == Content::Zero {
                    self.memory[index(frame)] = 0;
                }
                self.mapped.insert((space, page), (frame, rights));
            }
            Output::Unmap { space, page, frame } => {
                let was = self.mapped.remove(&(space, page));
                if was.map(|(frame, _)| frame) != Some(frame) {
                    return Err(Mismatch { what: "unmapped what was not there", space, page });
                }
            }
            Output::Discard { space, page, pages } => self.discard(space, page, pages),
            Output::Protect { space, page, frame, rights } => {
                match self.mapped.get_mut(&(space, page)) {
                    Some(mapped) if mapped.0 == frame => mapped.1 = rights,
                    _ => return Err(Mismatch { what: "protected what is not there", space, page }),
                }
            }
            Output::Zero { frame } => self.memory[index(frame)] = 0,
            Output::Copy { from, to } => self.memory[index(to)] = self.memory[index(from)],
            Output::Decompress { from, to } => self.memory[index(to)] = self.stored_word(from),
            Output::Store { operation, index: at, to: Stored::Bytes { frame, offset, .. } } => {
                let words = self.compressing.get(&operation);
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let word = words.and_then(|words| words.get(at)).copied().unwrap_or(UNWRITTEN);
                self.stored.insert((frame, offset), word);
            }
            Output::Compress { operation } => {
                let words = frames.iter().map(|frame| self.memory[index(*frame)]).collect();
                self.compressing.insert(operation, words);
            }
            _ => {}
        }
        Ok(())
    }

    fn discard(&mut self, space: SpaceId, page: Vpn, pages: u64) {
        let range = (space, page)..(space, Vpn(page.0 + pages));
        let gone: Vec<_> = self.mapped.range(range).map(|(key, _)| *key).collect();
        for key in gone {
            self.mapped.remove(&key);
        }
    }

    fn stored_word(&self, from: Stored) -> u64 {
        match from {
            Stored::Same(word) => word,
            Stored::Bytes { frame, offset, .. } => {
                self.stored.get(&(frame, offset)).copied().unwrap_or(UNWRITTEN)
            }
        }
    }

    /// How the pages of an operation compress: zeros to a word, a seventh of the others not at all.
    pub(crate) fn compressed(&mut self, operation: OperationId) -> Vec<Compressed> {
        let words = self.compressing.get(&operation).map(Vec::as_slice).unwrap_or_default();
        words.iter().map(|word| compressed(*word)).collect()
    }

    /// An operation is over.
    pub(crate) fn forget(&mut self, operation: OperationId) {
        self.compressing.remove(&operation);
    }

    /// Moves data between frames and where an operation reads or writes.
    pub(crate) fn transfer(&mut self, frames: &[Pfn], source: Source, is_read: bool) {
        if let ([first, second, ..], Some(Plant::SwapPages)) = (frames, self.planted)
            && !is_read
        {
            self.planted = None;
            self.memory.swap(index(*first), index(*second));
        }
        for (step, frame) in (0..).zip(frames) {
            if !is_read && self.planted == Some(Plant::DropWrite) {
                self.planted = None;
                continue;
            }
            let held = &mut self.memory[index(*frame)];
            match (source.plus(step), is_read) {
                (Source::PageFile(slot), true) => {
                    *held = self.slots.get(&slot).copied().unwrap_or(UNWRITTEN);
                }
                (Source::PageFile(slot), false) => drop(self.slots.insert(slot, *held)),
                (Source::File { section, page }, true) => {
                    let written = self.files.get(&(section, page)).copied();
                    *held = written.unwrap_or(file_word(section, page));
                }
                (Source::File { section, page }, false) => {
                    self.files.insert((section, page), *held);
                }
            }
            match self.planted {
                Some(Plant::FlipBit) if is_read => *held ^= 1,
                Some(Plant::ReadZeros) if is_read => *held = 0,
                _ => continue,
            }
            self.planted = None;
        }
    }
}

fn compressed(word: u64) -> Compressed {
    match word {
        0 => Compressed::Same(0),
        word if word % 7 == 0 => Compressed::Incompressible,
        word => Compressed::Bytes(200 + u16::try_from(word % 1_500).unwrap_or(0)),
    }
}
