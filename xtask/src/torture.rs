//! `cargo xtask torture`: threads, random calls and accesses, pressure, and disks that fail, on
//! real memory, for as long as it is told.

use anyhow::Result;
use clap::Args;

use crate::checkout::Checkout;
use crate::process;

/// How long, and from which round on.
#[derive(Args)]
pub(crate) struct Options {
    /// How long, in minutes
    #[arg(long, default_value_t = 5)]
    minutes: u32,
    /// The seed of the first round; the next has the next
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs rounds until the time is out, or a wrong byte is found.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<()> {
    let mut test = process::cargo();
    test.args(["test", "--package", "memtide-live", "--test", "torture"]);
    test.args(["--", "--ignored", "--exact", "torture_as_long_as_it_is_told_loses_no_byte"]);
    test.args(["--nocapture"]);
    test.env("MEMTIDE_TORTURE_SECONDS", (u64::from(options.minutes) * 60).to_string());
    test.env("MEMTIDE_SEED", options.seed.to_string());
    process::run(test.current_dir(checkout.root()))
}
