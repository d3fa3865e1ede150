//! The marks that levels are compared with.

use crate::units::Bytes;
use core::fmt;

/// A share in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Permille(pub u16);

impl fmt::Display for Permille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => f.pad(&alloc::format!("{whole}%")),
            (whole, tenth) => f.pad(&alloc::format!("{whole}.{tenth}%")),
        }
    }
}

/// Which formula the marks come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Windows' defaults: 32 MB per 4 GB of memory and at most 64 MB. A last-stage warning on a
    /// machine of today.
    #[default]
    Windows,
    /// Marks that leave a program the time to react, on 2 GB as on 1 TB.
    ///
    /// The low mark grows with the square root of memory: 128 MiB at 1 GiB, 512 MiB at 16 GiB,
    /// 4 GiB at 1 TiB; below 1.6 GiB it is a tenth. What a program needs when it is told is time,
    /// and memory fills at a rate that grows with processors, far slower than its size does: a
    /// fixed share is right nowhere (5% of 2 GB is gone in a twentieth of a second, 5% of 1 TB
    /// is 51 GB that nobody may use), and so is a fixed size. The kernel's own reserves follow the
    /// same root (`min_free_kbytes`); this mark is 32 times that reserve, so the warning always
    /// comes well before the kernel itself reclaims.
    EarlyWarning,
}

/// How much there is of what the marks are a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Physical memory, or a container's limit where that is less.
    pub physical: Bytes,
    /// The most the paged pool may hold; `None` where that cannot be known.
    pub paged_pool: Option<Bytes>,
    /// The most the nonpaged pool may hold; `None` where that cannot be known.
    pub nonpaged_pool: Option<Bytes>,
}

/// Marks that a user sets in place of the formula's, as the Windows registry does under
/// `Session Manager\Memory Management`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `LowMemoryThreshold`, in MB (2²⁰ bytes).
    pub low_memory_mb: Option<u32>,
    /// `HighMemoryThreshold`, in MB (2²⁰ bytes).
    pub high_memory_mb: Option<u32>,
    /// The share of the commit limit under which the commit charge is low.
    pub low_commit: Option<Permille>,
    /// The share of the commit limit from which the commit charge is high.
    pub high_commit: Option<Permille>,
    /// The share of the maximum commit limit from which the commit charge is at its maximum.
    pub maximum_commit: Option<Permille>,
}

/// Why overrides cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// A memory threshold of all the memory or more would be met for ever.
    #[error("{name} is {mb} MB: expected less than the {physical} of memory there is")]
    MoreThanMemory {
        /// The name in the registry.
        name: &'static str,
        /// The value given, in MB.
        mb: u32,
        /// The memory there is.
        physical: Bytes,
    },
    /// A commit share of more than the whole.
    #[error("{name} is {share}: expected at most 100%")]
    MoreThanWhole {
        /// What was set.
        name: &'static str,
        /// The value given.
        share: Permille,
    },
    /// The low commit share lies above the high one.
    #[error("the low commit share is {low}: expected no more than the high one, {high}")]
    CommitOrder {
        /// The low share in force.
        low: Permille,
        /// The high share in force.
        high: Permille,
    },
}

/// The two marks of a pool's free bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PoolMarks {
    /// Low while free bytes are at or below this.
    pub low: Bytes,
    /// High while free bytes are at or above this.
    pub high: Bytes,
}

/// The marks of the nine conditions.
///
/// Source of the memory and pool marks: Microsoft's documentation of
/// `CreateMemoryResourceNotification` and "Standard Event Objects". Windows publishes no figure
/// for commit: those are ours, and can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Thresholds {
    /// Available memory is low below this.
    pub low_memory: Bytes,
    /// Available memory is high from this on.
    pub high_memory: Bytes,
    /// Programs stall from this share of time on; between the memory marks that makes memory low.
    pub stall: Permille,
    /// The paged pool's marks; `None` where its size is unknown.
    pub paged_pool: Option<PoolMarks>,
    /// The nonpaged pool's marks; `None` where its size is unknown.
    pub nonpaged_pool: Option<PoolMarks>,
    /// The commit charge is low below this share of the limit.
    pub low_commit: Permille,
    /// The commit charge is high from this share of the limit on.
    pub high_commit: Permille,
    /// The commit charge is at its maximum from this share of the maximum limit on.
    pub maximum_commit: Permille,
}

