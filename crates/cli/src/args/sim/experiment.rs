//! What `sim experiment` takes.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use memtide_sim::experiments::EXPERIMENTS;

/// What stands for the list of all of them.
pub(crate) const LIST: &str = "list";

/// The long help.
pub(crate) const HELP: &str = "\
Each experiment has a page in docs/experiments. The exit code is 1 where a finding does not hold.

Examples:
  memtide sim experiment list
  memtide sim experiment copy-on-write
  memtide sim experiment optimisers --picture optimisers.svg";

/// What `sim experiment` takes.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// Which experiment, or `list`.
    #[arg(value_name = "NAME", value_parser = names())]
    pub(crate) name: String,
    /// Draw its picture too, as SVG or PNG by the name of the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
}

fn names() -> PossibleValuesParser {
    let list = PossibleValue::new(LIST).help("Each experiment, with its question");
    let experiments = EXPERIMENTS
        .iter()
        .map(|experiment| PossibleValue::new(experiment.name).help(experiment.question));
    PossibleValuesParser::new(std::iter::once(list).chain(experiments))
}
