//! Policies side by side on the same references.

use super::numbering::{Numbering, TooMany};
use super::optimum::{Optimum, next_uses};
use super::{Clock, Lru, PageCache, PolicyName, S3Fifo};
use crate::reference::Reference;

/// References between two looks at how far it has come.
const CHUNK: usize = 1 << 15;

/// How often a policy misses with so much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which policy.
    pub policy: PolicyName,
    /// The memory, in pages.
    pub memory: u32,
    /// References in all.
    pub references: u64,
    /// References to a page that was not in memory: first touches and faults that read.
    pub misses: u64,
}

impl Outcome {
    /// Misses over references, 0 to 1; 0 where there are no references.
    #[must_use]
    pub fn miss_ratio(&self) -> f64 {
        self.misses as f64 / self.references.max(1) as f64
    }
}

/// The reference policies on one series of references, for several sizes of memory at once.
///
/// Each cache has room for all pages seen so far, some ten bytes each; with the optimum among them
/// the references themselves are kept, and take eight bytes each in the end.
pub struct Comparison {
    numbering: Numbering,
    references: u64,
    caches: Vec<Running>,
    optima: Vec<u32>,
    /// The pages referenced, where the optimum needs them.
    pages: Vec<u32>,
}

struct Running {
    policy: PolicyName,
    memory: u32,
    cache: Box<dyn PageCache>,
    misses: u64,
}

impl Comparison {
    /// A comparison of policies with memories of so many pages, at least 1 each. The memory
    /// manager itself is none of them: [`memtide`](super::memtide) runs it.
    #[must_use]
    pub fn new(policies: &[PolicyName], memories: &[u32]) -> Self {
        let mut comparison = Self {
            numbering: Numbering::default(),
            references: 0,
            caches: Vec::new(),
            optima: Vec::new(),
            pages: Vec::new(),
        };
        for memory in memories.iter().copied() {
            for policy in policies.iter().copied() {
                let cache: Box<dyn PageCache> = match policy {
                    PolicyName::Lru => Box::new(Lru::new(memory)),
                    PolicyName::Clock => Box::new(Clock::new(memory)),
                    PolicyName::S3Fifo => Box::new(S3Fifo::new(memory)),
                    PolicyName::Optimum => {
                        comparison.optima.push(memory);
                        continue;
                    }
                    PolicyName::Memtide | PolicyName::MemtideReadingAhead => continue,
                };
                comparison.caches.push(Running { policy, memory, cache, misses: 0 });
            }
        }
        comparison
    }

    /// Makes references.
    ///
    /// # Errors
    /// [`TooMany`] pages, or, with the optimum, references.
    pub fn extend(&mut self, references: &[Reference]) -> Result<(), TooMany> {
        let begin = if self.optima.is_empty() { 0 } else { self.pages.len() };
        self.pages.truncate(begin);
        for reference in references {
            self.pages.push(self.numbering.number(reference.page())?);
        }
        self.references += references.len() as u64;
        if !self.optima.is_empty() && self.references > u64::from(TooMany::MOST) {
            return Err(TooMany { what: "references" });
        }
        // One cache after the other, so that each finds what it knows in the processor's caches.
        for running in &mut self.caches {
            for page in &self.pages[begin..] {
                running.misses += u64::from(!running.cache.reference(*page));
            }
        }
        Ok(())
    }

    /// How many different pages were referenced.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.numbering.pages()
    }

    /// How many references there were.
    #[must_use]
    pub const fn references(&self) -> u64 {
        self.references
    }

    /// References that [`finish`](Self::finish) makes: the optimum's, for each memory.
    #[must_use]
    pub const fn references_left(&self) -> u64 {
        self.references * self.optima.len() as u64
    }

    /// How often each policy missed with each memory; `tell` is called often with the references
    /// made of those [left](Self::references_left).
    #[must_use]
    pub fn finish(self, tell: &mut dyn FnMut(u64)) -> Vec<Outcome> {
        let references = self.references;
        let online = self.caches.into_iter().map(|running| {
            let Running { policy, memory, misses, .. } = running;
            Outcome { policy, memory, references, misses }
        });
        let mut outcomes: Vec<Outcome> = online.collect();
        if self.optima.is_empty() {
            return outcomes;
        }
        let next_uses = next_uses(&self.pages);
        let mut made = 0;
        for memory in self.optima {
            let (mut optimum, mut misses) = (Optimum::new(memory), 0);
            for (pages, next_uses) in self.pages.chunks(CHUNK).zip(next_uses.chunks(CHUNK)) {
                let uses = pages.iter().zip(next_uses);
                misses += uses.filter(|(page, next)| !optimum.reference(**page, **next)).count();
                made += pages.len() as u64;
                tell(made);
            }
            let (policy, misses) = (PolicyName::Optimum, misses as u64);
            outcomes.push(Outcome { policy, memory, references, misses });
        }
        outcomes
    }
}
