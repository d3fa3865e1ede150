//! `cargo xtask miri`: what an interpreter can run of real memory and of the manager, with every
//! pointer and every race checked: no system calls of paging, and few cases of each property.

use std::process::Command;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::process;

/// The tests of a package's library that it can run.
const TESTS: [(&str, &[&str]); 2] = [
    ("memtide-live", &["compress::", "page_file::cipher::"]),
    ("memtide-core", &["space::runs::", "space::page_uses::", "working_set::list::"]),
];

/// Runs them with the nightly toolchain, to which its interpreter is added where it is missing;
/// where it cannot be had, says that nothing was checked.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    if let Err(error) = prepare() {
        println!("miri: SKIPPED: the nightly toolchain has no miri here: {error:#}");
        return Ok(());
    }
    for (package, tests) in TESTS {
        let mut command = rustup();
        command.args(["run", "nightly", "cargo", "miri", "test", "--package", package, "--lib"]);
        command.arg("--").args(tests);
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "2");
        command.env("CARGO_TARGET_DIR", checkout.target().join("miri"));
        process::run(command.current_dir(checkout.root()))?;
    }
    Ok(())
}

/// Rustup, away from the toolchain that runs this task.
fn rustup() -> Command {
    let mut command = Command::new("rustup");
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn prepare() -> Result<()> {
    let version = ["run", "nightly", "cargo", "miri", "--version"];
    if process::output_of(rustup().args(version)).is_ok() {
        return Ok(());
    }
    let add = ["component", "add", "--toolchain", "nightly", "miri", "rust-src"];
    process::run(rustup().args(add))
}
