//! A machine: a budget of real memory that its spaces share.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use memtide_core::conditions::{Condition, ConditionSet, Reading};
use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;
use memtide_core::{
    Cache, Call, Config, Counters, DirtyTracking, ListCommand, ListCounts, Manager, Policy, Reply,
    StoreConfig, Unsound,
};

use crate::error::Error;
use crate::fault_path::in_thread;
use crate::frames::Frames;
use crate::options::{MachineOptions, SpaceOptions};
use crate::page_file::{BufferPool, CLUSTER, IoEngine, PageFile, PageFileOptions};
use crate::pager::wait::PLACES;
use crate::pager::{Pager, READS_MAX, Recorder, worker};
use crate::space::Space;
use crate::thread;
use crate::uffd::{FaultPath, Reservation, Uffd, Without};

/// The least budget: less has no room for the buffers that writes need.
pub const BUDGET_LEAST: Bytes = Bytes::from_mib(4);

/// Threads for what nobody waits for.
const WORKERS: usize = 2;

/// A budget of real memory, with its page file and compression store.
///
/// Spaces that are made of it share it, and the manager decides which pages of which space are
/// worth being in memory. It ends when it and all of its spaces are dropped.
///
/// Source: the design is Windows' working sets over one PFN database; see `memtide_core`.
#[derive(Clone)]
pub struct Machine {
    running: Arc<Running>,
}

/// The way from a write that ended to its pager, while there is one.
type Link = Mutex<Weak<Pager>>;

/// A machine that runs: it ends when the last of its owners is dropped.
struct Running {
    pager: Arc<Pager>,
    without: Without,
    link: Arc<Link>,
    workers: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.pager.end();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
        // From here on no thread of the page file holds the pager, and so the page file, whose end
        // waits for its threads.
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Weak::new();
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

/// How many buffers a budget of so many bytes is given: at most a sixteenth of it.
fn buffers_for(budget: u64) -> usize {
    const EACH: u64 = CLUSTER as u64 * PAGE_SIZE;
    const MOST: u64 = 16;
    usize::try_from((budget / 16 / EACH).clamp(3, MOST)).unwrap_or(3)
}

fn pages(bytes: Bytes) -> u32 {
    u32::try_from(bytes.0 / PAGE_SIZE).unwrap_or(u32::MAX)
}

/// The choices that are different where a fault costs microseconds and accesses are not seen.
fn policy(frames: u32, buffers: usize) -> Policy {
    let writes = u32::try_from(buffers / 3).unwrap_or(1).clamp(1, 4);
    let available_low = (frames / 32).clamp(16, 1024);
    Policy {
        available_low,
        available_goal: available_low * 2,
        ahead_low: available_low / 4,
        demand_zero_max: 64,
        map_ahead_max: 64,
        read_ahead_min: 8,
        writes_max: writes,
        reads_max: READS_MAX,
        // And a write that nobody waits for.
        waiters_max: PLACES + 1,
        slots_ahead_permille: 1250,
        ..Policy::for_frames(frames)
    }
}

impl Machine {
    /// A machine in which nothing has happened.
    ///
    /// # Errors
    /// [`Error::Budget`], [`Error::Compression`], [`Error::Faults`] where userfaultfd cannot be
    /// had, [`Error::PageFile`], [`Error::Config`] and [`Error::System`].
    pub fn new(options: &MachineOptions) -> Result<Self, Error> {
        Self::start(options, |_| Ok(None))
    }

    /// The same, with what notes every event from the first on, made for its configuration.
    ///
    /// # Errors
    /// As [`new`](Self::new), and what the recorder's maker says.
    pub(crate) fn start(
        options: &MachineOptions,
        recorder: impl FnOnce(&Config) -> Result<Option<Recorder>, Error>,
    ) -> Result<Self, Error> {
        let budget = options.budget;
        if budget < BUDGET_LEAST {
            return Err(Error::Budget { budget, least: BUDGET_LEAST });
        }
        if let Some(percent) = options.compression
            && percent > 100
        {
            return Err(Error::Compression { percent });
        }
        let count = buffers_for(budget.0);
        let buffers = Arc::new(BufferPool::new(count).map_err(Error::system("buffers"))?);
        let frames = pages(Bytes(budget.0.saturating_sub(buffers.bytes())));
        let file = options.page_file.as_ref().map(PageFile::open).transpose()?.map(Arc::new);
        let manager = Manager::new(config(options, frames, count))?;

        let homes = Uffd::open_without(FaultPath::InThread, options.without)?;
        let frames = Frames::new(frames).map_err(Error::system("the addresses of frames"))?;
        let area = frames.homes();
        let registered = homes.register_target(area.address(), area.bytes());
        registered.map_err(Error::system("registering frames"))?;
        let zeros = Reservation::new(CLUSTER as u64 * PAGE_SIZE);
        let zeros = zeros.map_err(Error::system("a cluster of zeros"))?;
        crate::signal::install(in_thread::handle).map_err(Error::system("a signal's handler"))?;

        let recorder = recorder(manager.config())?;
        let pager = Pager::new(manager, frames, homes, zeros, file.clone(), buffers);
        pager.lock().record(recorder);
        let pager = Arc::new(pager);
        let link: Arc<Link> = Arc::new(Mutex::new(Arc::downgrade(&pager)));
        if let Some(file) = file {
            let link = Arc::clone(&link);
            file.start(move |token, result| {
                let link = link.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(pager) = link.upgrade() {
                    pager.write_done(token, result);
                }
            });
        }
        let mut running = Running { pager, without: options.without, link, workers: Vec::new() };
        for _ in 0..WORKERS {
            let pager = Arc::clone(&running.pager);
            let started = thread::spawn("memtide-worker", move || worker::work(&pager));
            running.workers.push(started.map_err(Error::system("a worker thread"))?);
        }
        Ok(Self { running: Arc::new(running) })
    }

