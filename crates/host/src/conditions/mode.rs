//! Any or all of several conditions.

/// Which of several conditions must be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One of them.
    Any,
    /// All of them at the same time.
    All,
}
