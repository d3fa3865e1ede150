//! A machine: a budget of real memory that its spaces share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use memtide_core::conditions::{Overrides, Profile, Sizes, Thresholds, Tracker};
use memtide_core::page::{SectionId, SpaceId};
use memtide_core::units::Bytes;
use memtide_core::{ConfigError, Unsound};

use super::budget::Budget;
use super::commit::Commit;
use super::exceptions::SpaceMemory;
use super::native::process::{self, ProcessMemory};
use super::page_file;
use super::watch::Watch;
use crate::error::Error;
use crate::options::{MachineOptions, SpaceOptions, Without};
use crate::space::Space;

/// The least budget; smaller working sets than this make programs do nothing but fault.
pub const BUDGET_LEAST: Bytes = Bytes::from_mib(4);

/// A budget of real memory, within the page files of the system.
///
/// Windows limits the working set of a process and of nothing smaller: what a machine adds to the
/// limit, everything in the process may use, and spaces and machines share all of it. What the
/// spaces of a machine promise, its commit charge, is counted for it alone; it may be as much as
/// the budget and the page file's maximum together. It ends when it and all of its spaces are
/// dropped; the limit of the working set is then what it was.
///
/// Source: Microsoft's documentation of `SetProcessWorkingSetSizeEx`.
#[derive(Clone)]
pub struct Machine {
    running: Arc<Running>,
}

/// A machine that runs: it ends when the last of its owners is dropped.
pub(super) struct Running {
    _budget: Budget,
    commit: Arc<Commit>,
    tracker: Mutex<Tracker>,
    spaces: Mutex<Vec<Weak<SpaceMemory>>>,
    next_space: AtomicU32,
    next_section: AtomicU32,
    pub(super) watch: Watch,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("commit", &self.running.commit).finish_non_exhaustive()
    }
}

/// The marks of the conditions.
fn thresholds(options: &MachineOptions) -> Result<Thresholds, Error> {
    if let Some(thresholds) = options.thresholds {
        return Ok(thresholds);
    }
    let sizes = Sizes { physical: options.budget, ..Sizes::default() };
    let marks = Thresholds::new(Profile::Windows, &sizes, &Overrides::default());
    Ok(marks.map_err(ConfigError::from)?)
}

impl Machine {
    /// A machine in which nothing has happened.
    ///
    /// # Errors
    /// [`Error::Budget`] and [`Error::Compression`]; [`Error::Unsupported`] for each option that
    /// Windows decides by itself; [`Error::System`] where Windows refuses the limit.
    pub fn new(options: &MachineOptions) -> Result<Self, Error> {
        let MachineOptions { budget, page_file, compression, thresholds: _, without } = options;
        if *budget < BUDGET_LEAST {
            return Err(Error::Budget { budget: *budget, least: BUDGET_LEAST });
        }
        match compression {
            None => {}
            Some(percent) if *percent > 100 => {
                return Err(Error::Compression { percent: *percent });
            }
            Some(_) => {
                return Err(Error::Unsupported {
                    what: "compression",
                    reason: "Windows 10 and later compress by themselves: leave it None",
                });
            }
        }
        if *without != Without::default() {
            return Err(Error::Unsupported {
                what: "Without",
                reason: "it names what kernels of Linux have: leave it as it is by default",
            });
        }
        let file = page_file::check(page_file.as_ref())?;
        let limit = budget.saturating_add(file.maximum);
        let running = Running {
            commit: Arc::new(Commit::new(limit.0)),
            tracker: Mutex::new(Tracker::new(thresholds(options)?)),
            spaces: Mutex::default(),
            next_space: AtomicU32::new(0),
            next_section: AtomicU32::new(0),
            watch: Watch::default(),
            _budget: Budget::take(budget.0)?,
        };
        Ok(Self { running: Arc::new(running) })
    }

    /// Whether another is the same machine.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.running, &other.running)
    }

    pub(super) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    pub(super) fn commit(&self) -> &Arc<Commit> {
        &self.running.commit
    }

    /// Notes a new space.
    pub(super) fn add_space(&self, memory: &Arc<SpaceMemory>) -> SpaceId {
        let mut spaces = self.running.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        spaces.retain(|space| space.strong_count() > 0);
        spaces.push(Arc::downgrade(memory));
        SpaceId(self.running.next_space.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn next_section(&self) -> SectionId {
        SectionId(self.running.next_section.fetch_add(1, Ordering::Relaxed))
    }

    /// A new space of this machine.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for faults handled by a thread; [`Error::System`] where exceptions
    /// cannot be handled.
    pub fn create_space(&self, options: &SpaceOptions) -> Result<Space, Error> {
        Space::create(self, options)
    }

    /// What Windows counts for this process: `GetProcessMemoryInfo`.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn process_memory(&self) -> Result<ProcessMemory, Error> {
        process::memory().map_err(Error::system("the memory of this process"))
    }

    /// Proves that Windows has the regions of every space, and as much committed as is charged.
    ///
    /// # Errors
    /// What is unsound.
    pub fn verify(&self) -> Result<(), Unsound> {
        let spaces = self.running.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        spaces.iter().filter_map(Weak::upgrade).try_for_each(|space| space.regions().verify())
    }
}

impl Running {
    pub(super) fn commit(&self) -> &Commit {
        &self.commit
    }

    pub(super) fn tracker(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
