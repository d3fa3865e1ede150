//! Stack distances: how many pages were used since a page was last used.

use std::collections::HashMap;

use memtide_core::page::Vpn;
use rustc_hash::FxBuildHasher;

use super::marks::Marks;
use crate::reference::Reference;

/// Places on the line of time for each page: a fourth stays used when it is drawn anew, so that
/// this costs a reference a third of what it costs a page.
const PLACES_EACH: usize = 4;

/// The least places on the line of time.
const PLACES_LEAST: usize = 1 << 12;

/// References looked up together: the processor fetches what a look-up misses while it goes on
/// with the next one, as long as nothing else comes between.
const BATCH: usize = 256;

/// When a page was last used.
#[derive(Clone, Copy, Debug)]
enum LastUse {
    /// Not at all; it is used at this place of the line now.
    Never { now: usize },
    /// In the reference before.
    JustNow,
    /// At a place of the line.
    At { last: usize, now: usize },
}

/// The stack distance of each reference, in one pass.
///
/// The distance is the number of different pages used from the last use of this page on, itself
/// counted: 1 where the same page was used just before. Under LRU a memory of `c` pages still has
/// the page exactly where the distance is at most `c`.
///
/// Each page has a mark on a line of time, at its last use; the distance is the number of marks
/// from there on (Bennett and Kruskal, "LRU stack processing", 1975). When the line is full the
/// marks move together, in their order, so that memory goes by pages and not by references.
#[derive(Clone, Debug)]
pub struct StackDistances {
    /// Where on the line the last use of each page is.
    last_uses: HashMap<Vpn, usize, FxBuildHasher>,
    marks: Marks,
    now: usize,
    latest: Option<Vpn>,
    /// The last uses of a batch.
    batch: Vec<LastUse>,
}

impl Default for StackDistances {
    fn default() -> Self {
        Self {
            last_uses: HashMap::default(),
            marks: Marks::new(PLACES_LEAST, 0),
            now: 0,
            latest: None,
            batch: Vec::with_capacity(BATCH),
        }
    }
}

impl StackDistances {
    /// Makes references, and tells the stack distance of each in their order, or `None` where it
    /// is the first one of its page.
    pub fn extend(&mut self, references: &[Reference], mut tell: impl FnMut(Option<usize>)) {
        for references in references.chunks(BATCH) {
            if self.now + BATCH > self.marks.places() {
                self.draw_anew();
            }
            let mut pages = self.last_uses.len();
            self.look_up(references);
            for last_use in &self.batch {
                tell(match *last_use {
                    LastUse::JustNow => Some(1),
                    LastUse::Never { now } => {
                        self.marks.set(now);
                        pages += 1;
                        None
                    }
                    LastUse::At { last, now } => {
                        let distance = pages - self.marks.before(last);
                        self.marks.clear(last);
                        self.marks.set(now);
                        Some(distance)
                    }
                });
            }
        }
    }

    /// Looks up when the page of each reference was last used, and notes that it is used now.
    fn look_up(&mut self, references: &[Reference]) {
        self.batch.clear();
        for reference in references {
            let page = reference.page();
            if self.latest == Some(page) {
                self.batch.push(LastUse::JustNow);
                continue;
            }
            self.latest = Some(page);
            let now = self.now;
            self.now += 1;
            self.batch.push(match self.last_uses.insert(page, now) {
                Some(last) => LastUse::At { last, now },
                None => LastUse::Never { now },
            });
        }
    }

    /// Moves the marks to the beginning of a line that has room again.
    fn draw_anew(&mut self) {
        for last_use in self.last_uses.values_mut() {
            *last_use = self.marks.before(*last_use);
        }
        let pages = self.last_uses.len();
        let places = (pages * PLACES_EACH).next_power_of_two().max(PLACES_LEAST);
        self.marks = Marks::new(places, pages);
        self.now = pages;
    }
}
