//! What a page may hold, as far as a program can know.

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// This.
    Exact(u64),
    /// This, and at any moment zeros for ever: it was reset, or offered.
    Fading(u64),
    /// This or zeros; which of both is settled, and the next read tells.
    Either(u64),
    /// Nothing: it could not be brought back. Every access says so, until it is thrown away.
    Lost,
}

impl Content {
    /// Takes what was read; `false` if that is wrong.
    pub(super) fn accept(&mut self, seen: u64) -> bool {
        match *self {
            Self::Exact(value) => return seen == value,
            // It is still there, and may still go.
            Self::Fading(value) if seen == value => {}
            Self::Either(value) if seen == value => *self = Self::Exact(value),
            Self::Fading(_) | Self::Either(_) if seen == 0 => *self = Self::Exact(0),
            Self::Fading(_) | Self::Either(_) | Self::Lost => return false,
        }
        true
    }

    /// Takes what was written; `false` if nothing could be.
    pub(super) fn write(&mut self, written: u64) -> bool {
        let is_there = *self != Self::Lost;
        if is_there {
            *self = Self::Exact(written);
        }
        is_there
    }

    /// It was reset: from now on the contents may be thrown away. What is lost is gone at once.
    pub(super) const fn reset(&mut self) {
        *self = match *self {
            Self::Exact(value) | Self::Fading(value) | Self::Either(value) => Self::Fading(value),
            Self::Lost => Self::Fading(0),
        };
    }

    /// It was offered: from now on the contents may be thrown away.
    pub(super) const fn offer(&mut self) {
        if !matches!(self, Self::Lost) {
            self.reset();
        }
    }

    /// From now on the contents stay as they are, if they still are: what was not given up is.
    pub(super) const fn settle(&mut self) {
        if let Self::Fading(value) = *self {
            *self = Self::Either(value);
        }
    }
}
