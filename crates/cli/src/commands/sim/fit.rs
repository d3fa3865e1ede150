//! `memtide sim fit`: the memory that a trace needs.

use super::reading::{self, told};
use crate::Exit;
use crate::args::sim::FitArgs;
use crate::config::BadConfig;
use crate::output::Output;
use crate::progress::Progress;
use memtide_sim::picture::{self, Picture};
use memtide_sim::report::miss_ratio;
use memtide_sim::sizing::{CurveBuilder, Fit, FitQuestion, MissRatioCurve};
use memtide_view::{fields, text};

/// Finds the memory that a trace needs.
///
/// # Errors
/// Where the trace cannot be read or is none.
pub(crate) fn run(output: Output, args: &FitArgs) -> anyhow::Result<Exit> {
    if let Some(path) = &args.picture {
        picture::Format::of(path).map_err(|error| BadConfig::new(format!("--picture: {error}")))?;
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
    let picture = args.picture.as_ref().map(|path| (path, drawn(&curve, &fit, args)));
    let report = fields::FitReport { fit, elapsed };
    output.print(&fields::FIT.row(&report), text::record)?;
    if let Some((path, picture)) = picture {
        picture.save(path)?;
    }
    Ok(Exit::Done)
}

/// The curve with its knee, what was asked for, and what the bound needs.
fn drawn(curve: &MissRatioCurve, fit: &Fit, args: &FitArgs) -> Picture {
    let needed = format!("for a slow-down of {}", fit.bound);
    let asked = args.memory.iter().map(|pages| ("asked for", *pages));
    let marked: Vec<_> = asked.chain([(needed.as_str(), fit.needed.pages)]).collect();
    miss_ratio(curve, &marked)
}