    pub(crate) fn without(&self) -> Without {
        self.running.without
    }

    /// Whether another is the same machine.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.running, &other.running)
    }

    pub(crate) fn pager(&self) -> &Arc<Pager> {
        &self.running.pager
    }

    /// A new space of this machine.
    ///
    /// # Errors
    /// [`Error::Faults`] where its faults cannot be handled as asked, [`Error::System`] where there
    /// are no addresses, [`Error::Refused`].
    pub fn create_space(&self, options: &SpaceOptions) -> Result<Space, Error> {
        Space::create(self, options)
    }

    /// Carries out a memory-list command; how many pages it moved or will write.
    pub fn command(&self, command: ListCommand) -> u64 {
        match self.running.pager.call(&Call::Command(command)) {
            Ok(Reply::Pages(pages)) => pages,
            other => unreachable!("a command answered {other:?}"),
        }
    }

    /// The lists, in pages.
    #[must_use]
    pub fn lists(&self) -> ListCounts {
        self.running.pager.lock().manager.list_counts()
    }

    /// What happened since the beginning.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *self.running.pager.lock().manager.counters()
    }

    /// How the page file is written, and whether past the page cache; `None` without one.
    #[must_use]
    pub fn page_file_io(&self) -> Option<(IoEngine, bool)> {
        self.running.pager.page_file().map(|file| (file.engine(), file.is_direct()))
    }

    /// The nine conditions as they are now.
    #[must_use]
    pub fn conditions(&self) -> Vec<Reading> {
        self.running.pager.lock().manager.conditions().to_vec()
    }

    /// Whether a condition is set.
    #[must_use]
    pub fn is_set(&self, condition: Condition) -> bool {
        self.running.pager.lock().conditions().contains(condition)
    }

    /// Waits until any of some conditions is set, at most so long; whether one is.
    #[must_use]
    pub fn wait_any(&self, of: ConditionSet, most: Option<Duration>) -> bool {
        let deadline = most.and_then(|most| Instant::now().checked_add(most));
        self.running.pager.wait_until(deadline, |set| !set.intersection(of).is_empty())
    }

    /// Waits until all of some conditions are set at once, at most so long; whether they are.
    #[must_use]
    pub fn wait_all(&self, of: ConditionSet, most: Option<Duration>) -> bool {
        let deadline = most.and_then(|most| Instant::now().checked_add(most));
        self.running.pager.wait_until(deadline, |set| set.contains_all(of))
    }

    /// No event is noted any more; a last look at the state that all of them led to.
    pub(crate) fn stop_recording<T>(&self, look: impl FnOnce(&Manager) -> T) -> T {
        let mut state = self.running.pager.lock();
        state.record(None);
        look(&state.manager)
    }

    /// Looks into the manager, which stands still meanwhile.
    pub fn inspect<T>(&self, look: impl FnOnce(&Manager) -> T) -> T {
        look(&self.running.pager.lock().manager)
    }

    /// Proves the whole state of the manager.
    ///
    /// # Errors
    /// What is unsound.
    pub fn verify(&self) -> Result<(), Unsound> {
        self.running.pager.lock().manager.verify()
    }
}

fn config(options: &MachineOptions, frames: u32, buffers: usize) -> Config {
    let mut config = Config::new(frames);
    if let Some(PageFileOptions { initial, maximum, .. }) = &options.page_file {
        config = config.with_page_file(pages(*initial), pages(*maximum));
    }
    if let Some(percent) = options.compression {
        let most = u64::from(frames) * u64::from(percent) / 100;
        config.store = Some(StoreConfig { frames_max: u32::try_from(most).unwrap_or(frames) });
    }
    // Neighbouring pages get neighbouring frames, so that one system call moves them all.
    config.cache = Cache { bytes: PAGE_SIZE, ways: 1 };
    config.dirty_tracking = DirtyTracking::Fault;
    config.thresholds.clone_from(&options.thresholds);
    config.policy = policy(frames, buffers);
    config
}
