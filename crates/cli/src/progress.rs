//! How far a long command has come: on standard error, only on a terminal, and only after two
//! seconds.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes less is not worth a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the clock and the terminal are looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// How far a long command has come.
pub(crate) struct Progress {
    /// What all of it comes to, in whatever is counted; `None` where nobody knows.
    total: Option<u64>,
    began: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
    is_wanted: bool,
}

impl Progress {
    /// The beginning of something that comes to `total`, in whatever is counted.
    pub(crate) fn new(total: Option<u64>) -> Self {
        let began = Instant::now();
        let is_wanted = io::stderr().is_terminal();
        Self { total, began, told: began, bar: None, is_wanted }
    }

    /// How long it has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells that so much is done, with what else there is to say. Cheap enough to be called some
    /// ten thousand times a second.
    pub(crate) fn tell(&mut self, done: u64, message: impl FnOnce(Duration) -> String) {
        if !self.is_wanted || self.told.elapsed() < PERIOD {
            return;
        }
        self.told = Instant::now();
        let elapsed = self.began.elapsed();
        if elapsed < PATIENCE {
            return;
        }
        let message = match self.total {
            Some(total) => {
                format!("{}, {} left", message(elapsed), time_left(elapsed, done, total))
            }
            None => message(elapsed),
        };
        let total = self.total;
        let bar = self.bar.get_or_insert_with(|| bar(total).with_position(done));
        bar.set_message(message);
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How long the rest takes at the rate so far.
fn time_left(elapsed: Duration, done: u64, total: u64) -> String {
    let share = done as f64 / total.max(1) as f64;
    let left = elapsed.as_secs_f64() * (1.0 / share.max(1e-9) - 1.0);
    let left = Duration::try_from_secs_f64(left.ceil()).unwrap_or(Duration::MAX);
    humantime::format_duration(left).to_string()
}

fn bar(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{bar:30} {percent:>3}%  {msg}",
        None => "{spinner} {msg}",
    };
    let style = ProgressStyle::with_template(template).expect("the template is sound");
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_the_rate_so_far() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(time_left(elapsed, 25, 100), "30s");
        assert_eq!(time_left(elapsed, 100, 100), "0s");
        assert_eq!(time_left(elapsed, 1, 1_000), "2h 46m 30s");
        // Nothing is known yet; it is long, and no panic.
        assert!(!time_left(elapsed, 0, u64::MAX).is_empty());
    }
}
