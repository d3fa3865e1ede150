//! `memtide sim trace`: a trace on a machine of its own.

use super::reading::{self, told};
use crate::Exit;
use crate::args::sim::{Memory, TraceArgs};
use crate::output::Output;
use memtide_sim::trace::TraceRun;
use memtide_view::{fields, text};

/// Runs a trace and counts its faults.
///
/// # Errors
/// Where the trace cannot be read or is none, or there is no such machine.
pub(crate) fn run(output: Output, args: &TraceArgs) -> anyhow::Result<Exit> {
    let trace = reading::open(&args.trace, args.format)?;
    let frames = match args.memory {
        Memory::All => None,
        Memory::Frames(frames) => Some(frames),
    };
    let run = TraceRun { frames, disk: args.disk.clone(), reference_time: args.reference_time };
    let mut progress = crate::progress::Progress::new(trace.progress().total);
    let report = run.run(trace, &mut |reached| told(&mut progress, reached))?;
    drop(progress);
    output.print(&fields::TRACE.row(&report), text::record)?;
    Ok(Exit::Done)
}
