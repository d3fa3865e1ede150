//! The one thread that watches.

use super::{Machine, Signal, Trigger, WaiterNotice};
use crate::conditions::pacing::{Alert, Pacing};
use crate::conditions::stall_window::StallWindow;
use crate::conditions::watch::Watch;
use crate::objects::Judged;
use crate::{Error, Options};
use memtide_core::conditions::{
    Bound, Condition, ConditionSet, Levels, Sizes, Thresholds, Tracker,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

/// For so long after a PSI event programs are taken to stall.
const STALLING_LASTS: Duration = Duration::from_secs(2);

/// Its work is a few calls deep; what it needs beyond that would only be resident for nothing.
const STACK: usize = 128 << 10;

/// The commit charge can jump by any amount without a page being touched.
const CAN_JUMP: [Condition; 3] =
    [Condition::LowCommit, Condition::HighCommit, Condition::MaximumCommit];

/// The thread of this process, while it runs.
static WATCHER: Mutex<Option<Watcher>> = Mutex::new(None);

/// The process that used [`WATCHER`] last; 0 before the first.
static USED_BY: AtomicU32 = AtomicU32::new(0);

/// How long a child that fork made tries for [`WATCHER`]: a thread that it lacks may hold it.
const FORKED_PATIENCE: Duration = Duration::from_secs(1);

struct Watcher {
    owner: u32,
    wake: Arc<Signal>,
    joining: Vec<Source>,
}

/// Watches what the options name, on the one thread of this process.
pub(crate) fn watch(options: &Options) -> Result<Arc<Watch>, Error> {
    let owner = std::process::id();
    let mut watcher = lock_watcher(owner)?;
    // The thread of the process that forked us is not ours.
    watcher.take_if(|running| running.owner != owner);
    let wake = match &*watcher {
        Some(running) => Arc::clone(&running.wake),
        None => Arc::new(Signal::new()?),
    };
    let (source, watch) = Source::open(options, &wake)?;
    match &mut *watcher {
        Some(running) => running.joining.push(source),
        None => {
            *watcher = Some(Watcher { owner, wake: Arc::clone(&wake), joining: vec![source] });
            let thread_wake = Arc::clone(&wake);
            let thread = std::thread::Builder::new()
                .name("memtide-watch".to_owned())
                .stack_size(STACK)
                .spawn(move || run(&thread_wake));
            if let Err(error) = thread {
                *watcher = None;
                return Err(Error::call("starting the watcher thread", error));
            }
        }
    }
    drop(watcher);
    wake.set();
    Ok(watch)
}

fn lock_watcher(owner: u32) -> Result<MutexGuard<'static, Option<Watcher>>, Error> {
    let used_by = USED_BY.swap(owner, Ordering::SeqCst);
    if used_by == 0 || used_by == owner {
        return Ok(WATCHER.lock().unwrap_or_else(PoisonError::into_inner));
    }
    let deadline = Instant::now() + FORKED_PATIENCE;
    loop {
        match WATCHER.try_lock() {
            Ok(watcher) => return Ok(watcher),
            Err(TryLockError::Poisoned(watcher)) => return Ok(watcher.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => {
                USED_BY.store(used_by, Ordering::SeqCst);
                let why =
                    "the process was forked while another thread of it opened them".to_owned();
                return Err(Error::Unsupported { what: "watching the conditions", why });
            }
        }
    }
}

fn run(wake: &Signal) {
    let mut sources: Vec<Source> = Vec::new();
    loop {
        wake.clear();
        sources.retain(|source| source.watch.strong_count() > 0);
        {
            let mut watcher = WATCHER.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(running) = &mut *watcher {
                sources.append(&mut running.joining);
            }
            // Under the lock, so that whoever opens next sees either this thread or none.
            if sources.is_empty() {
                *watcher = None;
                return;
            }
        }
        let now = Instant::now();
        for source in sources.iter_mut().filter(|source| source.due <= now) {
            source.look(now);
        }
        wait(wake, &mut sources);
    }
}

/// Sleeps until the next look is due, a PSI trigger fires, or someone comes or goes.
fn wait(wake: &Signal, sources: &mut [Source]) {
    let now = Instant::now();
    let due = sources.iter().map(|source| source.due).min().unwrap_or(now);
    let left = due.saturating_duration_since(now);
    let timeout = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    let mut descriptors = vec![PollFd::new(wake, PollFlags::IN)];
    let triggered: Vec<usize> =
        (0..sources.len()).filter(|i| sources[*i].trigger.is_some()).collect();
    for index in &triggered {
        if let Some(trigger) = &sources[*index].trigger {
            descriptors.push(PollFd::from_borrowed_fd(trigger.as_fd(), PollFlags::PRI));
        }
    }
    let events: Vec<PollFlags> = match poll(&mut descriptors, Some(&timeout)) {
        Ok(1..) => descriptors[1..].iter().map(PollFd::revents).collect(),
        // An interrupted sleep is a short one.
        Ok(0) | Err(_) => return,
    };
    for (index, event) in triggered.into_iter().zip(events) {
        let source = &mut sources[index];
        if event.contains(PollFlags::PRI) {
            source.stalling_until = Some(Instant::now() + STALLING_LASTS);
            source.due = Instant::now();
        } else if event.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            // Its cgroup is gone; asking again would only spin.
            source.trigger = None;
        }
    }
}

