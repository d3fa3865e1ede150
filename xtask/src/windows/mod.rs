//! `cargo xtask windows`: what can be proved of Windows on Debian.
//!
//! The command and the libraries are built with mingw, linted, and tested under Wine in a system of
//! their own below target/windows/; for Microsoft's linker and for 32 bits they are checked. What
//! Wine answers without doing it is no proof, and no test here takes it for one: CONTRACT.md says
//! what waits for a real Windows.

mod target;
mod wine;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::debian;
use crate::process;
use target::{CHECKED, CHECKED_32_BIT, RUN};
use wine::Prefix;

/// What is built, linted, tested and checked.
const PACKAGES: [&str; 8] = [
    "--package",
    "memtide-host",
    "--package",
    "memtide-live",
    "--package",
    "memtide",
    "--package",
    "memtide-cli",
];

/// Which of their tests run: what simulates is the same everywhere, so of the command those that
/// know Windows; of spaces those that know no system, too.
const TESTS: [&str; 12] = [
    "--lib",
    "--bins",
    "--test",
    "windows_*",
    "--test",
    "conditions",
    "--test",
    "calls",
    "--test",
    "exceptions",
    "--test",
    "sections",
];

/// Builds, lints, tests and checks.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    debian::install(&[
        ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"),
        ("wine", "wine"),
        ("wine", "wine64"),
    ])?;
    target::add(&[RUN, CHECKED, CHECKED_32_BIT])?;
    let folder = checkout.target().join("windows");
    let prefix = Prefix::open(&folder)?;

    let cargo = |task: &str, target: &str| {
        let mut cargo = process::cargo();
        cargo.args([task, "--target", target]).current_dir(checkout.root());
        cargo
    };
    let mut lint = cargo("clippy", RUN);
    lint.args(PACKAGES).args(["--all-targets", "--", "-D", "warnings"]);
    process::run(&mut lint)?;
    for tests in [[&PACKAGES[..], &TESTS].concat(), vec!["--package", "memtide", "--doc"]] {
        let mut test = cargo("test", RUN);
        target::build_quickly(&mut test);
        prefix.run_programs_of(&mut test);
        test.args(&tests);
        // The system is ours alone, so what changes it may run too.
        if !tests.contains(&"--doc") {
            test.args(["--", "--include-ignored"]);
        }
        process::run(&mut test)?;
    }
    process::run(cargo("check", CHECKED).args(PACKAGES))?;
    let structs = ["--package", "memtide-host", "--package", "memtide-live"];
    process::run(cargo("check", CHECKED_32_BIT).args(structs))
}
