//! What `sim campaign` takes.

use clap::{Args, ValueEnum};
use memtide_sim::Plant;
use memtide_sim::campaign::{Amount, Generation};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The long help.
pub(crate) const HELP: &str = "\
A run is a random machine with random programs, made from one seed. After every input and call the
whole state of the memory manager is proved; every access is compared with an oracle that knows
every byte; every injected error must surface, and every error must have been injected; in the end
nothing may be left. A run that fails is made short, saved, and printed as a command to repeat it.

Exit codes: 0 nothing was found; 1 a run failed; 2 an argument or the file cannot be used.

Examples:
  memtide sim campaign
  memtide sim campaign --minutes 10 --faults many
  memtide sim campaign --seed 17 --runs 1 --steps 2000
  memtide sim campaign --repeat campaign-17.toml";

/// What `sim campaign` takes.
#[derive(Debug, Args)]
pub(crate) struct CampaignArgs {
    /// The seed of the first run; those that follow take the next ones (default: a fresh one).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// How many runs (default: as many as a minute has room for).
    #[arg(long, value_name = "NUMBER", conflicts_with = "minutes")]
    pub(crate) runs: Option<u64>,
    /// For how long.
    #[arg(long, value_name = "MINUTES", value_parser = parse_minutes)]
    pub(crate) minutes: Option<Duration>,
    /// Steps of each run.
    #[arg(long, value_name = "NUMBER", default_value = "2000",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) steps: u64,
    /// How many faults are injected (default: each seed decides).
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) faults: Option<Faults>,
    /// Runs side by side (default: one a processor).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Where a failing run is saved.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub(crate) save: PathBuf,
    /// Repeat the run of a file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "runs", "minutes"])]
    pub(crate) repeat: Option<PathBuf>,
    /// A defect that is planted in each run, to prove that it is found.
    #[arg(long, hide = true, value_parser = clap::builder::PossibleValuesParser::new(PLANTS))]
    pub(crate) plant: Option<String>,
    /// Does the runs that standard input names; the command starts itself so, for a run may end in
    /// a panic.
    #[arg(long, hide = true)]
    pub(crate) worker: bool,
}

/// How many faults are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Faults {
    /// None: all that was promised is had.
    None,
    /// Now and then.
    Some,
    /// All the time.
    Many,
}

impl Faults {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Some => "some",
            Self::Many => "many",
        }
    }
}

impl CampaignArgs {
    /// What runs are made like.
    pub(crate) fn generation(&self) -> Generation {
        let amount = |faults| match faults {
            Faults::None => Amount::None,
            Faults::Some => Amount::Some,
            Faults::Many => Amount::Many,
        };
        Generation {
            steps: self.steps,
            faults: self.faults.map(amount),
            plant: self.plant.as_deref().and_then(planted),
        }
    }
}

/// What can be planted from the command line.
const PLANTS: [&str; 3] = ["flip-bit", "drop-completion", "panic"];

fn planted(name: &str) -> Option<Plant> {
    match name {
        "flip-bit" => Some(Plant::FlipBit),
        "drop-completion" => Some(Plant::DropCompletion),
        "panic" => Some(Plant::Panic),
        _ => None,
    }
}

fn parse_minutes(text: &str) -> Result<Duration, String> {
    const SECONDS: f64 = 60.0;
    const MOST: f64 = 60.0 * 24.0 * 365.0;
    let minutes: f64 = text.parse().map_err(|_| "expected a number of minutes".to_owned())?;
    if minutes > 0.0 && minutes <= MOST {
        return Ok(Duration::from_secs_f64(minutes * SECONDS));
    }
    Err(format!("expected more than 0 and at most {MOST} minutes"))
}