/// One thing watched: where its levels come from, and what they amount to.
struct Source {
    options: Options,
    machine: Machine,
    trigger: Option<Trigger>,
    sizes: Sizes,
    tracker: Tracker,
    window: StallWindow,
    pacing: Pacing,
    stalling_until: Option<Instant>,
    due: Instant,
    watch: Weak<Watch>,
}

impl Source {
    fn open(options: &Options, wake: &Arc<Signal>) -> Result<(Self, Arc<Watch>), Error> {
        let mut machine = Machine::open(&options.scope)?;
        let (levels, sizes, stall) = machine.levels()?;
        let thresholds = Thresholds::new(options.profile, &sizes, &options.overrides)?;
        let mut tracker = Tracker::new(thresholds);
        tracker.update(&levels);
        let mut window = StallWindow::default();
        let now = Instant::now();
        window.share(now, stall);
        let judged = match levels.bound {
            Bound::PhysicalMemory => Judged::Machine,
            Bound::Container => Judged::Container,
        };
        // Without a notice everything works, but other programs don't see who waits here.
        let notice = WaiterNotice::new(judged).ok();
        let watch = Arc::new(Watch::new(tracker.readings(), Arc::clone(wake), notice));
        let source = Self {
            options: options.clone(),
            trigger: machine.pressure_path().and_then(Trigger::set),
            machine,
            sizes,
            tracker,
            window,
            pacing: Pacing::new(),
            stalling_until: None,
            due: now,
            watch: Arc::downgrade(&watch),
        };
        Ok((source, watch))
    }

    fn look(&mut self, now: Instant) {
        let Some(watch) = self.watch.upgrade() else { return };
        // A machine that can no longer be read has levels that cannot be known.
        let (levels, sizes, stall) =
            self.machine.levels().unwrap_or((Levels::default(), self.sizes, None));
        let levels = Levels { stall: self.window.share(now, stall), ..levels };
        if sizes != self.sizes {
            self.resize(sizes);
        }
        self.tracker.update(&levels);
        watch.publish(self.tracker.readings());
        let alert = match self.stalling_until {
            Some(until) if now < until => Alert::Stalling,
            _ if watch.is_wanted(ConditionSet::from(CAN_JUMP)) => Alert::Jumping,
            _ => Alert::Calm,
        };
        let next = self.pacing.next(now, levels.available, self.nearest(), alert);
        self.due = now + next;
    }

    /// A container's limit or the machine's memory has changed: the marks follow. Overrides that
    /// no longer fit leave the marks as they were.
    fn resize(&mut self, sizes: Sizes) {
        let Options { profile, overrides, .. } = &self.options;
        if let Ok(thresholds) = Thresholds::new(*profile, &sizes, overrides) {
            self.tracker.set_thresholds(thresholds);
        }
        let pressure = self.machine.pressure_path();
        if self.trigger.as_ref().map(Trigger::path) != pressure {
            self.trigger = pressure.and_then(Trigger::set);
        }
        self.sizes = sizes;
    }

    /// How far the nearest mark is that memory being touched can reach.
    fn nearest(&self) -> Option<memtide_core::units::Bytes> {
        let touched = Condition::ALL.into_iter().filter(|c| !CAN_JUMP.contains(c));
        touched.filter_map(|condition| self.tracker.distance(condition)).min()
    }
}
