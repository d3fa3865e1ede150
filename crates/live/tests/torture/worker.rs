//! A thread: random calls and accesses on memory of its own and on memory that all share. It knows
//! each word that it wrote.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use memtide_core::page::Access;
use memtide_core::{
    Allocation, MEM_COMMIT, MEM_DECOMMIT, MEM_RESET, MEM_RESET_UNDO, OfferPriority, Protection,
    Refusal,
};
use memtide_live::page_file::testing::{Fault, Faults};
use memtide_live::{Error, FaultPath, Space};

use crate::losses::{self, Memory};
use crate::model::{Content, Page, WORDS, Words, zeros};
use crate::random::Random;
use crate::support::{PAGE, load, scrambled, store};
use crate::watch::Progress;

/// What a thread found that must not be.
pub(crate) type Found = Result<(), String>;

/// A thread's own word in each page of a memory that all share.
struct Shared {
    memory: Arc<Memory>,
    /// What each word should be, and how often its page had been given up when it was written.
    words: Vec<(u64, u32)>,
}

/// A thread's work.
pub(crate) struct Worker {
    number: usize,
    random: Random,
    space: Arc<Space>,
    own: Arc<Memory>,
    pages: Vec<Page>,
    shared: Vec<Shared>,
    faults: Faults,
    progress: Arc<Progress>,
    /// Where system calls write to.
    file: File,
    /// Values are never written twice, so that a stale one shows.
    next: u64,
}

const PROTECTIONS: [u32; 7] = [0x04, 0x04, 0x02, 0x01, 0x104, 0x40, 0x20];

impl Worker {
    pub(crate) fn new(
        number: usize,
        random: Random,
        space: Arc<Space>,
        own: Arc<Memory>,
        shared: &[Arc<Memory>],
        (faults, progress): (Faults, Arc<Progress>),
    ) -> Self {
        let shared = shared
            .iter()
            .map(|memory| Shared { words: vec![(0, 0); memory.len()], memory: Arc::clone(memory) });
        Self {
            number,
            random,
            space,
            pages: vec![Page::new(Some(Protection::READ_WRITE)); own.len()],
            own,
            shared: shared.collect(),
            faults,
            progress,
            file: tempfile::tempfile().expect("a file"),
            next: (number as u64) << 48,
        }
    }

    fn value(&mut self) -> u64 {
        self.next += 1;
        scrambled(self.next)
    }

    /// Some of its own pages, mostly few.
    fn range(&mut self) -> Range<usize> {
        let first = self.random.below(self.pages.len() as u64) as usize;
        let most = self.random.pick(&[1, 4, 16, 64, 256]);
        let pages = 1 + self.random.below(most) as usize;
        first..(first + pages).min(self.pages.len())
    }

    /// Does anything.
    pub(crate) fn step(&mut self) -> Found {
        let choice = self.random.below(100);
        let pages = self.range();
        self.progress.step(choice, self.own.address(pages.start));
        match choice {
            0..30 => self.share(),
            30..45 => pages.into_iter().try_for_each(|page| self.read(page)),
            45..58 => pages.into_iter().try_for_each(|page| self.write(page)),
            58..70 => pages.into_iter().try_for_each(|page| self.fill(page)),
            70..76 => self.commit(pages),
            76..79 => self.decommit(pages),
            79..84 => self.protect(pages),
            84..93 => self.contents(pages),
            93..96 => self.call(pages.start),
            96..98 => {
                self.space.empty_working_set().map_err(|error| format!("emptying: {error}"))?;
                Ok(())
            }
            _ => {
                let _ = self.space.prefetch(self.own.address(pages.start), PAGE);
                Ok(())
            }
        }
    }

    /// Looks at every word.
    pub(crate) fn check(&mut self) -> Found {
        for page in 0..self.pages.len() {
            self.progress.step(200, self.own.address(page));
            self.read(page)?;
        }
        for number in 0..self.shared.len() {
            for page in 0..self.shared[number].words.len() {
                self.progress.step(201, self.shared[number].memory.address(page));
                self.read_shared(number, page)?;
            }
        }
        Ok(())
    }

    /// Reads and writes its words of pages that others read and write.
    fn share(&mut self) -> Found {
        let number = self.random.below(self.shared.len() as u64) as usize;
        let pages = self.shared[number].words.len() as u64;
        // Often where the others are, too.
        let most = self.random.pick(&[pages, 128]);
        let (first, step) = (self.random.below(most), self.random.pick(&[1, 1, 7, 61]));
        let writes = self.random.pick(&[0, 10, 50, 100]);
        for turn in 0..self.random.pick(&[1, 8, 64]) {
            let page = ((first + turn * step) % pages) as usize;
            self.read_shared(number, page)?;
            if self.random.chance(writes) {
                self.write_shared(number, page);
            }
        }
        Ok(())
    }

