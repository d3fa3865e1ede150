//! What a program does about exceptions of its memory.

use memtide_core::Exception;

/// What becomes of an access that raised an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is made again: what was in its way is gone.
    Retry,
    /// The process ends as it would without Memtide: by SIGSEGV for violations, by SIGBUS for
    /// pages that cannot be had back, or in the handler that the program has for that signal; on
    /// Windows by the exception, or in whatever handles that after us.
    Die,
}

/// What decides. It runs on the thread that faulted, in a signal's handler: what it may call there
/// is what POSIX calls async-signal-safe, and everything of Memtide. On Windows it is called by a
/// vectored exception handler, and should not take locks that the thread may hold.
pub type Handler = Box<dyn Fn(&Exception) -> Disposition + Send + Sync>;
