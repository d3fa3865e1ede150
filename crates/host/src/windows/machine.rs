//! This machine, as Windows counts it.

use super::native::memory::{global_memory_status, performance_info};
use super::{memory_lists, page_files};
use crate::{Commit, CommitRule, Error, Pool, Pools, Sample, Scope, Stall};
use memtide_core::conditions::{Bound, Levels, Sizes};
use memtide_core::units::Bytes;
use windows_sys::Win32::System::ProcessStatus::PERFORMANCE_INFORMATION;

/// This machine as a whole: Windows keeps nothing open to be read.
#[derive(Debug)]
pub struct Machine {
    _private: (),
}

impl Machine {
    /// Opens this machine.
    ///
    /// # Errors
    /// [`Error::NotACgroup`] for a cgroup, which only Linux has.
    pub fn open(scope: &Scope) -> Result<Self, Error> {
        match scope {
            Scope::Auto | Scope::Machine => Ok(Self { _private: () }),
            Scope::Cgroup(path) => {
                Err(Error::NotACgroup { path: path.clone(), needs: "a cgroup's files: only Linux" })
            }
        }
    }

    /// The levels the conditions are judged by, and the sizes their thresholds are a share of.
    ///
    /// # Errors
    /// Where Windows does not tell how much memory there is.
    pub fn levels(&mut self) -> Result<(Levels, Sizes, Option<Stall>), Error> {
        let status = global_memory_status().map_err(|e| Error::call("GlobalMemoryStatusEx", e))?;
        // What only this call tells is unknown without it.
        let commit = performance_info().map(|information| commit(&information)).unwrap_or_default();
        let commit = with_maximum(commit, page_files::growth());
        let levels = Levels {
            available: Some(Bytes(status.ullAvailPhys)),
            bound: Bound::PhysicalMemory,
            stall: None,
            paged_pool_free: None,
            nonpaged_pool_free: None,
            commit_charge: commit.charge,
            commit_limit: commit.limit,
            commit_maximum: commit.maximum,
        };
        let sizes = Sizes { physical: Bytes(status.ullTotalPhys), ..Sizes::default() };
        Ok((levels, sizes, None))
    }

    /// One look at everything.
    ///
    /// # Errors
    /// As [`Machine::levels`].
    pub fn sample(&mut self) -> Result<Sample, Error> {
        let (levels, sizes, stall) = self.levels()?;
        let information = performance_info().ok();
        let pools = information.as_ref().map(pools).unwrap_or_default();
        Ok(Sample {
            lists: memory_lists::lists(sizes.physical, pools.nonpaged.used),
            levels,
            sizes,
            pools,
            commit: Commit {
                maximum: levels.commit_maximum,
                ..information.as_ref().map(commit).unwrap_or_default()
            },
            container: None,
            stall,
        })
    }
}

/// Pages in bytes; `None` for none, where no machine that runs has none.
fn never_none(pages: usize, information: &PERFORMANCE_INFORMATION) -> Option<Bytes> {
    let bytes = (pages as u64).saturating_mul(information.PageSize as u64);
    (bytes > 0).then_some(Bytes(bytes))
}

/// The commit charge. A peak below the charge was not counted.
fn commit(information: &PERFORMANCE_INFORMATION) -> Commit {
    let bytes = |pages| never_none(pages, information);
    let charge = bytes(information.CommitTotal);
    Commit {
        charge,
        limit: bytes(information.CommitLimit),
        maximum: None,
        peak: bytes(information.CommitPeak).filter(|peak| Some(*peak) >= charge),
        rule: Some(CommitRule::Strict),
    }
}

/// The limit grows by what the page files do.
fn with_maximum(commit: Commit, growth: Option<Bytes>) -> Commit {
    let grown = commit.limit.zip(growth);
    Commit { maximum: grown.map(|(limit, growth)| limit.saturating_add(growth)), ..commit }
}

/// The pools. Windows tells no program how much they may hold.
fn pools(information: &PERFORMANCE_INFORMATION) -> Pools {
    let pool = |pages| Pool { used: never_none(pages, information), limit: None, free: None };
    Pools { paged: pool(information.KernelPaged), nonpaged: pool(information.KernelNonpaged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn information() -> PERFORMANCE_INFORMATION {
        PERFORMANCE_INFORMATION {
            PageSize: 4096,
            CommitTotal: 100,
            CommitLimit: 1000,
            CommitPeak: 200,
            KernelPaged: 30,
            KernelNonpaged: 20,
            ..PERFORMANCE_INFORMATION::default()
        }
    }

    #[test]
    fn pages_become_bytes() {
        let commit = commit(&information());
        let pages = |count| Some(Bytes::from_pages(count));
        assert_eq!(
            (commit.charge, commit.limit, commit.peak),
            (pages(100), pages(1000), pages(200))
        );
        let grown = with_maximum(commit, pages(500));
        assert_eq!((grown.maximum, grown.limit), (pages(1500), pages(1000)));
        assert_eq!(with_maximum(commit, None).maximum, None, "what isn't told is unknown");
        let pools = pools(&information());
        assert_eq!((pools.paged.used, pools.nonpaged.used), (pages(30), pages(20)));
    }

    #[test]
    fn what_was_not_counted_is_unknown_and_not_zero() {
        let hollow = PERFORMANCE_INFORMATION {
            CommitPeak: 0,
            KernelPaged: 0,
            KernelNonpaged: 0,
            ..information()
        };
        assert_eq!(commit(&hollow).peak, None);
        assert_eq!(pools(&hollow), Pools::default());
        let low = PERFORMANCE_INFORMATION { CommitPeak: 99, ..information() };
        assert_eq!(commit(&low).peak, None, "a peak below the charge");
    }

    #[test]
    fn this_machine_tells_its_levels() {
        let mut machine = Machine::open(&Scope::Auto).expect("every machine opens");
        let (levels, sizes, _) = machine.levels().expect("every Windows tells them");
        assert!(levels.available.is_some_and(|available| available <= sizes.physical));
        assert!(levels.commit_charge <= levels.commit_limit && levels.commit_charge.is_some());
    }

    #[test]
    fn a_cgroup_is_for_linux() {
        let error = Machine::open(&Scope::Cgroup("C:\\cgroup".into())).expect_err("none here");
        assert!(error.to_string().contains("only Linux"), "{error}");
    }
}
