//! What `live demo` takes.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use memtide_compare::{Multiple, Plan};
use memtide_core::units::Bytes;
use memtide_live::{BUDGET_LEAST, FaultPath};
use std::path::PathBuf;

/// The long help.
pub(crate) const HELP: &str = "\
Records of 32 bytes, a random key and 24 bytes that it decides, are filled in, sorted by the
standard library and checked: their order, every byte of each, and that all are there. The page file
has no name and is gone when the command ends, however it ends. On a terminal a few lines are
refreshed; on a pipe there is a line at each stage and each second, and with --json a record.

Exit codes: 0 done; 2 an argument cannot be used; 3 what was sorted is wrong, or the system refused;
130 interrupted.

Examples:
  memtide live demo
  memtide live demo --budget 256M --data 8x --compression 50
  memtide live demo --json | jq -c '{elapsed, stage, resident}'";

/// What `live demo` takes.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The memory that the space may use.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_budget)]
    pub(crate) budget: Bytes,
    /// The data, as times the budget.
    #[arg(long, value_name = "TIMES", default_value = "4x")]
    pub(crate) data: Multiple,
    /// Compress pages, which may take so much of the budget, from 1 to 100 (default: not).
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) compression: Option<u8>,
    /// Where faults are handled.
    #[arg(long, value_name = "PATH", default_value = "in-thread", value_parser = path_parser())]
    pub(crate) path: FaultPath,
    /// Where the page file is made (default: where temporary files go, on a disk if possible).
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) directory: Option<PathBuf>,
}

fn parse_budget(text: &str) -> Result<Bytes, String> {
    let (least, most) = (BUDGET_LEAST, Plan::BUDGET_MOST);
    let bytes: Bytes = text.parse().map_err(|error| format!("{error}"))?;
    match (least..=most).contains(&bytes) {
        true => Ok(bytes),
        false => Err(format!("'{text}' is no budget: expected {least} to {most}")),
    }
}

const PATHS: [(FaultPath, &str); 2] = [
    (FaultPath::InThread, "in the thread that faults: the fastest, without privilege"),
    (FaultPath::Handler, "by threads of the space: takes privilege"),
];

/// The name of a path, here and in JSON.
pub(crate) const fn path_name(path: FaultPath) -> &'static str {
    match path {
        FaultPath::InThread => "in-thread",
        FaultPath::Handler => "handler",
    }
}

fn path_parser() -> impl TypedValueParser<Value = FaultPath> {
    let possible = PATHS.map(|(path, help)| PossibleValue::new(path_name(path)).help(help));
    PossibleValuesParser::new(possible).try_map(|name| {
        let found = PATHS.into_iter().find(|(path, _)| path_name(*path) == name);
        found.map(|(path, _)| path).ok_or("it is no path")
    })
}
