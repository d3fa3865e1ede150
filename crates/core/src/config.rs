//! What a machine is made of.

use alloc::vec::Vec;

use crate::conditions::{Overrides, Profile, Sizes, ThresholdError, Thresholds};
use crate::page::bytes;
use crate::pfn::Cache;
use crate::policy::Policy;
use crate::units::Bytes;

/// The most frames of a database: 16 TiB.
pub const FRAMES_MAX: u32 = u32::MAX - 1;

/// The most page files, as on Windows.
pub const PAGE_FILES_MAX: usize = 16;

/// A page file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PageFileConfig {
    /// Its size at first, in pages.
    pub initial: u32,
    /// The size it may grow to, in pages; at least the initial one.
    pub maximum: u32,
}

/// The compression store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StoreConfig {
    /// The most frames it may hold; more than 2²⁷, half a tebibyte, count as so many.
    pub frames_max: u32,
}

/// How writes to a page become known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DirtyTracking {
    /// The PTE's dirty bit: [`Manager::touch`](crate::Manager::touch) sees every access.
    #[default]
    Hardware,
    /// The first write to a clean page faults.
    Fault,
}

/// The machine that a manager manages.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// Physical pages.
    pub frames: u32,
    /// The cache that decides page colours.
    pub cache: Cache,
    /// The page files, at most [`PAGE_FILES_MAX`].
    pub page_files: Vec<PageFileConfig>,
    /// The compression store, if there is one.
    pub store: Option<StoreConfig>,
    /// The most the paged pool may hold.
    pub paged_pool: Bytes,
    /// The most the nonpaged pool may hold.
    pub nonpaged_pool: Bytes,
    /// How writes become known.
    pub dirty_tracking: DirtyTracking,
    /// The marks of the conditions; `None` takes Windows' formulas.
    pub thresholds: Option<Thresholds>,
    /// The choices that Windows does not publish.
    pub policy: Policy,
}

/// Why a configuration describes no machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No frames, or too many.
    #[error("{frames} frames: expected 1 to {FRAMES_MAX}")]
    Frames {
        /// The number given.
        frames: u32,
    },
    /// Too many page files.
    #[error("{count} page files: expected at most {PAGE_FILES_MAX}")]
    PageFiles {
        /// The number given.
        count: usize,
    },
    /// A page file that would have to shrink.
    #[error("page file {file} has {initial} pages and a maximum of {maximum}: expected no less")]
    PageFileMaximum {
        /// Which one.
        file: usize,
        /// Its size, in pages.
        initial: u32,
        /// Its maximum, in pages.
        maximum: u32,
    },
    /// Thresholds that cannot be.
    #[error(transparent)]
    Thresholds(#[from] ThresholdError),
}

impl Config {
    /// A machine of so many frames without page files, with pools of a quarter of memory each, at
    /// least 16 MiB.
    #[must_use]
    pub fn new(frames: u32) -> Self {
        let pool = Bytes(bytes(u64::from(frames)) / 4).max(Bytes::from_mib(16));
        Self {
            frames,
            cache: Cache::default(),
            page_files: Vec::new(),
            store: None,
            paged_pool: pool,
            nonpaged_pool: pool,
            dirty_tracking: DirtyTracking::Hardware,
            thresholds: None,
            policy: Policy::for_frames(frames),
        }
    }

    /// The same with one more page file.
    #[must_use]
    pub fn with_page_file(mut self, initial: u32, maximum: u32) -> Self {
        self.page_files.push(PageFileConfig { initial, maximum });
        self
    }

    /// The same with a compression store of at most so many frames.
    #[must_use]
    pub const fn with_store(mut self, frames_max: u32) -> Self {
        self.store = Some(StoreConfig { frames_max });
        self
    }

    /// The marks in force.
    pub(crate) fn marks(&self) -> Result<Thresholds, ConfigError> {
        let sizes = Sizes {
            physical: Bytes(bytes(u64::from(self.frames))),
            paged_pool: Some(self.paged_pool),
            nonpaged_pool: Some(self.nonpaged_pool),
        };
        let windows = || Thresholds::new(Profile::Windows, &sizes, &Overrides::default());
        Ok(self.thresholds.map_or_else(windows, Ok)?)
    }

    /// Whether it describes a machine.
    ///
    /// # Errors
    /// [`ConfigError`] with the value that makes no sense.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.frames == 0 || self.frames > FRAMES_MAX {
            return Err(ConfigError::Frames { frames: self.frames });
        }
        if self.page_files.len() > PAGE_FILES_MAX {
            return Err(ConfigError::PageFiles { count: self.page_files.len() });
        }
        for (file, PageFileConfig { initial, maximum }) in self.page_files.iter().enumerate() {
            if initial > maximum {
                let (initial, maximum) = (*initial, *maximum);
                return Err(ConfigError::PageFileMaximum { file, initial, maximum });
            }
        }
        self.marks().map(|_| ())
    }
}
