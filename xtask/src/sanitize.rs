//! `cargo xtask sanitize`: the tests of real memory under AddressSanitizer, torture among them.
//!
//! It knows what is allocated and what lies on stacks. What managed memory holds is not its matter,
//! and signals are left to whom they are for.

use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::process;

/// Tests that measure what the sanitizer itself takes, of stacks and of memory.
const SKIPPED: [&str; 2] = [
    "a_handler_has_room_though_the_alternate_stack_has_not",
    "the_sort_example_sorts_four_times_its_budget",
];

/// Faults are the tests' own; what they forget is no leak.
const OPTIONS: &str = "handle_segv=0:handle_sigbus=0:detect_leaks=0";

/// The machine that the sanitizer is there for. It is named so that build scripts run without it.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Runs them.
///
/// # Errors
/// Where there is no nightly Rust and rustup cannot get one, and what the sanitizer finds.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    let mut version = Command::new("cargo");
    let version = version.args(["+nightly", "--version"]).output();
    if !version.is_ok_and(|output| output.status.success()) {
        let mut install = Command::new("rustup");
        install.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
        process::run(&mut install).context("sanitizers come with nightly Rust alone")?;
    }
    let mut test = Command::new("cargo");
    test.args(["+nightly", "test", "--target", TARGET, "--package", "memtide-live"]);
    test.args(["--no-fail-fast", "--lib", "--tests", "--"]).current_dir(checkout.root());
    for name in SKIPPED {
        test.args(["--skip", name]);
    }
    test.env("RUSTFLAGS", "-Zsanitizer=address").env("ASAN_OPTIONS", OPTIONS);
    test.env("CARGO_TARGET_DIR", checkout.root().join("target/sanitize"));
    process::run(&mut test)
}
