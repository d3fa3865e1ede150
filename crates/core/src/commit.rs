//! The commit charge: what has been promised to programs, and what there is to keep it with.
//!
//! Source: *Windows Internals*, "Commit charge and the system commit limit".
//!
//! # Invariants
//! - The charge equals the sum of all [`Charge`]s that exist.
//! - A charge is refused before anything is changed.

use crate::page::bytes;
use crate::refusal::Refusal;
use crate::units::Bytes;

/// A part of the commit charge, in pages. It is given back to [`Commit::release`], never dropped.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Charge(u64);

impl Charge {
    pub(crate) const NOTHING: Self = Self(0);

    pub(crate) const fn pages(&self) -> u64 {
        self.0
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    /// Takes a part of it out.
    pub(crate) fn split(&mut self, pages: u64) -> Self {
        assert!(pages <= self.0, "{pages} pages of a charge of {}", self.0);
        self.0 -= pages;
        Self(pages)
    }

    /// Takes all of it.
    pub(crate) const fn take(&mut self) -> Self {
        core::mem::replace(self, Self::NOTHING)
    }
}

/// The charge of the machine, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Commit {
    charged: u64,
    peak: u64,
    limit: u64,
    maximum: u64,
}

impl Commit {
    /// Pages promised.
    #[must_use]
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// The most pages that were ever promised at one time.
    #[must_use]
    pub const fn peak(&self) -> u64 {
        self.peak
    }

    /// The most pages that can be promised with the page files as they are.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// The most pages that can be promised once the page files are as large as they may be.
    #[must_use]
    pub const fn maximum(&self) -> u64 {
        self.maximum
    }

    pub(crate) const fn set_limits(&mut self, limit: u64, maximum: u64) {
        self.limit = limit;
        self.maximum = maximum;
    }

    pub(crate) fn charge(&mut self, pages: u64) -> Result<Charge, Refusal> {
        let after = self.charged.checked_add(pages).filter(|after| *after <= self.limit);
        let Some(after) = after.or((pages == 0).then_some(self.charged)) else {
            return Err(Refusal::CommitmentLimit {
                wanted: Bytes(bytes(pages)),
                charge: Bytes(bytes(self.charged)),
                limit: Bytes(bytes(self.limit)),
            });
        };
        self.charged = after;
        self.peak = self.peak.max(after);
        Ok(Charge(pages))
    }

    pub(crate) fn release(&mut self, charge: Charge) {
        self.charged -= charge.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_past_the_limit_changes_nothing() {
        let mut commit = Commit::default();
        commit.set_limits(10, 20);
        let mut charge = commit.charge(8).expect("within the limit");
        let refusal = commit.charge(3).expect_err("past the limit");
        assert_eq!(refusal.ntstatus(), 0xC000_012D);
        assert_eq!((commit.charged(), commit.peak()), (8, 8));
        let part = charge.split(5);
        commit.release(part);
        charge.merge(commit.charge(7).expect("within the limit"));
        assert_eq!((commit.charged(), commit.peak(), charge.pages()), (10, 10, 10));
        commit.release(charge);
        assert_eq!((commit.charged(), commit.peak()), (0, 10));
        assert!(commit.charge(u64::MAX).is_err());
    }
}