    fn read_shared(&mut self, number: usize, page: usize) -> Found {
        let Shared { memory, words } = &mut self.shared[number];
        let (expected, counted) = words[page];
        let at = memory.address(page) + self.number as u64 * 8;
        let seen = load(at);
        if seen == expected {
            return Ok(());
        }
        if seen == 0 && memory.begun(page) != counted {
            words[page] = (0, memory.ended(page));
            return Ok(());
        }
        Err(format!(
            "{seen:#x} at {at:#x}, page {page} of shared memory {number}: expected {expected:#x}; \
             the page was given up {} times, {counted} of them before that was written",
            memory.begun(page)
        ))
    }

    fn write_shared(&mut self, number: usize, page: usize) {
        let value = self.value();
        let Shared { memory, words } = &mut self.shared[number];
        words[page] = (value, memory.ended(page));
        store(memory.address(page) + self.number as u64 * 8, value);
    }

    fn is_committed(&self, page: usize) -> bool {
        self.pages[page].protection.is_some()
    }

    /// Makes an access, and takes what it raised.
    fn access(&mut self, page: usize, access: Access, make: impl FnOnce()) -> Found {
        let address = self.own.address(page);
        let (met, begun) = (losses::met(), self.own.begun(page));
        make();
        let mut expected = met;
        let of = &mut self.pages[page];
        let (protection, offered) = (of.protection, of.offered);
        while let Some(raised) = of.raises(address, access) {
            of.mend(raised);
            expected += 1;
        }
        if self.own.begun(page) != begun {
            of.content = Content::Exact(zeros());
        }
        if losses::met() != expected {
            let (met, expected) = (losses::met() - met, expected - met);
            let path = self.space.options().path;
            return Err(format!(
                "{path:?}: {access:?} of {address:#x}, {protection:?}, offered: {offered}, raised \
                 {met} exceptions: expected {expected}"
            ));
        }
        Ok(())
    }

    /// What a page holds that may be read: whole, or lost and zeros.
    fn look(&mut self, page: usize) -> Box<Words> {
        let address = self.own.address(page);
        loop {
            let begun = self.own.begun(page);
            let seen = Box::new(std::array::from_fn(|word| load(address + word as u64 * 8)));
            if self.own.begun(page) == begun {
                return seen;
            }
            self.pages[page].content = Content::Exact(zeros());
        }
    }

    fn wrong(&self, page: usize, wrong: (usize, u64, u64)) -> String {
        let (word, seen, expected) = wrong;
        let at = self.own.address(page) + word as u64 * 8;
        let (begun, of) = (self.own.begun(page), &self.pages[page]);
        let (protection, offered) = (of.protection, of.offered);
        format!(
            "{seen:#x} at {at:#x}, page {page} of a thread's own: expected {expected:#x}; the page \
             was given up {begun} times; {protection:?}, offered: {offered}"
        )
    }

    fn read(&mut self, page: usize) -> Found {
        if !self.is_committed(page) {
            return Ok(());
        }
        let address = self.own.address(page);
        self.access(page, Access::Read, || {
            load(address);
        })?;
        let seen = self.look(page);
        let accepted = self.pages[page].content.accept(&seen);
        accepted.map_err(|wrong| self.wrong(page, wrong))
    }

    fn write(&mut self, page: usize) -> Found {
        if !self.is_committed(page) {
            return Ok(());
        }
        let (value, word) = (self.value(), self.random.below(WORDS as u64) as usize);
        let at = self.own.address(page) + word as u64 * 8;
        self.access(page, Access::Write, || store(at, value))?;
        let begun = self.own.begun(page);
        let seen = self.look(page);
        let content = &mut self.pages[page].content;
        let accepted = match self.own.begun(page) == begun {
            true => content.wrote(word, value, &seen),
            false => content.accept(&seen),
        };
        accepted.map_err(|wrong| self.wrong(page, wrong))
    }

    /// Writes a whole page: noise, a pattern, one word over and over, or zeros.
    fn fill(&mut self, page: usize) -> Found {
        if !self.is_committed(page) {
            return Ok(());
        }
        let (value, kind) = (self.value(), self.random.below(8));
        let words: Box<Words> = Box::new(std::array::from_fn(|word| match kind {
            0 => 0,
            1 => value,
            2..4 => value.rotate_left(word as u32 / 64),
            _ => scrambled(value ^ word as u64),
        }));
        let address = self.own.address(page);
        self.access(page, Access::Write, || store(address, words[0]))?;
        loop {
            let begun = self.own.begun(page);
            for (word, value) in words.iter().enumerate() {
                store(address + word as u64 * 8, *value);
            }
            if self.own.begun(page) == begun {
                break;
            }
        }
        self.pages[page].content = Content::Exact(words);
        Ok(())
    }

    fn commit(&mut self, pages: Range<usize>) -> Found {
        let protection = self.random.pick(&PROTECTIONS);
        let (address, bytes) = (self.own.address(pages.start), pages.len() as u64 * PAGE);
        let allocation = Allocation { address, bytes, kind: MEM_COMMIT, protection };
        match self.space.allocate(&allocation) {
            Ok(_) => {}
            Err(Error::Refused(Refusal::CommitmentLimit { .. }))
                if self.faults.happened(Fault::GrowNoSpace) > 0 =>
            {
                return Ok(());
            }
            Err(error) => return Err(format!("committing {pages:?}: {error}")),
        }
        for page in &mut self.pages[pages] {
            if page.offered {
                page.content.doubt();
            }
            page.offered = false;
            page.protection = Protection::from_windows(protection).ok();
        }
        Ok(())
    }

