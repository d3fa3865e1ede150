//! The nine as Windows itself judges them, and as Memtide does where other marks are asked for.

use super::condition_events::ConditionEvents;
use super::native::registry::local_machine_dword;
use crate::{Error, Options};
use memtide_core::conditions::{
    Condition, ConditionSet, Levels, Overrides, Profile, Reading, Reason, Sizes, State, Thresholds,
    Tracker,
};
use memtide_core::units::Bytes;

/// Where Windows keeps its overrides.
const MEMORY_MANAGEMENT: &str =
    r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management";

const MEMORY: [Condition; 2] = [Condition::LowMemory, Condition::HighMemory];
const POOLS: [Condition; 4] = [
    Condition::LowPagedPool,
    Condition::HighPagedPool,
    Condition::LowNonPagedPool,
    Condition::HighNonPagedPool,
];
const COMMIT: [Condition; 3] =
    [Condition::LowCommit, Condition::HighCommit, Condition::MaximumCommit];

/// Judges the nine from one moment to the next.
#[derive(Debug)]
pub(crate) struct Judge {
    options: Options,
    by_events: ConditionSet,
    registry: Overrides,
    sizes: Sizes,
    tracker: Tracker,
    readings: [Reading; Condition::COUNT],
}

impl Judge {
    /// A judge of what the options ask for; every condition is unknown until the first look.
    ///
    /// # Errors
    /// Where the overrides cannot be used.
    pub(crate) fn new(options: &Options, sizes: Sizes) -> Result<Self, Error> {
        let thresholds = Thresholds::new(options.profile, &sizes, &options.overrides)?;
        Ok(Self {
            by_events: by_events(options),
            registry: registry_overrides(),
            options: options.clone(),
            sizes,
            tracker: Tracker::new(thresholds),
            readings: Condition::ALL.map(Reading::unknown),
        })
    }

    /// The conditions that Windows' events decide.
    pub(crate) const fn by_events(&self) -> ConditionSet {
        self.by_events
    }

    /// The nine as they were at the last look.
    pub(crate) const fn readings(&self) -> &[Reading; Condition::COUNT] {
        &self.readings
    }

    /// How far the level of a condition is from where its state changes; `None` where an event
    /// decides.
    pub(crate) fn distance(&self, condition: Condition) -> Option<Bytes> {
        let compared = !self.by_events.contains(condition);
        compared.then(|| self.tracker.distance(condition)).flatten()
    }

    /// Judges anew. An event in `woken` ended a wait since the last look: it was set, even if
    /// somebody has cleared it meanwhile.
    pub(crate) fn look(
        &mut self,
        events: &ConditionEvents,
        woken: ConditionSet,
        levels: &Levels,
        sizes: Sizes,
    ) {
        if sizes != self.sizes {
            self.resize(sizes);
        }
        self.tracker.update(levels);
        self.readings = *self.tracker.readings();
        for condition in self.by_events.iter() {
            let is_set = match woken.contains(condition) {
                true => Ok(true),
                false => events.is_set(condition),
            };
            self.readings[condition.index()] = match is_set {
                Ok(is_set) => Reading {
                    condition,
                    state: if is_set { State::Set } else { State::Clear },
                    value: value(condition, levels),
                    threshold: self.mark(condition),
                    reason: Reason::Event,
                },
                Err(status) => Reading {
                    reason: Reason::NoEvent { status: status.0 },
                    ..Reading::unknown(condition)
                },
            };
        }
    }

    /// Memory was added: the marks follow. Overrides that no longer fit leave them as they were.
    fn resize(&mut self, sizes: Sizes) {
        let Options { profile, overrides, .. } = &self.options;
        if let Ok(thresholds) = Thresholds::new(*profile, &sizes, overrides) {
            self.tracker.set_thresholds(thresholds);
        }
        self.sizes = sizes;
    }

    /// The mark that Windows documents for a condition, or that the registry has in its place;
    /// `None` where it publishes none, or what the registry has cannot be met.
    fn mark(&self, condition: Condition) -> Option<Bytes> {
        let marks = Thresholds::new(Profile::Windows, &self.sizes, &self.registry).ok()?;
        match condition {
            Condition::LowMemory => Some(marks.low_memory),
            Condition::HighMemory => Some(marks.high_memory),
            _ => None,
        }
    }
}

/// Judges once, with no past.
///
/// # Errors
/// Where the overrides cannot be used.
pub(crate) fn judge(
    options: &Options,
    levels: &Levels,
    sizes: &Sizes,
) -> Result<[Reading; Condition::COUNT], Error> {
    let mut judge = Judge::new(options, *sizes)?;
    judge.look(&ConditionEvents::default(), ConditionSet::EMPTY, levels, *sizes);
    Ok(judge.readings)
}

