use super::*;
use crate::conditions::{Overrides, Profile, Sizes};
use alloc::vec::Vec;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn thresholds(profile: Profile, physical: Bytes) -> Thresholds {
    let sizes = Sizes { physical, paged_pool: Some(physical), nonpaged_pool: Some(physical) };
    Thresholds::new(profile, &sizes, &Overrides::default()).expect("defaults are in order")
}

fn available(bytes: u64) -> Levels {
    Levels { available: Some(Bytes(bytes)), ..Levels::default() }
}

fn state(tracker: &Tracker, condition: Condition) -> State {
    tracker.reading(condition).state
}

/// What the documentation says of a level seen for the first time, with no past.
fn documented(t: &Thresholds, free: u64) -> (bool, bool) {
    (free < t.low_memory.0, free >= t.high_memory.0)
}

#[test]
fn every_page_count_around_each_memory_mark_follows_the_documented_comparison() {
    for profile in [Profile::Windows, Profile::EarlyWarning] {
        for physical_mib in [128, 512, 2048, 4096, 24105, 1 << 20] {
            let t = thresholds(profile, Bytes::from_mib(physical_mib));
            for mark in [t.low_memory, t.high_memory] {
                for page in mark.pages().saturating_sub(300)..mark.pages() + 300 {
                    for bytes in [page * PAGE_SIZE, page * PAGE_SIZE + 1] {
                        let mut fresh = Tracker::new(t);
                        fresh.update(&available(bytes));
                        let (low, high) = documented(&t, bytes);
                        let set = |c| state(&fresh, c) == State::Set;
                        assert_eq!(set(Condition::LowMemory), low, "{bytes} of {t:?}");
                        assert_eq!(set(Condition::HighMemory), high, "{bytes} of {t:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_page_count_around_each_pool_mark_follows_the_documented_comparison() {
    let t = thresholds(Profile::Windows, Bytes::from_mib(4096));
    let pools = [
        (t.paged_pool, Condition::LowPagedPool, Condition::HighPagedPool),
        (t.nonpaged_pool, Condition::LowNonPagedPool, Condition::HighNonPagedPool),
    ];
    for (marks, low, high) in pools {
        let marks = marks.expect("the pool sizes are known");
        for mark in [marks.low, marks.high] {
            for page in mark.pages() - 300..mark.pages() + 300 {
                let free = Some(Bytes::from_pages(page));
                let levels =
                    Levels { paged_pool_free: free, nonpaged_pool_free: free, ..Levels::default() };
                let mut fresh = Tracker::new(t);
                fresh.update(&levels);
                assert_eq!(state(&fresh, low) == State::Set, free <= Some(marks.low));
                assert_eq!(state(&fresh, high) == State::Set, free >= Some(marks.high));
            }
        }
    }
}

#[test]
fn a_crossing_in_one_large_batch_is_seen() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&available(4000 * MIB));
    assert_eq!(tracker.set(), Condition::HighMemory.into());
    let changed = tracker.update(&available(MIB));
    assert_eq!(changed, [Condition::LowMemory, Condition::HighMemory].into());
    assert_eq!(tracker.set(), Condition::LowMemory.into());
}

#[test]
fn between_the_marks_neither_memory_event_is_set() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&available(20 * MIB));
    tracker.update(&available(64 * MIB));
    assert!(tracker.set().is_empty());
    tracker.update(&available(400 * MIB));
    tracker.update(&available(64 * MIB));
    assert!(tracker.set().is_empty());
}

#[test]
fn a_level_that_dithers_at_a_mark_does_not_flap() {
    let t = thresholds(Profile::Windows, Bytes::from_mib(4096));
    let mut tracker = Tracker::new(t);
    let mut changes = 0;
    for step in 0..10_000_u64 {
        let dither = (step * 7919) % 900 * PAGE_SIZE;
        let level = t.low_memory.0 - 450 * PAGE_SIZE + dither;
        changes += usize::from(tracker.update(&available(level)).contains(Condition::LowMemory));
    }
    assert!(changes <= 2, "{changes} changes");
}

#[test]
fn an_unknown_level_is_unknown_and_not_clear() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&Levels::default());
    for reading in tracker.readings() {
        assert_eq!(reading.state, State::Unknown, "{reading:?}");
        assert_eq!(reading.reason, Reason::Unknown);
        assert_eq!(reading.value, None);
    }
}

