//! Numbers for pages.

use std::collections::HashMap;

use memtide_core::page::Vpn;
use rustc_hash::FxBuildHasher;

/// Gives pages numbers from 0 in the order of their first references.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    numbers: HashMap<Vpn, u32, FxBuildHasher>,
}

/// Too many pages, or references, to be counted in 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {most} {what}: policies cannot be compared on so many", most = Self::MOST)]
pub struct TooMany {
    /// Of what.
    pub(super) what: &'static str,
}

impl TooMany {
    /// As many numbers as there are; one more stands for none.
    pub(super) const MOST: u32 = u32::MAX - 1;
}

impl Numbering {
    /// The number of a page.
    ///
    /// # Errors
    /// [`TooMany`] beyond 2^32 - 2 pages.
    pub fn number(&mut self, page: Vpn) -> Result<u32, TooMany> {
        let next = u32::try_from(self.numbers.len()).unwrap_or(TooMany::MOST);
        let number = *self.numbers.entry(page).or_insert(next);
        if number < TooMany::MOST { Ok(number) } else { Err(TooMany { what: "pages" }) }
    }

    /// How many pages have a number.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.numbers.len() as u64
    }
}
