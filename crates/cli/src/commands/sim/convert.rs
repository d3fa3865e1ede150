//! `memtide sim convert`: a trace in Memtide's own format.

use super::reading::{self, told};
use super::writing::Writing;
use crate::Exit;
use crate::args::sim::ConvertArgs;
use crate::output::Output;
use crate::progress::Progress;
use memtide_view::{fields, text};

/// Writes a trace of any format in Memtide's own.
///
/// # Errors
/// Where it cannot be read or is none, or the other cannot be written.
pub(crate) fn run(output: Output, args: &ConvertArgs) -> anyhow::Result<Exit> {
    let mut trace = reading::open(&args.trace, args.format)?;
    let mut writing = Writing::begin(&args.output, args.unit.into())?;
    let reached = trace.progress();
    let mut progress = Progress::new(reached.total);
    let mut batch = Vec::new();
    while trace.read(&mut batch)? {
        writing.write(&batch)?;
        told(&mut progress, &reached);
    }
    drop(progress);
    output.print(&fields::WRITTEN.row(&writing.finish()?), text::record)?;
    Ok(Exit::Done)
}
