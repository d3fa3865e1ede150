//! What a program may observe of its memory, as simply as it can be said: for each page what may be
//! done to it, and its bytes. Nothing here knows of frames, lists or page files.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::collections::BTreeSet;
use std::ops::Range;

use memtide_core::page::Access;
use memtide_core::{Exception, Protection};

pub(crate) const PAGE: u64 = 4096;
pub(crate) const WORDS: usize = 512;

/// The words of a page.
pub(crate) type Words = [u64; WORDS];

/// What a page holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// This.
    Exact(Box<Words>),
    /// This, and at any moment zeros for ever: it was reset, or offered.
    Fading(Box<Words>),
    /// This or zeros; which of both is settled, and the next read tells.
    Either(Box<Words>),
}

/// A page of zeros.
pub(crate) fn zeros() -> Box<Words> {
    Box::new([0; WORDS])
}

impl Content {
    fn words(&self) -> &Words {
        match self {
            Self::Exact(words) | Self::Fading(words) | Self::Either(words) => words,
        }
    }

    fn into_words(self) -> Box<Words> {
        match self {
            Self::Exact(words) | Self::Fading(words) | Self::Either(words) => words,
        }
    }

    fn take(&mut self) -> Box<Words> {
        std::mem::replace(self, Self::Exact(zeros())).into_words()
    }

    /// Takes what was read, if it may have been there.
    ///
    /// # Errors
    /// The first word that cannot be: its place, what it is, and what it should be.
    pub(crate) fn accept(&mut self, seen: &Words) -> Result<(), (usize, u64, u64)> {
        if seen == self.words() {
            if let Self::Either(words) = self {
                *self = Self::Exact(std::mem::replace(words, zeros()));
            }
            return Ok(());
        }
        if !matches!(self, Self::Exact(_)) && seen.iter().all(|word| *word == 0) {
            *self = Self::Exact(zeros());
            return Ok(());
        }
        let both = seen.iter().zip(self.words()).enumerate();
        let mut wrong = both.filter(|(_, (seen, kept))| seen != kept);
        let (place, (seen, kept)) = wrong.next().expect("they are different");
        Err((place, *seen, *kept))
    }

    /// A word was written, and the page read after it: what is there now stays.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub(crate) fn wrote(
        &mut self,
        place: usize,
        word: u64,
        seen: &Words,
    ) -> Result<(), (usize, u64, u64)> {
        let may_be_zeros = !matches!(self, Self::Exact(_));
        let mut words = self.take();
        words[place] = word;
        if may_be_zeros && seen != &*words {
            words = zeros();
            words[place] = word;
        }
        *self = Self::Exact(words);
        self.accept(seen)
    }

    /// From now on the contents may be thrown away.
    pub(crate) fn fade(&mut self) {
        *self = Self::Fading(self.take());
    }

    /// From now on the contents stay as they are, if they still are.
    pub(crate) fn settle(&mut self) {
        if let Self::Fading(_) = self {
            self.doubt();
        }
    }

    /// Some of a range was lost, perhaps this.
    pub(crate) fn doubt(&mut self) {
        if !matches!(self, Self::Exact(_)) {
            *self = Self::Either(self.take());
        }
    }
}

/// A page of a region.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Its protection; `None` where it is only reserved.
    pub(crate) protection: Option<Protection>,
    /// Whether it is offered.
    pub(crate) offered: bool,
    pub(crate) content: Content,
}

impl Page {
    pub(crate) fn new(protection: Option<Protection>) -> Self {
        Self { protection, offered: false, content: Content::Exact(zeros()) }
    }

    /// What an access raises, if anything.
    pub(crate) fn raises(&self, address: u64, access: Access) -> Option<Exception> {
        match self.protection {
            Some(protection) if !self.offered && protection.is_guard() => {
                Some(Exception::GuardPage { address, access })
            }
            Some(protection) if !self.offered && protection.allows(access) => None,
            _ => Some(Exception::AccessViolation { address, access }),
        }
    }

    /// What was in an access' way is gone: a guard by itself, all else by who handles violations.
    pub(crate) fn mend(&mut self, raised: Exception) {
        if let Exception::GuardPage { .. } = raised {
            self.protection = self.protection.map(Protection::without_guard);
        } else if self.offered {
            self.offered = false;
            // Whether anything is lost, only the handler was told.
            self.content.doubt();
        } else {
            self.protection = Some(Protection::READ_WRITE);
        }
    }

    /// Whether it can be locked.
    pub(crate) fn can_be_locked(&self) -> bool {
        self.raises(0, Access::Read).is_none()
    }
}

/// A region.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    /// The address of its first page.
    pub(crate) base: u64,
    pub(crate) pages: Vec<Page>,
    /// Pages written since they were allocated or reset, where that is watched.
    pub(crate) watch: Option<BTreeSet<usize>>,
}

impl Region {
    /// The address of a page.
    pub(crate) fn address(&self, page: usize) -> u64 {
        self.base + page as u64 * PAGE
    }

    /// Whether all of a range is committed.
    pub(crate) fn is_committed(&self, range: &Range<usize>) -> bool {
        self.pages[range.clone()].iter().all(|page| page.protection.is_some())
    }

    /// A page was written.
    pub(crate) fn note_write(&mut self, page: usize) {
        if let Some(watch) = &mut self.watch {
            watch.insert(page);
        }
    }

    /// Pages that are committed.
    pub(crate) fn charged(&self) -> u64 {
        self.pages.iter().filter(|page| page.protection.is_some()).count() as u64
    }
}
