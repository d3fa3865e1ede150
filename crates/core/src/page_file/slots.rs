//! Which slots of a page file are free.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use summary::Summary;

#[path = "slots_summary.rs"]
mod summary;

/// How many slots a cluster holds: 256 KiB of the file, one word of the map.
pub(crate) const CLUSTER: u32 = u64::BITS;

/// How many partly free clusters a request looks at when no wholly free one is left.
///
/// A badly fragmented file must not make a request slow.
const PARTIAL_CLUSTERS_TRIED: u32 = 8;

/// Neighbouring slots of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRun {
    /// The first slot, in slots of 4 KiB from the start of the file.
    pub(crate) first: u32,
    /// How many slots.
    pub(crate) count: u32,
}

/// The slots of one page file: free, used or bad.
///
/// Work of a request: bounded, whatever the size of the file; only [`Slots::new`] and
/// [`Slots::grow`] allocate memory.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Slots {
    size: u32,
    free: u32,
    bad_count: u32,
    /// A word per cluster, a bit per slot that cannot be handed out: used, bad or past the end.
    /// A new file is all zeros, which the host gives without touching the memory.
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::sparse"))]
    taken: Vec<u64>,
    /// Of the taken slots, those on which the disk failed.
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::sparse"))]
    bad: Vec<u64>,
    wholly_free: Summary,
    partly_free: Summary,
    /// Where the last run ended: the next one lies behind it, so that the disk moves forward.
    cursor: u32,
}

impl Slots {
    /// A file of so many slots of 4 KiB, all free.
    #[must_use]
    pub(crate) fn new(size: u32) -> Self {
        let clusters = size.div_ceil(CLUSTER) as usize;
        let mut slots = Self {
            size: 0,
            free: 0,
            bad_count: 0,
            taken: vec![0; clusters],
            bad: vec![0; clusters],
            wholly_free: Summary::default(),
            partly_free: Summary::default(),
            cursor: 0,
        };
        slots.grow(size);
        slots
    }

    /// How many slots the file has.
    #[must_use]
    pub(crate) const fn size(&self) -> u32 {
        self.size
    }

    /// How many slots are free.
    #[must_use]
    pub(crate) const fn free(&self) -> u32 {
        self.free
    }

    /// How many slots are used.
    #[must_use]
    pub(crate) const fn used(&self) -> u32 {
        self.size - self.free - self.bad_count
    }

    /// How many slots are bad.
    #[must_use]
    pub(crate) const fn bad(&self) -> u32 {
        self.bad_count
    }

    /// Whether this slot is used; a slot past the end is not.
    #[must_use]
    pub(crate) fn is_used(&self, slot: u32) -> bool {
        let (cluster, bit) = position(slot);
        slot < self.size && self.taken[cluster] & !self.bad[cluster] & bit != 0
    }

    /// Makes room for so many slots, so that growing to them allocates nothing.
    pub(crate) fn reserve(&mut self, most: u32) {
        let clusters = most.div_ceil(CLUSTER);
        for words in [&mut self.taken, &mut self.bad] {
            words.reserve((clusters as usize).saturating_sub(words.len()));
        }
        self.wholly_free.reserve(clusters);
        self.partly_free.reserve(clusters);
    }

    /// Makes the file so many slots large; the new slots are free.
    ///
    /// # Panics
    /// When that is smaller than the file is.
    pub(crate) fn grow(&mut self, size: u32) {
        assert!(size >= self.size, "a page file of {} slots cannot shrink to {size}", self.size);
        let clusters = size.div_ceil(CLUSTER);
        let edge = position(self.size);
        self.taken.resize(clusters as usize, 0);
        self.bad.resize(clusters as usize, 0);
        self.wholly_free.grow(clusters, true);
        self.partly_free.grow(clusters, false);
        // What was past the end of the last cluster is inside it now.
        if !self.size.is_multiple_of(CLUSTER) {
            self.taken[edge.0] &= edge.1 - 1;
            self.summarize(self.size / CLUSTER);
        }
        if !size.is_multiple_of(CLUSTER) {
            let (cluster, bit) = position(size);
            self.taken[cluster] |= !(bit - 1);
            self.summarize(size / CLUSTER);
        }
        self.free += size - self.size;
        self.size = size;
    }

    /// Takes up to `wanted` neighbouring slots of one cluster; `None` when nothing is free.
    ///
    /// It takes fewer only when no cluster is wholly free.
    ///
    /// # Panics
    /// When `wanted` is not within 1 and [`CLUSTER`].
    pub(crate) fn allocate(&mut self, wanted: u32) -> Option<SlotRun> {
        assert!((1..=CLUSTER).contains(&wanted), "a run of {wanted} slots is not within a cluster");
        let run = self
            .behind_the_last(wanted)
            .or_else(|| self.in_a_wholly_free_cluster(wanted))
            .or_else(|| self.in_a_partly_free_cluster(wanted))?;
        let (cluster, _) = position(run.first);
        self.taken[cluster] |= ones(run.count) << (run.first % CLUSTER);
        self.free -= run.count;
        self.cursor = run.first + run.count;
        self.summarize(run.first / CLUSTER);
        Some(run)
    }

