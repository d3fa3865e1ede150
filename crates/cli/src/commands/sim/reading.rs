//! Opening traces, and telling how far the reading of one has come.

use crate::progress::Progress;
use memtide_sim::trace::{self, Format, Trace, TraceError};
use std::io;
use std::path::Path;

/// Opens a trace; `-` is standard input.
///
/// # Errors
/// Where it cannot be read, or is of no known format.
pub(super) fn open(path: &Path, format: Option<Format>) -> Result<Trace, TraceError> {
    match path.as_os_str() == "-" {
        true => Trace::of_source("standard input", io::stdin(), format),
        false => Trace::open(path, format),
    }
}

/// Tells how far it has come, and how fast.
pub(super) fn told(progress: &mut Progress, reached: &trace::Progress) {
    progress.tell(reached.read(), |elapsed| {
        let millions = reached.references() as f64 / 1e6;
        let rate = millions / elapsed.as_secs_f64();
        format!("{millions:.0} million references, {rate:.1} million/s")
    });
}
