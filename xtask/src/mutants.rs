//! `cargo xtask mutants`: changes the core in thousands of small ways, one at a time, and tells
//! which of them no test notices.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::checkout::Checkout;
use crate::process;
use crate::tool::Tool;

const TOOL: Tool = Tool { name: "cargo-mutants", version: "27.1.0" };

/// Which part of it to do: all of it takes a day.
#[derive(Args)]
pub(crate) struct Options {
    /// Part K of N, such as 3/60
    #[arg(long, default_value = "0/60")]
    shard: String,
}

/// Runs a shard; the list of what was missed stands in the build folder.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<()> {
    let program = TOOL.program(checkout)?;
    let output = checkout.target().join("mutants");
    let mut mutants = Command::new(program);
    mutants.args(["mutants", "--package", "memtide-core", "--shard", &options.shard]);
    mutants.args(["--timeout", "120", "--build-timeout", "300", "--output"]).arg(output);
    // Enough random steps to notice, few enough for thousands of runs.
    mutants.env("MEMTIDE_RUNS", "6").env("MEMTIDE_STEPS", "1500");
    mutants.args(["--", "--tests"]).current_dir(checkout.root());
    process::run(&mut mutants)
}
