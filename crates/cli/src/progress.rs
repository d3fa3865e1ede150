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
        let total = self.total;
        let bar = self.bar.get_or_insert_with(|| bar(total, elapsed));
        bar.set_position(done);
        bar.set_message(message(elapsed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>, elapsed: Duration) -> ProgressBar {
    let template = match total {
        Some(_) => "{bar:30} {percent:>3}%  {msg}, {eta} left",
        None => "{spinner} {elapsed}  {msg}",
    };
    let style = ProgressStyle::with_template(template).expect("the template is sound");
    ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
        .with_style(style)
        .with_elapsed(elapsed)
}
