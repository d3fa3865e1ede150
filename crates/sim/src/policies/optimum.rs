//! The optimum: what nothing can beat that does not know the future.

use std::collections::BinaryHeap;

/// The next use of a page that is never used again.
pub const NEVER: u32 = u32::MAX;

/// Evicts the page whose next reference lies furthest ahead (Belady 1966, MIN; Mattson et al. 1970
/// prove it the best). Every page that is referenced comes in, as a page of memory must.
#[derive(Clone, Debug)]
pub struct Optimum {
    capacity: usize,
    resident: Vec<bool>,
    residents: usize,
    /// Resident pages by their next use. What a reference has made void lies in the past, below
    /// every entry that counts, so that the top one always counts.
    next: BinaryHeap<(u32, u32)>,
    now: u32,
}

impl Optimum {
    /// An empty cache of so many pages, at least 1.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        let capacity = capacity as usize;
        let next = BinaryHeap::new();
        Self { capacity, resident: Vec::new(), residents: 0, next, now: 0 }
    }

    /// Makes the next reference, to a page that is referenced next as the so manyth reference of
    /// all, counting from 0, or [`NEVER`]; whether the page was in the cache.
    pub fn reference(&mut self, page: u32, next_use: u32) -> bool {
        let number = page as usize;
        if self.resident.len() <= number {
            self.resident.resize(number + 1, false);
        }
        let is_hit = self.resident[number];
        if !is_hit {
            if self.residents == self.capacity {
                self.evict();
            }
            self.resident[number] = true;
            self.residents += 1;
        }
        self.next.push((next_use, page));
        // Void entries never leave by the top; half of all may be void.
        if self.next.len() > 2 * self.capacity + 64 {
            let now = self.now;
            self.next.retain(|(next_use, _)| *next_use > now);
        }
        self.now += 1;
        is_hit
    }

    fn evict(&mut self) {
        if let Some((_, page)) = self.next.pop() {
            self.resident[page as usize] = false;
            self.residents -= 1;
        }
    }
}

/// For each reference, which one references the same page next, or [`NEVER`].
///
/// # Panics
/// At 2^32 - 1 references or more.
#[must_use]
pub fn next_uses(pages: &[u32]) -> Vec<u32> {
    let mut next_of_page = Vec::new();
    let mut next_uses = vec![NEVER; pages.len()];
    for (number, page) in pages.iter().enumerate().rev() {
        let page = *page as usize;
        if next_of_page.len() <= page {
            next_of_page.resize(page + 1, NEVER);
        }
        let number_narrow = u32::try_from(number).expect("fewer than 2^32 - 1 references");
        next_uses[number] = std::mem::replace(&mut next_of_page[page], number_narrow);
    }
    next_uses
}
