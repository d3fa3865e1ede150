//! Least recently used.

use super::PageCache;
use super::page_list::PageList;

/// Evicts the page whose last reference lies furthest back.
#[derive(Clone, Debug)]
pub struct Lru {
    capacity: usize,
    pages: PageList,
}

impl Lru {
    /// An empty cache of so many pages, at least 1.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self { capacity: capacity as usize, pages: PageList::new() }
    }
}

impl PageCache for Lru {
    fn reference(&mut self, page: u32) -> bool {
        let is_hit = self.pages.remove(page);
        if self.pages.len() == self.capacity {
            self.pages.pop();
        }
        self.pages.push(page);
        is_hit
    }
}