#[test]
fn a_set_condition_becomes_unknown_when_its_level_is_lost() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&available(MIB));
    let changed = tracker.update(&Levels::default());
    assert!(changed.contains(Condition::LowMemory));
    assert_eq!(state(&tracker, Condition::LowMemory), State::Unknown);
}

#[test]
fn stalls_with_plenty_available_are_no_low_memory() {
    let mut tracker = Tracker::new(thresholds(Profile::EarlyWarning, Bytes::from_mib(4096)));
    let levels = Levels { stall: Some(Permille(850)), ..available(3700 * MIB) };
    tracker.update(&levels);
    assert_eq!(tracker.set(), Condition::HighMemory.into());
}

#[test]
fn stalls_between_the_marks_are_low_memory_until_they_ease() {
    let t = thresholds(Profile::EarlyWarning, Bytes::from_mib(4096));
    let mut tracker = Tracker::new(t);
    let at = |stall| Levels { stall: Some(Permille(stall)), ..available(500 * MIB) };
    tracker.update(&at(99));
    assert!(tracker.set().is_empty());
    tracker.update(&at(100));
    assert_eq!(tracker.set(), Condition::LowMemory.into());
    assert_eq!(tracker.reading(Condition::LowMemory).reason, Reason::Stall);
    assert_eq!(tracker.reading(Condition::LowMemory).threshold, Some(t.high_memory));
    tracker.update(&at(50));
    assert_eq!(tracker.set(), Condition::LowMemory.into());
    tracker.update(&at(49));
    assert!(tracker.set().is_empty());
    assert_eq!(tracker.reading(Condition::LowMemory).reason, Reason::Availability);
}

#[test]
fn a_stall_ends_at_once_where_memory_becomes_high() {
    let mut tracker = Tracker::new(thresholds(Profile::EarlyWarning, Bytes::from_mib(4096)));
    let at = |mib: u64| Levels { stall: Some(Permille(500)), ..available(mib * MIB) };
    tracker.update(&at(500));
    tracker.update(&at(3000));
    assert_eq!(tracker.set(), Condition::HighMemory.into());
}

#[test]
fn a_container_is_named_as_the_reason() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&Levels { bound: Bound::Container, ..available(MIB) });
    assert_eq!(tracker.reading(Condition::LowMemory).reason, Reason::ContainerLimit);
}

fn commit(charge: u64, limit: u64, maximum: Option<u64>) -> Levels {
    Levels {
        commit_charge: Some(Bytes(charge)),
        commit_limit: Some(Bytes(limit)),
        commit_maximum: maximum.map(Bytes),
        ..Levels::default()
    }
}

#[test]
fn commit_is_high_while_page_files_can_grow_and_maximum_when_they_cannot() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    let mut set = |levels: &Levels| {
        tracker.update(levels);
        tracker.set()
    };
    assert_eq!(set(&commit(500, 1000, Some(2000))), Condition::LowCommit.into());
    assert_eq!(set(&commit(850, 1000, Some(2000))), ConditionSet::EMPTY);
    assert_eq!(set(&commit(900, 1000, Some(2000))), Condition::HighCommit.into());
    assert_eq!(set(&commit(1700, 2000, Some(2000))), ConditionSet::EMPTY);
    assert_eq!(set(&commit(1950, 2000, Some(2000))), Condition::MaximumCommit.into());
}

#[test]
fn high_commit_is_unknown_where_the_maximum_is() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&commit(950, 1000, None));
    assert_eq!(state(&tracker, Condition::LowCommit), State::Clear);
    assert_eq!(state(&tracker, Condition::HighCommit), State::Unknown);
    assert_eq!(state(&tracker, Condition::MaximumCommit), State::Unknown);
}

#[test]
fn a_charge_beyond_the_limit_is_still_compared_by_level() {
    let mut tracker = Tracker::new(thresholds(Profile::Windows, Bytes::from_mib(4096)));
    tracker.update(&commit(5000, 1000, Some(1000)));
    assert_eq!(tracker.set(), Condition::MaximumCommit.into());
}

#[test]
fn the_distance_is_what_a_level_must_move_to_change_the_state() {
    let t = thresholds(Profile::Windows, Bytes::from_mib(4096));
    for start in [20 * MIB, 40 * MIB, 200 * MIB] {
        for condition in [Condition::LowMemory, Condition::HighMemory] {
            let mut tracker = Tracker::new(t);
            tracker.update(&available(start));
            let before = state(&tracker, condition);
            let distance = tracker.distance(condition).expect("the level is known").0;
            for near in [start.saturating_sub(distance - 1), start + distance - 1] {
                let mut still = tracker.clone();
                still.update(&available(near));
                assert_eq!(state(&still, condition), before, "{condition} from {start} to {near}");
            }
            let flips = [start.saturating_sub(distance + 1), start + distance + 1].map(|far| {
                let mut moved = tracker.clone();
                moved.update(&available(far));
                state(&moved, condition) != before
            });
            assert_eq!(flips.iter().filter(|f| **f).count(), 1, "{condition} from {start}");
        }
    }
}

