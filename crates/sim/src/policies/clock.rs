//! Clock: second chance.

use super::PageCache;

/// Evicts the first page under a hand that goes round over which no reference was made since the
/// hand last passed (Corbató 1968). A page that was referenced but once, when it came in, gets no
/// second chance.
#[derive(Clone, Debug)]
pub struct Clock {
    capacity: usize,
    /// The pages, each with whether it was referenced since the hand passed.
    frames: Vec<Frame>,
    /// Where each page is, by its number.
    places: Vec<Option<u32>>,
    hand: usize,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    page: u32,
    is_referenced: bool,
}

impl Clock {
    /// An empty cache of so many pages, at least 1.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self { capacity: capacity as usize, frames: Vec::new(), places: Vec::new(), hand: 0 }
    }

    /// Gives a frame under the hand to another page.
    fn replace(&mut self, page: u32) -> usize {
        loop {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.capacity;
            let frame = &mut self.frames[at];
            if !frame.is_referenced {
                self.places[frame.page as usize] = None;
                *frame = Frame { page, is_referenced: false };
                return at;
            }
            frame.is_referenced = false;
        }
    }
}

impl PageCache for Clock {
    fn reference(&mut self, page: u32) -> bool {
        let number = page as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, None);
        }
        if let Some(place) = self.places[number] {
            self.frames[place as usize].is_referenced = true;
            return true;
        }
        let place = if self.frames.len() < self.capacity {
            self.frames.push(Frame { page, is_referenced: false });
            self.frames.len() - 1
        } else {
            self.replace(page)
        };
        self.places[number] = u32::try_from(place).ok();
        false
    }
}