/// One thread in ten waiting is felt by people; below that, normal reclaim shows too.
const STALL: Permille = Permille(100);

impl Thresholds {
    /// The marks of a profile for memory of the given sizes, with the user's overrides.
    ///
    /// A `HighMemoryThreshold` below the low mark in force is raised to it, as Windows does; with
    /// only `LowMemoryThreshold` given, high is three times that.
    ///
    /// # Errors
    /// An override that can never be left again: all of memory or more, a share above 100%, the
    /// low commit share above the high one.
    pub fn new(
        profile: Profile,
        sizes: &Sizes,
        overrides: &Overrides,
    ) -> Result<Self, ThresholdError> {
        let low_memory = match overrides.low_memory_mb {
            Some(mb) => memory_override("LowMemoryThreshold", mb, sizes.physical)?,
            None => default_low_memory(profile, sizes.physical),
        };
        let high_memory = match overrides.high_memory_mb {
            Some(mb) => memory_override("HighMemoryThreshold", mb, sizes.physical)?,
            // Three times an override may be more than there is: high must stay reachable.
            None => low_memory.scale(3, 1).min(sizes.physical),
        };
        let (low, high, maximum) = match profile {
            Profile::Windows => (750, 900, 900),
            // Earlier by one step: with a tenth left, a large program's next growth is refused.
            Profile::EarlyWarning => (600, 800, 800),
        };
        let low_commit = share_override("LowCommitThreshold", overrides.low_commit, low)?;
        let high_commit = share_override("HighCommitThreshold", overrides.high_commit, high)?;
        let maximum_commit =
            share_override("MaximumCommitThreshold", overrides.maximum_commit, maximum)?;
        if low_commit > high_commit {
            return Err(ThresholdError::CommitOrder { low: low_commit, high: high_commit });
        }
        Ok(Self {
            low_memory,
            high_memory: high_memory.max(low_memory),
            stall: STALL,
            paged_pool: sizes.paged_pool.map(|pool| PoolMarks {
                low: Bytes::from_mib(30).min(pool.scale(1, 5)),
                high: Bytes::from_mib(60).min(pool.scale(2, 5)),
            }),
            nonpaged_pool: sizes.nonpaged_pool.map(|pool| PoolMarks {
                low: Bytes::from_mib(8).min(pool.scale(1, 3)),
                high: Bytes::from_mib(20).min(pool.scale(1, 2)),
            }),
            low_commit,
            high_commit,
            maximum_commit,
        })
    }
}

fn default_low_memory(profile: Profile, physical: Bytes) -> Bytes {
    match profile {
        // 32 MB per 4 GB is one part in 128.
        Profile::Windows => physical.scale(1, 128).min(Bytes::from_mib(64)),
        Profile::EarlyWarning => {
            // √(1 GiB) × 2¹² = 128 MiB.
            let root = Bytes(physical.0.isqrt().saturating_mul(1 << 12));
            root.min(physical.scale(1, 10)).whole_pages()
        }
    }
}

fn memory_override(name: &'static str, mb: u32, physical: Bytes) -> Result<Bytes, ThresholdError> {
    let mark = Bytes::from_mib(u64::from(mb));
    if mark >= physical {
        return Err(ThresholdError::MoreThanMemory { name, mb, physical });
    }
    Ok(mark)
}

