//! The stall of the last second, from a counter that only grows.

use crate::Stall;
use memtide_core::conditions::Permille;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the share reaches.
const WINDOW: Duration = Duration::from_secs(1);

/// How far apart the counts kept are; finer ones would only cost memory.
const STEP: Duration = Duration::from_millis(100);

/// The counts of the last second.
#[derive(Debug, Default)]
pub(crate) struct StallWindow {
    counts: VecDeque<(Instant, u64)>,
}

impl StallWindow {
    /// The share of the last second in which some thread waited; until a second has been seen,
    /// the system's own average over ten.
    pub(crate) fn share(&mut self, now: Instant, stall: Option<Stall>) -> Option<Permille> {
        let Some(stall) = stall else {
            self.counts.clear();
            return None;
        };
        let age = |then: Instant| now.saturating_duration_since(then);
        // The newest count that is a whole window old is where the window begins.
        while self.counts.get(1).is_some_and(|(then, _)| age(*then) >= WINDOW) {
            self.counts.pop_front();
        }
        let share = match self.counts.front() {
            Some((then, total)) if age(*then) >= WINDOW => {
                let waited = u128::from(stall.total_us.saturating_sub(*total));
                let share = waited * 1000 / age(*then).as_micros().max(1);
                Permille(u16::try_from(share.min(1000)).unwrap_or(1000))
            }
            _ => stall.some,
        };
        if self.counts.back().is_none_or(|(then, _)| age(*then) >= STEP) {
            self.counts.push_back((now, stall.total_us));
        }
        Some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stall(total_us: u64) -> Option<Stall> {
        Some(Stall { some: Permille(7), full: None, total_us })
    }

    #[test]
    fn the_share_is_of_the_last_second_and_not_of_the_past() {
        let mut window = StallWindow::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(window.share(at(0), stall(0)), Some(Permille(7)), "no second seen yet");
        for step in 1..=30 {
            window.share(at(step * 100), stall(step * 50_000));
        }
        assert_eq!(window.share(at(3100), stall(1_550_000)), Some(Permille(500)));
        for step in 32..=50 {
            window.share(at(step * 100), stall(1_550_000));
        }
        assert_eq!(window.share(at(5100), stall(1_550_000)), Some(Permille(0)));
        assert!(window.counts.len() <= 12, "{}", window.counts.len());
    }

    #[test]
    fn without_a_count_there_is_no_share() {
        let mut window = StallWindow::default();
        assert_eq!(window.share(Instant::now(), None), None);
    }
}
