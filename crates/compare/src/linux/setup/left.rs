//! What could not be undone.

/// Tells what is left where nobody is left to hear it.
pub(super) fn tell(undone: Result<(), String>) {
    if let Err(left) = undone {
        eprintln!("memtide: left behind: {left}");
    }
}