fn share_override(
    name: &'static str,
    given: Option<Permille>,
    default: u16,
) -> Result<Permille, ThresholdError> {
    match given {
        Some(share) if share > Permille(1000) => Err(ThresholdError::MoreThanWhole { name, share }),
        Some(share) => Ok(share),
        None => Ok(Permille(default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn memory_marks(profile: Profile, physical: Bytes) -> (Bytes, Bytes) {
        let sizes = Sizes { physical, ..Sizes::default() };
        let marks = Thresholds::new(profile, &sizes, &Overrides::default()).expect("no overrides");
        (marks.low_memory, marks.high_memory)
    }

    #[test]
    fn windows_default_marks_follow_its_formula() {
        let mib = Bytes::from_mib;
        for (physical, low, high) in [
            (mib(128), mib(1), mib(3)),
            (mib(512), mib(4), mib(12)),
            (mib(1 << 10), mib(8), mib(24)),
            (mib(4 << 10), mib(32), mib(96)),
            (mib(8 << 10), mib(64), mib(192)),
            (mib(64 << 10), mib(64), mib(192)),
            (mib(1 << 20), mib(64), mib(192)),
        ] {
            assert_eq!(memory_marks(Profile::Windows, physical), (low, high), "{physical}");
        }
    }

    #[test]
    fn early_warning_marks_are_right_from_small_to_large() {
        let mib = Bytes::from_mib;
        for (physical, low) in [
            (mib(64), Bytes(6_709_248)),
            (mib(1 << 10), mib(1 << 10).scale(1, 10).whole_pages()),
            (mib(4 << 10), mib(256)),
            (mib(16 << 10), mib(512)),
            (mib(64 << 10), mib(1 << 10)),
            (mib(1 << 20), mib(4 << 10)),
        ] {
            let (found, high) = memory_marks(Profile::EarlyWarning, physical);
            assert_eq!((found, high), (low, low.scale(3, 1)), "{physical}");
        }
    }

    #[test]
    fn early_warning_comes_before_the_windows_mark_on_every_size() {
        for shift in 24..44 {
            for physical in [Bytes(1 << shift), Bytes(3 << (shift - 1))] {
                let (early, early_high) = memory_marks(Profile::EarlyWarning, physical);
                let (windows, _) = memory_marks(Profile::Windows, physical);
                assert!(early > windows, "{physical}: {early} and {windows}");
                assert!(early_high.0 <= physical.scale(3, 10).0, "{physical}: {early_high}");
            }
        }
    }

    #[test]
    fn overrides_take_the_registry_rules() {
        let sizes = Sizes { physical: Bytes::from_mib(8192), ..Sizes::default() };
        let marks = |low_memory_mb, high_memory_mb| {
            let overrides = Overrides { low_memory_mb, high_memory_mb, ..Overrides::default() };
            Thresholds::new(Profile::Windows, &sizes, &overrides)
                .map(|t| (t.low_memory, t.high_memory))
        };
        let mib = Bytes::from_mib;
        assert_eq!(marks(Some(256), None), Ok((mib(256), mib(768))));
        assert_eq!(marks(Some(256), Some(300)), Ok((mib(256), mib(300))));
        assert_eq!(marks(Some(256), Some(100)), Ok((mib(256), mib(256))), "high is at least low");
        assert_eq!(marks(None, Some(100)), Ok((mib(64), mib(100))));
        assert_eq!(marks(Some(6000), None), Ok((mib(6000), mib(8192))));
        let error = marks(Some(8192), None).expect_err("all of memory");
        assert_eq!(
            error.to_string(),
            "LowMemoryThreshold is 8192 MB: expected less than the 8 GiB of memory there is"
        );
    }

    #[test]
    fn commit_shares_out_of_order_are_refused() {
        let sizes = Sizes { physical: Bytes::from_mib(8192), ..Sizes::default() };
        let with = |overrides| Thresholds::new(Profile::Windows, &sizes, &overrides);
        let over = Overrides { low_commit: Some(Permille(950)), ..Overrides::default() };
        assert_eq!(
            with(over),
            Err(ThresholdError::CommitOrder { low: Permille(950), high: Permille(900) })
        );
        let over = Overrides { high_commit: Some(Permille(1001)), ..Overrides::default() };
        assert_eq!(
            with(over).expect_err("more than the whole").to_string(),
            "HighCommitThreshold is 100.1%: expected at most 100%"
        );
    }

    #[test]
    fn pool_marks_follow_windows_figures() {
        let sizes = Sizes {
            physical: Bytes::from_mib(8192),
            paged_pool: Some(Bytes::from_mib(100)),
            nonpaged_pool: Some(Bytes::from_mib(6144)),
        };
        let marks =
            Thresholds::new(Profile::Windows, &sizes, &Overrides::default()).expect("no overrides");
        let mib = Bytes::from_mib;
        assert_eq!(marks.paged_pool, Some(PoolMarks { low: mib(20), high: mib(40) }));
        assert_eq!(marks.nonpaged_pool, Some(PoolMarks { low: mib(8), high: mib(20) }));
    }
}
