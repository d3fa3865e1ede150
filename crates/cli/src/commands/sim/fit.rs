//! `memtide sim fit`: the memory that a trace needs.

use super::reading::{self, told};
use crate::Exit;
use crate::args::sim::FitArgs;
use crate::config::BadConfig;
use crate::output::Output;
use crate::progress::Progress;
use anyhow::Context;
use memtide_sim::picture::Format;
use memtide_sim::sizing::{self, CurveBuilder, Fit, FitQuestion};
use memtide_view::{fields, text};

/// Finds the memory that a trace needs.
///
/// # Errors
/// Where the trace cannot be read or is none, or the picture cannot be written.
pub(crate) fn run(output: Output, args: &FitArgs) -> anyhow::Result<Exit> {
    if let Some(path) = &args.picture {
        Format::of(path).map_err(|error| BadConfig::new(format!("--picture: {error}")))?;
    }
    let mut trace = reading::open(&args.trace, args.format)?;
    let reached = trace.progress();
    let mut progress = Progress::new(reached.total);
    let (mut curve, mut batch) = (CurveBuilder::default(), Vec::new());
    while trace.read(&mut batch)? {
        curve.extend(&batch);
        told(&mut progress, &reached);
    }
    let elapsed = progress.elapsed();
    drop(progress);
    let question = FitQuestion {
        reference_time: args.reference_time,
        disk: args.disk.clone(),
        bound: args.slow_down,
        memories: args.memory.clone(),
        points: args.points,
    };
    let curve = curve.finish();
    let fit = Fit::new(&curve, &question)?;
    let report = fields::FitReport { fit, elapsed };
    output.print(&fields::FIT.row(&report), text::record)?;
    if let Some(path) = &args.picture {
        let drawn = sizing::picture(&curve, &report.fit);
        drawn.save(path).with_context(|| path.display().to_string())?;
    }
    Ok(Exit::Done)
}