/// What Windows decides: all that nobody asked for other marks of. Its pools can only be judged by
/// itself: it tells nobody how much they may hold.
fn by_events(options: &Options) -> ConditionSet {
    let Overrides { low_memory_mb, high_memory_mb, low_commit, high_commit, maximum_commit } =
        options.overrides;
    let windows = options.profile == Profile::Windows;
    let memory = windows && low_memory_mb.is_none() && high_memory_mb.is_none();
    let commit =
        windows && low_commit.is_none() && high_commit.is_none() && maximum_commit.is_none();
    let mut decided = ConditionSet::from(POOLS);
    if memory {
        decided = decided.union(MEMORY.into());
    }
    if commit {
        decided = decided.union(COMMIT.into());
    }
    decided
}

/// The marks that the registry has in place of Windows' own. What cannot be read is taken to be
/// absent, as Windows does with a value of another type.
///
/// Source: Microsoft's documentation of `CreateMemoryResourceNotification`. Windows reads them when
/// it starts.
fn registry_overrides() -> Overrides {
    let value = |name| local_machine_dword(MEMORY_MANAGEMENT, name).ok().flatten();
    Overrides {
        low_memory_mb: value("LowMemoryThreshold").filter(|mb| *mb > 0),
        high_memory_mb: value("HighMemoryThreshold").filter(|mb| *mb > 0),
        ..Overrides::default()
    }
}

/// The level that an event is about, where it is known.
fn value(condition: Condition, levels: &Levels) -> Option<Bytes> {
    match condition {
        Condition::LowMemory | Condition::HighMemory => levels.available,
        Condition::LowPagedPool | Condition::HighPagedPool => levels.paged_pool_free,
        Condition::LowNonPagedPool | Condition::HighNonPagedPool => levels.nonpaged_pool_free,
        Condition::LowCommit | Condition::HighCommit | Condition::MaximumCommit => {
            levels.commit_charge
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtide_core::conditions::Permille;

    #[test]
    fn what_nobody_asked_other_marks_of_is_decided_by_windows() {
        let decided =
            |profile, overrides| by_events(&Options { profile, overrides, ..Options::default() });
        let none = Overrides::default();
        assert_eq!(decided(Profile::Windows, none), ConditionSet::ALL);
        assert_eq!(decided(Profile::EarlyWarning, none), POOLS.into());
        let memory = Overrides { low_memory_mb: Some(100), ..none };
        let others = ConditionSet::from(POOLS).union(COMMIT.into());
        assert_eq!(decided(Profile::Windows, memory), others);
        let commit = Overrides { high_commit: Some(Permille(900)), ..none };
        let others = ConditionSet::from(POOLS).union(MEMORY.into());
        assert_eq!(decided(Profile::Windows, commit), others);
    }

    #[test]
    fn a_wait_that_an_event_ended_saw_it_set() {
        let sizes = Sizes { physical: Bytes::from_mib(4096), ..Sizes::default() };
        let mut judge = Judge::new(&Options::default(), sizes).expect("no overrides");
        let events = ConditionEvents::default();
        let levels = Levels { available: Some(Bytes::from_mib(900)), ..Levels::default() };
        judge.look(&events, Condition::LowPagedPool.into(), &levels, sizes);
        let reading = judge.readings()[Condition::LowPagedPool.index()];
        assert_eq!((reading.state, reading.reason), (State::Set, Reason::Event));
    }

    #[test]
    fn the_marks_are_windows_own_and_none_where_it_publishes_none() {
        let sizes = Sizes { physical: Bytes::from_mib(4096), ..Sizes::default() };
        let mut judge = Judge::new(&Options::default(), sizes).expect("no overrides");
        judge.registry = Overrides::default();
        assert_eq!(judge.mark(Condition::LowMemory), Some(Bytes::from_mib(32)));
        assert_eq!(judge.mark(Condition::HighMemory), Some(Bytes::from_mib(96)));
        assert_eq!(judge.mark(Condition::LowCommit), None);
        assert_eq!(judge.mark(Condition::LowPagedPool), None);
        judge.registry.low_memory_mb = Some(256);
        assert_eq!(judge.mark(Condition::LowMemory), Some(Bytes::from_mib(256)));
        assert_eq!(judge.mark(Condition::HighMemory), Some(Bytes::from_mib(768)));
        judge.registry.low_memory_mb = Some(4096);
        assert_eq!(judge.mark(Condition::LowMemory), None, "it cannot be met");
    }
}