    /// Makes a used slot free.
    ///
    /// # Panics
    /// When the slot is not used.
    pub(crate) fn release(&mut self, slot: u32) {
        assert!(self.is_used(slot), "slot {slot} of {} was released but not used", self.size);
        let (cluster, bit) = position(slot);
        self.taken[cluster] &= !bit;
        self.free += 1;
        self.summarize(slot / CLUSTER);
    }

    /// Makes a used slot bad: the disk failed there, so it is never handed out again.
    ///
    /// # Panics
    /// When the slot is not used.
    pub(crate) fn retire(&mut self, slot: u32) {
        assert!(self.is_used(slot), "slot {slot} of {} was retired but not used", self.size);
        let (cluster, bit) = position(slot);
        self.bad[cluster] |= bit;
        self.bad_count += 1;
    }

    /// Checks that the counts and the summaries agree with the map.
    ///
    /// # Errors
    /// What does not agree, with its values.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let clusters = self.size.div_ceil(CLUSTER);
        let (mut free, mut bad) = (0, 0);
        for (cluster, (taken, cluster_bad)) in (0..).zip(self.taken.iter().zip(&self.bad)) {
            let inside = ones((self.size - cluster * CLUSTER).min(CLUSTER));
            if !taken & !inside != 0 || cluster_bad & !(taken & inside) != 0 {
                return Err(format!(
                    "cluster {cluster} with slots {inside:#x} has {taken:#x} taken, \
                     of which {cluster_bad:#x} are bad"
                ));
            }
            let summaries = (self.wholly_free.holds(cluster), self.partly_free.holds(cluster));
            if summaries != (*taken == 0, *taken != 0 && *taken != u64::MAX) {
                return Err(format!(
                    "cluster {cluster} with {taken:#x} taken is summarized as {summaries:?}"
                ));
            }
            free += taken.count_zeros();
            bad += cluster_bad.count_ones();
        }
        let lengths = (self.taken.len(), self.bad.len());
        if lengths != (clusters as usize, clusters as usize) {
            return Err(format!("{} slots have maps of {lengths:?} clusters", self.size));
        }
        if (free, bad) != (self.free, self.bad_count) {
            let counted = (self.free, self.bad_count);
            return Err(format!("({free}, {bad}) slots are free and bad, counted {counted:?}"));
        }
        self.wholly_free.verify(clusters)?;
        self.partly_free.verify(clusters)
    }

    fn behind_the_last(&self, wanted: u32) -> Option<SlotRun> {
        let filled = self.cursor % CLUSTER;
        let (cluster, _) = position(self.cursor);
        let fits = filled != 0 && wanted <= CLUSTER - filled && self.taken[cluster] >> filled == 0;
        fits.then_some(SlotRun { first: self.cursor, count: wanted })
    }

    fn in_a_wholly_free_cluster(&self, wanted: u32) -> Option<SlotRun> {
        let cluster = self.wholly_free.next_around(self.cursor.div_ceil(CLUSTER))?;
        Some(SlotRun { first: cluster * CLUSTER, count: wanted })
    }

    fn in_a_partly_free_cluster(&self, wanted: u32) -> Option<SlotRun> {
        let nearest = self.partly_free.next_around(self.cursor / CLUSTER)?;
        let mut best = self.longest_run(nearest, wanted);
        let mut cluster = nearest;
        for _ in 1..PARTIAL_CLUSTERS_TRIED {
            cluster = self.partly_free.next_around(cluster + 1)?;
            if best.count == wanted || cluster == nearest {
                break;
            }
            let run = self.longest_run(cluster, wanted);
            if run.count > best.count {
                best = run;
            }
        }
        Some(best)
    }

    /// The first free run of `wanted` slots in the cluster, or its longest.
    fn longest_run(&self, cluster: u32, wanted: u32) -> SlotRun {
        let mut free = !self.taken[cluster as usize];
        let mut longest = SlotRun { first: cluster * CLUSTER, count: 0 };
        while free != 0 && longest.count < wanted {
            let start = free.trailing_zeros();
            let length = (free >> start).trailing_ones();
            if length > longest.count {
                longest = SlotRun { first: cluster * CLUSTER + start, count: length.min(wanted) };
            }
            free &= !(ones(length) << start);
        }
        longest
    }

    fn summarize(&mut self, cluster: u32) {
        let taken = self.taken[cluster as usize];
        self.wholly_free.put(cluster, taken == 0);
        self.partly_free.put(cluster, taken != 0 && taken != u64::MAX);
    }
}

/// The word of a slot and its bit in the word.
const fn position(slot: u32) -> (usize, u64) {
    ((slot / CLUSTER) as usize, 1 << (slot % CLUSTER))
}

/// So many low bits, 1 to 64.
const fn ones(count: u32) -> u64 {
    u64::MAX >> (u64::BITS - count)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
