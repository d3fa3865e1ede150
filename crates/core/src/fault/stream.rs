//! Streams: faults of a region that follow one another, forwards or backwards, several at a time.
//! They decide how much is read or zeroed ahead.

/// How many streams of one region are followed at a time.
const STREAMS: usize = 4;

/// Pages to handle around a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Pages before the faulting one.
    pub(crate) before: u32,
    /// Pages after it.
    pub(crate) after: u32,
}

impl Window {
    /// The faulting page alone.
    pub(crate) const ONE: Self = Self { before: 0, after: 0 };

    /// Its pages.
    pub(crate) const fn width(self) -> u32 {
        self.before + 1 + self.after
    }
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Stream {
    /// The page that would go on upwards, and the one that would go on downwards.
    up: u64,
    down: u64,
    /// Pages handled at the last fault.
    width: u32,
    used_at: u32,
}

impl Stream {
    const fn goes_on(&self, page: u64) -> bool {
        page == self.up || page == self.down
    }
}

const IDLE: Stream = Stream { up: u64::MAX, down: u64::MAX, width: 0, used_at: 0 };

/// The streams of a region.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Streams {
    streams: [Stream; STREAMS],
    clock: u32,
}

impl Default for Streams {
    fn default() -> Self {
        Self { streams: [IDLE; STREAMS], clock: 0 }
    }
}

impl Streams {
    /// What to handle at a fault: twice as much as last time if it goes on where a stream left
    /// off, at most `most` pages; the page alone if it goes on nowhere.
    pub(crate) fn next(&mut self, page: u64, most: u32) -> Window {
        self.clock = self.clock.wrapping_add(1);
        let clock = self.clock;
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.goes_on(page)) {
            let width = stream.width.saturating_mul(2).min(most).max(1);
            let upwards = page == stream.up;
            *stream = Stream {
                up: page + if upwards { u64::from(width) } else { 1 },
                down: page.saturating_sub(if upwards { 1 } else { u64::from(width) }),
                width,
                used_at: clock,
            };
            let more = width - 1;
            return match upwards {
                true => Window { before: 0, after: more },
                false => Window { before: more, after: 0 },
            };
        }
        let age = |stream: &&mut Stream| clock.wrapping_sub(stream.used_at);
        if let Some(oldest) = self.streams.iter_mut().max_by_key(age) {
            *oldest = Stream { up: page + 1, down: page.wrapping_sub(1), width: 1, used_at: clock };
        }
        Window::ONE
    }

    /// Whether a fault goes on where a stream left off.
    pub(crate) fn goes_on(&self, page: u64) -> bool {
        self.streams.iter().any(|stream| stream.goes_on(page))
    }

    /// The pages of a window that were really handled: the stream goes on behind them. Fewer than
    /// were wanted take it back by no more than a step, since most often they only lay apart.
    pub(crate) fn handled(&mut self, page: u64, window: Window) {
        let clock = self.clock;
        let last = |stream: &&mut Stream| stream.used_at == clock;
        if let Some(stream) = self.streams.iter_mut().find(last) {
            stream.up = page + u64::from(window.after) + 1;
            stream.down = page.wrapping_sub(u64::from(window.before) + 1);
            stream.width = window.width().max(stream.width.div_ceil(2));
        }
    }

    /// How many pages the stream of the last fault takes at a time.
    pub(crate) fn width(&self) -> u32 {
        let last = self.streams.iter().find(|stream| stream.used_at == self.clock);
        last.map_or(1, |stream| stream.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_doubles_and_a_random_fault_stands_alone() {
        let mut streams = Streams::default();
        let mut page = 100;
        for after in [0, 1, 3, 7, 7] {
            assert_eq!(streams.next(page, 8), Window { before: 0, after });
            page += u64::from(after) + 1;
        }
        assert_eq!(streams.next(5000, 8), Window::ONE);
        assert_eq!(streams.next(4999, 8), Window { before: 1, after: 0 });
        assert_eq!(streams.next(4997, 8), Window { before: 3, after: 0 });
        assert_eq!(streams.next(page, 8), Window { before: 0, after: 7 }, "two streams at a time");
    }

    #[test]
    fn what_was_not_handled_ends_the_window() {
        let mut streams = Streams::default();
        streams.next(10, 64);
        assert_eq!(streams.next(11, 64), Window { before: 0, after: 1 });
        streams.handled(11, Window::ONE);
        assert_eq!(streams.next(12, 64), Window { before: 0, after: 1 });
    }
}
