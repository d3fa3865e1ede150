//! When to look again.

use memtide_core::units::Bytes;
use std::time::{Duration, Instant};

/// The soonest next look. Near a mark it decides how late a crossing is seen: half of it on the
/// average.
const SOONEST: Duration = Duration::from_millis(10);

/// The latest next look, with nothing near a mark.
const LATEST: Duration = Duration::from_secs(1);

/// The latest next look while someone waits for a level that can jump without memory being
/// touched (the commit charge): four looks a second are still well below a thousandth of a core.
const LATEST_JUMPING: Duration = Duration::from_millis(250);

/// The latest next look while programs stall.
#[cfg(target_os = "linux")]
const LATEST_STALLING: Duration = Duration::from_millis(100);

/// How fast memory is taken to fill until it is seen to fill faster, in bytes a second: a few
/// threads that touch new memory as fast as a kernel hands it out.
const EXPECTED_FILL: u64 = 4 << 30;

/// Why levels may change faster than memory fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alert {
    /// They don't.
    Calm,
    /// Someone waits for a level that can jump.
    Jumping,
    /// Programs stall, which only Linux counts.
    #[cfg(target_os = "linux")]
    Stalling,
}

/// Chooses the time of the next look from how far the nearest mark is and how fast memory filled.
#[derive(Debug)]
pub(crate) struct Pacing {
    fastest: u64,
    last: Option<(Instant, Bytes)>,
}

impl Pacing {
    pub(crate) const fn new() -> Self {
        Self { fastest: EXPECTED_FILL, last: None }
    }

    /// How long to wait, after `available` was seen at `now`.
    ///
    /// `distance` is how far the nearest mark is.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        available: Option<Bytes>,
        distance: Option<Bytes>,
        alert: Alert,
    ) -> Duration {
        self.learn(now, available);
        let latest = match alert {
            Alert::Calm => LATEST,
            Alert::Jumping => LATEST_JUMPING,
            #[cfg(target_os = "linux")]
            Alert::Stalling => LATEST_STALLING,
        };
        let Some(distance) = distance else { return latest };
        // Memory filling at the expected rate is then seen again half way to the mark at most.
        let micros = distance.scale(1_000_000 / 2, self.fastest).0;
        Duration::from_micros(micros).clamp(SOONEST, latest)
    }

    fn learn(&mut self, now: Instant, available: Option<Bytes>) {
        let before = self.last.take();
        self.last = available.map(|available| (now, available));
        let (Some((then, before)), Some(after)) = (before, available) else { return };
        let micros = now.saturating_duration_since(then).as_micros();
        // Over a shorter time the kernel's counters move in batches, not at a rate.
        if micros < SOONEST.as_micros() / 2 {
            return;
        }
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let rate = before.saturating_sub(after).scale(1_000_000, micros).0;
        self.fastest = self.fastest.max(rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn far_from_every_mark_it_looks_once_a_second() {
        let next = Pacing::new().next(Instant::now(), None, Some(Bytes(20 * GIB)), Alert::Calm);
        assert_eq!(next, LATEST);
    }

    #[test]
    fn levels_that_can_jump_are_looked_at_more_often() {
        let far = |alert| Pacing::new().next(Instant::now(), None, Some(Bytes(20 * GIB)), alert);
        assert_eq!(far(Alert::Jumping), LATEST_JUMPING);
        #[cfg(target_os = "linux")]
        assert_eq!(far(Alert::Stalling), LATEST_STALLING);
    }

    #[test]
    fn memory_that_fills_steadily_is_never_seen_late() {
        for rate in [200 << 20, GIB, 2 * GIB, 16 * GIB] {
            let mut pacing = Pacing::new();
            let start = Instant::now();
            let full = 24 * GIB;
            let mark = 64 << 20;
            let mut elapsed = Duration::ZERO;
            let at = |elapsed: Duration| {
                let micros = u64::try_from(elapsed.as_micros()).expect("minutes");
                let filled = Bytes(rate).scale(micros, 1_000_000);
                Bytes(full).saturating_sub(filled)
            };
            let mut looks = 0;
            while at(elapsed).0 >= mark {
                let available = at(elapsed);
                let distance = Bytes(available.0 - mark);
                elapsed +=
                    pacing.next(start + elapsed, Some(available), Some(distance), Alert::Calm);
                looks += 1;
            }
            let crossed = Duration::from_secs_f64((full - mark) as f64 / rate as f64);
            assert!(elapsed - crossed <= SOONEST, "{rate}: {:?} late", elapsed - crossed);
            assert!(looks < 400, "{rate}: {looks} looks");
        }
    }
}
