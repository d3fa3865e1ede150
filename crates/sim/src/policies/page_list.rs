//! A list of pages, by their numbers, from which any can be taken.

/// No page.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    newer: u32,
    older: u32,
    is_linked: bool,
}

const FREE: Link = Link { newer: NONE, older: NONE, is_linked: false };

/// A list of pages from the newest to the oldest.
#[derive(Clone, Debug)]
pub(super) struct PageList {
    links: Vec<Link>,
    newest: u32,
    oldest: u32,
    len: usize,
}

const fn index(page: u32) -> usize {
    page as usize
}

impl PageList {
    pub(super) const fn new() -> Self {
        Self { links: Vec::new(), newest: NONE, oldest: NONE, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, page: u32) -> bool {
        self.links.get(index(page)).is_some_and(|link| link.is_linked)
    }

    /// Puts a page that is not on the list at its newest end.
    pub(super) fn push(&mut self, page: u32) {
        if self.links.len() <= index(page) {
            self.links.resize(index(page) + 1, FREE);
        }
        let older = std::mem::replace(&mut self.newest, page);
        self.links[index(page)] = Link { newer: NONE, older, is_linked: true };
        match older {
            NONE => self.oldest = page,
            older => self.links[index(older)].newer = page,
        }
        self.len += 1;
    }

    /// Takes a page from wherever it is; whether it was there.
    pub(super) fn remove(&mut self, page: u32) -> bool {
        if !self.contains(page) {
            return false;
        }
        let Link { newer, older, .. } = std::mem::replace(&mut self.links[index(page)], FREE);
        match newer {
            NONE => self.newest = older,
            newer => self.links[index(newer)].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.links[index(older)].newer = newer,
        }
        self.len -= 1;
        true
    }

    /// Takes the oldest page.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let oldest = self.oldest;
        self.remove(oldest).then_some(oldest)
    }
}
