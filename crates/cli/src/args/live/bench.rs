//! What `live bench` takes.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use memtide_compare::{Content, Multiple, Pattern, Plan, System};
use memtide_core::units::Bytes;
use std::path::PathBuf;

/// The long help.
pub(crate) const HELP: &str = "\
The same work on a plain slice of memory, a process each run. Kernel swap, zram and the mapped file
are limited by a memory cgroup; it, the swap file and the zram device are made for each run and
removed after it, also where the command is interrupted or killed. Other swap stays as it is. Where
something may not be set up, the rest is measured and the row says why. What zram compresses lies
outside its cgroup, on top of the budget; what a space compresses lies within.

A mapped file is advised of random access where the work is random (MADV_RANDOM).

Every system must come to the same result, or the command fails. With --json each row has the
faults, and the bytes read and written. A ratio says how many times as fast a system is.

Exit codes: 0 done; 2 an argument cannot be used; 3 a result was wrong, or the system refused;
130 interrupted.

Examples:
  memtide live bench
  memtide live bench --pattern sequential-read,random-read --data 1.5x,2x,4x
  memtide live bench --budget 64M --system memtide-in-thread,swap-file --runs 9
  memtide live bench --json | jq '.rows[] | {pattern, system, ns_per_access, ratio_to_swap_file}'";

/// What `live bench` takes.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The memory that each system may use.
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parse_budget)]
    pub(crate) budget: Bytes,
    /// The data, as times the budget; several are measured in turn.
    #[arg(long, value_name = "TIMES", default_value = "2x", value_delimiter = ',')]
    pub(crate) data: Vec<Multiple>,
    /// Only this work; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = pattern_parser())]
    pub(crate) pattern: Vec<Pattern>,
    /// Only this system; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = system_parser())]
    pub(crate) system: Vec<System>,
    /// Runs of each work under each system.
    #[arg(long, value_name = "NUMBER", default_value = "5",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(Plan::RUNS_MOST)))]
    pub(crate) runs: u32,
    /// What pages hold.
    #[arg(long, value_name = "CONTENT", default_value = "compressible",
          value_parser = content_parser())]
    pub(crate) content: Content,
    /// Where page files, swap files and mapped files are made: on the disk that is to be measured.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// What decides all that is random.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    /// Makes the one run that standard input tells; the command starts itself so.
    #[arg(long, hide = true)]
    pub(crate) worker: bool,
    /// Sets up what standard input asks for, and undoes it once that ends; the command starts
    /// itself so.
    #[arg(long, hide = true)]
    pub(crate) keeper: bool,
}

fn parse_budget(text: &str) -> Result<Bytes, String> {
    let (least, most) = (Plan::BUDGET_LEAST, Plan::BUDGET_MOST);
    let bytes: Bytes = text.parse().map_err(|error| format!("{error}"))?;
    match (least..=most).contains(&bytes) {
        true => Ok(bytes),
        false => Err(format!("'{text}' is no budget: expected {least} to {most}")),
    }
}

fn pattern_parser() -> impl TypedValueParser<Value = Pattern> {
    let possible = Pattern::ALL.map(|p| PossibleValue::new(p.name()).help(p.explanation()));
    PossibleValuesParser::new(possible).try_map(|name| {
        Pattern::ALL.into_iter().find(|pattern| pattern.name() == name).ok_or("it is no pattern")
    })
}

fn system_parser() -> impl TypedValueParser<Value = System> {
    let possible = System::ALL.map(|s| PossibleValue::new(s.name()).help(s.explanation()));
    PossibleValuesParser::new(possible).try_map(|name| {
        System::ALL.into_iter().find(|system| system.name() == name).ok_or("it is no system")
    })
}

fn content_parser() -> impl TypedValueParser<Value = Content> {
    PossibleValuesParser::new(Content::ALL.map(Content::name)).try_map(|name| {
        Content::ALL.into_iter().find(|content| content.name() == name).ok_or("it is no content")
    })
}