    fn decommit(&mut self, pages: Range<usize>) -> Found {
        let (address, bytes) = (self.own.address(pages.start), pages.len() as u64 * PAGE);
        let freed = self.space.free(address, bytes, MEM_DECOMMIT);
        freed.map_err(|error| format!("decommitting {pages:?}: {error}"))?;
        self.pages[pages].fill_with(|| Page::new(None));
        Ok(())
    }

    fn protect(&mut self, pages: Range<usize>) -> Found {
        if !pages.clone().all(|page| self.is_committed(page)) {
            return Ok(());
        }
        let protection = self.random.pick(&PROTECTIONS);
        let (address, bytes) = (self.own.address(pages.start), pages.len() as u64 * PAGE);
        let protected = self.space.protect(address, bytes, protection);
        protected.map_err(|error| format!("protecting {pages:?}: {error}"))?;
        let protection = Protection::from_windows(protection).ok();
        self.pages[pages].iter_mut().for_each(|page| page.protection = protection);
        Ok(())
    }

    /// Reset, undo, offer, reclaim or discard.
    fn contents(&mut self, pages: Range<usize>) -> Found {
        let (address, bytes) = (self.own.address(pages.start), pages.len() as u64 * PAGE);
        let call = self.random.below(5);
        let space = &self.space;
        let is_valid =
            |page: usize| self.is_committed(page) && (call != 3 || self.pages[page].offered);
        if !pages.clone().all(is_valid) {
            return Ok(());
        }
        let reset = |kind| Allocation { address, bytes, kind, protection: 0x02 };
        let result = match call {
            0 => space.allocate(&reset(MEM_RESET)).map(drop),
            1 => space.allocate(&reset(MEM_RESET_UNDO)).map(drop),
            2 => space.offer(address, bytes, OfferPriority::Low),
            3 => space.reclaim(address, bytes),
            _ => space.discard(address, bytes),
        };
        let lost = matches!(result, Err(Error::Refused(Refusal::ContentsLost { .. })));
        // Zeros that are lost are zeros all the same, once they are read.
        let may_be = |page: &Page| match &page.content {
            Content::Exact(words) => words.iter().all(|word| *word == 0),
            Content::Fading(_) | Content::Either(_) => true,
        };
        let may_be_lost = matches!(call, 1 | 3) && self.pages[pages.clone()].iter().any(may_be);
        match result {
            Err(error) if !(lost && may_be_lost) => {
                return Err(format!("contents call {call} on {pages:?}: {error}"));
            }
            _ => {}
        }
        for page in &mut self.pages[pages] {
            match call {
                0 => page.content.fade(),
                1 if lost => page.content.doubt(),
                1 => page.content.settle(),
                2 => {
                    page.content.fade();
                    page.offered = true;
                }
                3 => {
                    page.content.doubt();
                    page.offered = false;
                }
                _ => page.content = Content::Exact(zeros()),
            }
        }
        Ok(())
    }

    /// Lets a system call read a page: pinned, or through the handler threads.
    fn call(&mut self, page: usize) -> Found {
        if !self.pages[page].can_be_locked() {
            return Ok(());
        }
        let address = self.own.address(page);
        let _pinned = match self.space.options().path {
            FaultPath::Handler => None,
            FaultPath::InThread => match self.space.pin(address, PAGE, Access::Read) {
                Ok(pinned) => Some(pinned),
                Err(Error::Exception(memtide_core::Exception::InPage { error, .. }))
                    if losses::explains(&self.faults, error) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(format!("pinning {address:#x}: {error}")),
            },
        };
        // SAFETY: the kernel reads a page of the test's own, or says that it cannot.
        let written =
            unsafe { libc::pwrite(self.file.as_raw_fd(), address as *const _, PAGE as usize, 0) };
        if u64::try_from(written) != Ok(PAGE) {
            let error = std::io::Error::last_os_error();
            let reads = [Fault::ReadError, Fault::FlippedBit, Fault::TornWrite, Fault::LostWrite];
            let is_explained = reads.iter().any(|fault| self.faults.happened(*fault) > 0);
            return match error.raw_os_error() {
                Some(libc::EFAULT) if is_explained => Ok(()),
                _ => Err(format!("a write from {address:#x}: {written}, {error}")),
            };
        }
        let mut bytes = [0; PAGE as usize];
        self.file.read_exact_at(&mut bytes, 0).map_err(|error| error.to_string())?;
        let (chunks, _) = bytes.as_chunks::<8>();
        let seen: Words = std::array::from_fn(|word| u64::from_ne_bytes(chunks[word]));
        let accepted = self.pages[page].content.accept(&seen);
        accepted.map_err(|wrong| format!("a system call saw {}", self.wrong(page, wrong)))
    }
}
