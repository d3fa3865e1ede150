//! What `sim run` takes.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// The long help.
pub(crate) const HELP: &str = "\
docs/SCENARIOS.md lists every key of a scenario; the folder scenarios/ holds some to begin with.
A scenario and a seed give the same run, byte for byte, with --json too (but for how long the
simulation itself took).

Exit codes: 0 done; 2 the scenario or an argument cannot be used; 3 a file could not be written.

Examples:
  memtide sim run scenarios/desktop.toml
  memtide sim run scenarios/desktop.toml --picture desktop.svg
  memtide sim run scenarios/leak.toml --json | jq '.conditions[] | {name, first_set, held}'
  memtide sim run scenarios/cache.toml --seed 7 --csv cache/ --log cache.log";

/// What `sim run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scenario, a file in TOML.
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) scenario: PathBuf,
    /// What decides all that is random, in place of the scenario's own seed.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// When it is over, in virtual time, in place of the scenario's own duration.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Write the report as CSV files into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) csv: Option<PathBuf>,
    /// Draw a picture, as SVG or PNG by the name of the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// What the picture shows.
    #[arg(long, value_name = "WHAT", default_value = "lists", requires = "picture")]
    pub(crate) show: Shown,
    /// Write everything that happens to a log, which `sim replay` and `kd` read.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    /// The page lists over time, with the thresholds.
    Lists,
    /// The faults over time, by kind.
    Faults,
    /// The working sets over time.
    WorkingSets,
}