fn any_levels() -> impl Strategy<Value = Levels> {
    let bytes = || proptest::option::weighted(0.95, (0..1200 * MIB).prop_map(Bytes));
    (bytes(), bytes(), bytes(), bytes(), bytes(), bytes(), proptest::option::of(0..1001_u16))
        .prop_map(|(available, paged, nonpaged, charge, limit, maximum, stall)| Levels {
            available,
            bound: Bound::PhysicalMemory,
            stall: stall.map(Permille),
            paged_pool_free: paged,
            nonpaged_pool_free: nonpaged,
            commit_charge: charge,
            commit_limit: limit,
            commit_maximum: maximum.max(limit),
        })
}

proptest! {
    #[test]
    fn low_and_high_of_a_resource_are_never_set_together(
        physical in 1..8192_u64,
        history in proptest::collection::vec(any_levels(), 1..60),
    ) {
        for profile in [Profile::Windows, Profile::EarlyWarning] {
            let mut tracker = Tracker::new(thresholds(profile, Bytes::from_mib(physical)));
            for levels in &history {
                tracker.update(levels);
                let set = tracker.set();
                for (low, high) in [
                    (Condition::LowMemory, Condition::HighMemory),
                    (Condition::LowPagedPool, Condition::HighPagedPool),
                    (Condition::LowNonPagedPool, Condition::HighNonPagedPool),
                    (Condition::LowCommit, Condition::HighCommit),
                ] {
                    prop_assert!(!(set.contains(low) && set.contains(high)), "{:?}", set);
                }
            }
        }
    }

    #[test]
    fn an_update_reports_exactly_the_states_that_changed(
        history in proptest::collection::vec(any_levels(), 1..60),
    ) {
        let mut tracker = Tracker::new(thresholds(Profile::EarlyWarning, Bytes::from_mib(1024)));
        for levels in &history {
            let before = *tracker.readings();
            let changed = tracker.update(levels);
            for (b, a) in before.iter().zip(tracker.readings()) {
                prop_assert_eq!(changed.contains(a.condition), b.state != a.state);
            }
        }
    }

    #[test]
    fn away_from_the_marks_the_past_does_not_matter(
        history in proptest::collection::vec(any_levels(), 0..40),
        last in any_levels(),
    ) {
        let t = thresholds(Profile::Windows, Bytes::from_mib(1024));
        let mut with_past = Tracker::new(t);
        for levels in &history {
            with_past.update(levels);
        }
        with_past.update(&last);
        let mut fresh = Tracker::new(t);
        fresh.update(&last);
        let margin = margin(t.low_memory, t.high_memory);
        let near = |level: Option<Bytes>, mark: Bytes| {
            level.is_some_and(|l| l.0.abs_diff(mark.0) <= margin.0)
        };
        let stalled = last.stall.is_some_and(|s| s.0 >= t.stall.0 / 2);
        if !near(last.available, t.low_memory) && !near(last.available, t.high_memory) && !stalled {
            let memory = [Condition::LowMemory, Condition::HighMemory];
            let states: Vec<_> = memory.iter().map(|c| state(&with_past, *c)).collect();
            let expected: Vec<_> = memory.iter().map(|c| state(&fresh, *c)).collect();
            prop_assert_eq!(states, expected);
        }
    }

    #[test]
    fn overrides_in_order_make_trackers_that_hold_the_invariant(
        low in 0..1024_u32, high in 0..1024_u32, level in 0..1100 * MIB,
    ) {
        let sizes = Sizes { physical: Bytes::from_mib(1024), ..Sizes::default() };
        let overrides =
            Overrides { low_memory_mb: Some(low), high_memory_mb: Some(high), ..Default::default() };
        let t = Thresholds::new(Profile::Windows, &sizes, &overrides).expect("below 1024 MB");
        let mut tracker = Tracker::new(t);
        tracker.update(&available(level));
        let set = tracker.set();
        prop_assert_eq!(set.contains(Condition::LowMemory), level < t.low_memory.0);
        prop_assert_eq!(set.contains(Condition::HighMemory), level >= t.high_memory.0);
    }
}
