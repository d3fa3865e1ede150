//! `cargo xtask miri`: what of real memory an interpreter can run that knows every rule of Rust's
//! memory.
//!
//! Miri knows neither userfaultfd nor mappings with protections: what runs is what works on bytes
//! and tables.

use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::{nightly, process};

/// The tests that Miri can run, by what their names begin with.
const TESTS: [&str; 4] = ["compress::", "frames::", "pager::run::", "page_file::cipher::"];

/// Runs them.
///
/// # Errors
/// Where there is no nightly Rust with Miri and rustup cannot get one, and what Miri finds.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    if !nightly::is_here(&["miri"]) {
        nightly::install(&["miri", "rust-src"]).context("Miri comes with nightly Rust alone")?;
    }
    let mut miri = Command::new("cargo");
    miri.args(["+nightly", "miri", "test", "--package", "memtide-live", "--lib", "--"]);
    miri.args(TESTS).current_dir(checkout.root());
    miri.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "2");
    process::run(miri.arg("--nocapture"))
}
