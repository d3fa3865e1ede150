//! The one thread that watches.
//!
//! It waits natively for every event that is not set, and looks at those that are: Windows lets
//! nobody wait for an event to be cleared, and a wait for one that is set would spin.

use super::condition_events::ConditionEvents;
use super::judge::Judge;
use super::native::handle::{WAIT_HANDLES_MAX, wait_any};
use super::{Machine, Signal};
use crate::conditions::pacing::{Alert, Pacing};
use crate::conditions::watch::Watch;
use crate::{Error, Options};
use memtide_core::conditions::{Condition, ConditionSet, Levels, Sizes, State};
use std::os::windows::io::{AsHandle, BorrowedHandle};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Its work is a few calls deep; what it needs beyond that would only be resident for nothing.
const STACK: usize = 128 << 10;

/// After a wait that failed, which no handle of ours should bring about: long enough not to spin.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The commit charge can jump by any amount without a page being touched.
const CAN_JUMP: [Condition; 3] =
    [Condition::LowCommit, Condition::HighCommit, Condition::MaximumCommit];

// Every event, and the one that wakes the thread: waiters of this process are no handles.
const _: () = assert!(Condition::COUNT < WAIT_HANDLES_MAX);

/// The thread of this process, while it runs.
static WATCHER: Mutex<Option<Watcher>> = Mutex::new(None);

struct Watcher {
    wake: Arc<Signal>,
    events: Arc<ConditionEvents>,
    joining: Vec<Source>,
}

/// Watches what the options name, on the one thread of this process.
///
/// # Errors
/// Where the machine cannot be read, the overrides cannot be used, or no thread can be had.
pub(crate) fn watch(options: &Options) -> Result<Arc<Watch>, Error> {
    let mut watcher = WATCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let (wake, events) = match &*watcher {
        Some(running) => (Arc::clone(&running.wake), Arc::clone(&running.events)),
        None => (Arc::new(Signal::new()?), Arc::default()),
    };
    let (source, watch) = Source::open(options, &wake, &events)?;
    match &mut *watcher {
        Some(running) => running.joining.push(source),
        None => {
            let (thread_wake, thread_events) = (Arc::clone(&wake), Arc::clone(&events));
            let joining = vec![source];
            *watcher = Some(Watcher { wake: Arc::clone(&wake), events, joining });
            let thread = std::thread::Builder::new()
                .name("memtide-watch".to_owned())
                .stack_size(STACK)
                .spawn(move || run(&thread_wake, &thread_events));
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

fn run(wake: &Signal, events: &ConditionEvents) {
    let mut sources: Vec<Source> = Vec::new();
    let mut woken = ConditionSet::EMPTY;
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
        let concerned = |source: &&mut Source| {
            source.due <= now || !woken.intersection(source.judge.by_events()).is_empty()
        };
        for source in sources.iter_mut().filter(concerned) {
            source.look(now, events, woken);
        }
        woken = wait(wake, events, &sources);
    }
}

/// Sleeps until an event is set, the next look is due, or someone comes or goes; returns the
/// condition whose event it was.
fn wait(wake: &Signal, events: &ConditionEvents, sources: &[Source]) -> ConditionSet {
    let now = Instant::now();
    let due = sources.iter().map(|source| source.due).min().unwrap_or(now);
    let awaited: Vec<(Condition, BorrowedHandle<'_>)> = Condition::ALL
        .into_iter()
        .filter(|condition| sources.iter().any(|source| source.awaits(*condition)))
        .filter_map(|condition| Some((condition, events.event(condition).ok()?.as_handle())))
        .collect();
    let mut handles = vec![wake.as_handle()];
    handles.extend(awaited.iter().map(|(_, handle)| *handle));
    match wait_any(&handles, Some(due.saturating_duration_since(now))) {
        Ok(Some(place)) => match place.checked_sub(1).and_then(|place| awaited.get(place)) {
            Some((condition, _)) => (*condition).into(),
            None => ConditionSet::EMPTY,
        },
        Ok(None) => ConditionSet::EMPTY,
        Err(_) => {
            std::thread::sleep(AFTER_FAILURE);
            ConditionSet::EMPTY
        }
    }
}

/// One thing watched: where its levels come from, and what they amount to.
struct Source {
    machine: Machine,
    sizes: Sizes,
    judge: Judge,
    pacing: Pacing,
    due: Instant,
    watch: Weak<Watch>,
}

impl Source {
    fn open(
        options: &Options,
        wake: &Arc<Signal>,
        events: &ConditionEvents,
    ) -> Result<(Self, Arc<Watch>), Error> {
        let mut machine = Machine::open(&options.scope)?;
        let (levels, sizes, _) = machine.levels()?;
        let mut judge = Judge::new(options, sizes)?;
        judge.look(events, ConditionSet::EMPTY, &levels, sizes);
        let watch = Arc::new(Watch::new(judge.readings(), Arc::clone(wake), None));
        let source = Self {
            machine,
            sizes,
            judge,
            pacing: Pacing::new(),
            due: Instant::now(),
            watch: Arc::downgrade(&watch),
        };
        Ok((source, watch))
    }

    /// Whether the event of this condition is to be waited for: it decides, and was not set.
    fn awaits(&self, condition: Condition) -> bool {
        let state = self.judge.readings()[condition.index()].state;
        self.judge.by_events().contains(condition) && state != State::Set
    }

    fn look(&mut self, now: Instant, events: &ConditionEvents, woken: ConditionSet) {
        let Some(watch) = self.watch.upgrade() else { return };
        // A machine that can no longer be read has levels that cannot be known.
        let (levels, sizes, _) =
            self.machine.levels().unwrap_or((Levels::default(), self.sizes, None));
        self.judge.look(events, woken, &levels, sizes);
        self.sizes = sizes;
        watch.publish(self.judge.readings());
        let alert = match watch.is_wanted(self.seen_by_looking()) {
            true => Alert::Jumping,
            false => Alert::Calm,
        };
        self.due = now + self.pacing.next(now, levels.available, self.nearest(), alert);
    }

    /// The conditions whose next change no wait tells and no level announces.
    fn seen_by_looking(&self) -> ConditionSet {
        let looked_at = |condition: &Condition| match self.judge.by_events().contains(*condition) {
            true => !self.awaits(*condition),
            false => CAN_JUMP.contains(condition),
        };
        Condition::ALL.into_iter().filter(looked_at).collect()
    }

    /// How far the nearest mark is that memory being touched can reach.
    fn nearest(&self) -> Option<memtide_core::units::Bytes> {
        let touched = Condition::ALL.into_iter().filter(|c| !CAN_JUMP.contains(c));
        touched.filter_map(|condition| self.judge.distance(condition)).min()
    }
}
