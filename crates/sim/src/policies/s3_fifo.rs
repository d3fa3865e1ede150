//! S3-FIFO: three queues, first in, first out.

use super::PageCache;
use super::page_list::PageList;

/// The small queue's share of the cache.
const SMALL_SHARE: u32 = 10;

/// References are counted up to this.
const FREQUENCY_MAX: u8 = 3;

/// More references than this while in the small queue move a page to the main one.
const FREQUENCY_SMALL: u8 = 1;

/// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
///
/// New pages enter a small queue of a tenth of the cache. At its end those referenced twice or
/// more since move to the main queue; the others leave, and a ghost queue remembers as many of
/// them as the main queue holds. Whoever comes back while remembered enters the main queue, at the
/// end of which a page goes round once for each reference counted, at most three.
///
/// As in libCacheSim, by the same authors, what comes before anything had to leave enters the main
/// queue once the small one has its share: misses are the same to the last one.
#[derive(Clone, Debug)]
pub struct S3Fifo {
    capacity: usize,
    small_target: usize,
    small: PageList,
    main: PageList,
    ghost: PageList,
    has_evicted: bool,
    /// References counted, by the page's number.
    frequencies: Vec<u8>,
}

impl S3Fifo {
    /// An empty cache of so many pages, at least 1.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self {
            capacity: capacity as usize,
            small_target: (capacity / SMALL_SHARE) as usize,
            small: PageList::new(),
            main: PageList::new(),
            ghost: PageList::new(),
            has_evicted: false,
            frequencies: Vec::new(),
        }
    }

    fn evict(&mut self) {
        if self.small.len() > 0 && self.small.len() >= self.small_target {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    /// Evicts one page of the small queue, unless all that are left move to the main queue.
    fn evict_small(&mut self) {
        while let Some(page) = self.small.pop() {
            let frequency = std::mem::replace(&mut self.frequencies[page as usize], 0);
            if frequency <= FREQUENCY_SMALL {
                self.remember(page);
                return;
            }
            self.main.push(page);
        }
    }

    fn evict_main(&mut self) {
        while let Some(page) = self.main.pop() {
            match &mut self.frequencies[page as usize] {
                0 => return,
                frequency => *frequency -= 1,
            }
            self.main.push(page);
        }
    }

    fn remember(&mut self, page: u32) {
        if self.ghost.len() > 0 && self.ghost.len() >= self.capacity - self.small_target {
            self.ghost.pop();
        }
        self.ghost.push(page);
    }
}

impl PageCache for S3Fifo {
    fn reference(&mut self, page: u32) -> bool {
        if self.frequencies.len() <= page as usize {
            self.frequencies.resize(page as usize + 1, 0);
        }
        if self.small.contains(page) || self.main.contains(page) {
            let frequency = &mut self.frequencies[page as usize];
            *frequency = (*frequency + 1).min(FREQUENCY_MAX);
            return true;
        }
        let is_remembered = self.ghost.remove(page);
        while self.small.len() + self.main.len() >= self.capacity {
            self.evict();
            self.has_evicted = true;
        }
        let is_filling = !self.has_evicted && self.small.len() >= self.small_target;
        let queue = if is_remembered || is_filling { &mut self.main } else { &mut self.small };
        queue.push(page);
        self.frequencies[page as usize] = 0;
        false
    }
}
