//! `memtide sim experiment`.

use std::path::Path;

use memtide_sim::experiments::{EXPERIMENTS, Experiment};
use memtide_sim::picture::Format;
use memtide_view::{fields, text};

use crate::Exit;
use crate::args::sim::{ExperimentArgs, LIST};
use crate::config::BadConfig;
use crate::output::Output;

/// Makes an experiment of the book, and draws its picture.
///
/// # Errors
/// Where the picture cannot be written.
pub(crate) fn run(output: Output, args: &ExperimentArgs) -> anyhow::Result<Exit> {
    let picture = args.picture.as_deref();
    if let Some(path) = picture {
        Format::of(path).map_err(|error| BadConfig::new(format!("--picture: {error}")))?;
    }
    let Some(experiment) = Experiment::named(&args.name) else { return list(output, picture) };
    let outcome = experiment.run();
    output.print(&fields::EXPERIMENT.row(&outcome), |_, _| outcome.to_string())?;
    if let Some(path) = picture {
        experiment.picture().save(path)?;
    }
    Ok(if outcome.holds() { Exit::Done } else { Exit::No })
}

fn list(output: Output, picture: Option<&Path>) -> anyhow::Result<Exit> {
    if picture.is_some() {
        let problem = format!("--picture: {LIST} has none: expected the name of an experiment");
        return Err(BadConfig::new(problem).into());
    }
    let all = EXPERIMENTS.to_vec();
    output.print(&fields::EXPERIMENT_LIST.row(&all), |_, style| {
        let rows = fields::EXPERIMENT_NAME.rows(&all);
        text::table(&fields::EXPERIMENT_NAME, &rows, &[], style)
    })?;
    Ok(Exit::Done)
}
