//! `cargo xtask sanitize`: the tests of real memory under AddressSanitizer, torture among them.
//!
//! It knows what is allocated and what lies on stacks. What managed memory holds is not its matter,
//! and signals are left to whom they are for.

use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::{nightly, process};

/// Tests that measure what the sanitizer itself takes of stacks and of memory, and those that leave
/// it no mappings.
const SKIPPED: [&str; 9] = [
    "a_handler_has_room_though_the_alternate_stack_has_not",
    "the_sort_example_sorts_four_times_its_budget",
    "a_machine_takes_at_most_a_hundredth_of_what_it_manages",
    "compressed_pages_take_no_more_than_a_hundredth",
    "memory_that_is_used_here_and_there_takes_no_more_than_a_hundredth",
    "a_section_takes_no_more_than_a_hundredth_of_its_views",
    "the_least_machine_takes_less_than_a_mebibyte",
    "executable_pages_beyond_what_the_kernel_maps_are_refused_and_change_nothing",
    "a_view_that_the_kernel_has_no_mapping_for_is_an_error_and_all_else_goes_on",
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
    if !nightly::is_here(&[]) {
        nightly::install(&[]).context("sanitizers come with nightly Rust alone")?;
    }
    let mut test = Command::new("cargo");
    test.args(["+nightly", "test", "--target", TARGET, "--package", "memtide-live"]);
    test.args(["--no-fail-fast", "--lib", "--tests", "--"]).current_dir(checkout.root());
    for name in SKIPPED {
        test.args(["--skip", name]);
    }
    test.env("RUSTFLAGS", "-Zsanitizer=address").env("ASAN_OPTIONS", OPTIONS);
    test.env("CARGO_TARGET_DIR", checkout.target().join("sanitize"));
    process::run(&mut test)
}
