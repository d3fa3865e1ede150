//! The frames of the store, and the lists that they are in.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The end of a chain of slabs or rows.
pub(super) const NONE: u32 = u32::MAX;

/// One frame of the store.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Slab {
    pub(super) frame: u32,
    pub(super) class: u32,
    /// Which row of its class holds its entries.
    pub(super) row: u32,
    /// A bit per place that is taken.
    pub(super) used: u32,
    pub(super) links: [Link; 2],
}

/// The lists that a slab can be in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    /// All slabs, in the order in which their frames were added.
    Age,
    /// The slabs of a class that have room.
    Room,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Link {
    pub(super) previous: u32,
    pub(super) next: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { previous: NONE, next: NONE }
    }
}

/// A list of slabs, linked through the slabs.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl List {
    pub(super) fn push_last(&mut self, slabs: &mut [Slab], chain: Chain, index: u32) {
        let chain = chain as usize;
        slabs[index as usize].links[chain] = Link { previous: self.last, next: NONE };
        match slabs.get_mut(self.last as usize) {
            Some(last) => last.links[chain].next = index,
            None => self.first = index,
        }
        self.last = index;
    }

    pub(super) fn remove(&mut self, slabs: &mut [Slab], chain: Chain, index: u32) {
        let chain = chain as usize;
        let Link { previous, next } = slabs[index as usize].links[chain];
        match slabs.get_mut(previous as usize) {
            Some(slab) => slab.links[chain].next = next,
            None => self.first = next,
        }
        match slabs.get_mut(next as usize) {
            Some(slab) => slab.links[chain].previous = previous,
            None => self.last = previous,
        }
    }

    pub(super) fn walk(&self, slabs: &[Slab], chain: Chain) -> Result<Vec<u32>, String> {
        let mut walked = Vec::new();
        let (mut previous, mut index) = (NONE, self.first);
        while let Some(slab) = slabs.get(index as usize) {
            let link = slab.links[chain as usize];
            if link.previous != previous || walked.len() == slabs.len() {
                return Err(format!("after {previous} slab {index} is linked as {link:?}"));
            }
            walked.push(index);
            (previous, index) = (index, link.next);
        }
        if (previous, index) != (self.last, NONE) {
            return Err(format!("a list ends with {previous} and {index}, not {}", self.last));
        }
        Ok(walked)
    }
}
