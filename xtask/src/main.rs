//! What a developer of Memtide repeats: `cargo xtask NAME`.
//!
//! Each command is a module of its own; this file only names them.

mod checkout;
mod debian;
mod deny;
mod emulate;
mod fuzz;
mod miri;
mod msrv;
mod mutants;
mod nightly;
mod privileged;
mod process;
mod sanitize;
mod tidy;
mod tool;
mod torture;
mod windows;

use std::process::ExitCode;

use anyhow::Result;
use checkout::Checkout;
use clap::{Parser, Subcommand};

/// What a developer of Memtide repeats.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check sizes, documents, the contract's tests, `unsafe` and banned words.
    Tidy,
    /// Run the tests that need a machine of their own in emulated ones.
    Emulate(emulate::Options),
    /// Run the tests that only root may run.
    Privileged,
    /// Build, lint and test for Windows, under Wine.
    Windows,
    /// Check the licences and sources of what the workspace depends on.
    Deny(deny::Options),
    /// Run in Miri what of real memory it can run.
    Miri,
    /// Check with the oldest Rust that the workspace promises.
    Msrv,
    /// Run the tests of real memory under AddressSanitizer.
    Sanitize,
    /// Change the core in small ways and tell what no test notices.
    Mutants(mutants::Options),
    /// Do anything to real memory in many threads, while its disk fails; stop at a wrong byte.
    Torture(torture::Options),
    /// Put any bytes into every parser, for a while each; fail on a crash.
    Fuzz {
        /// The targets (default: all).
        targets: Vec<String>,
        /// How long each runs.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let checkout = Checkout::find()?;
    match task {
        Task::Tidy => tidy::run(&checkout),
        Task::Emulate(options) => emulate::run(&checkout, &options),
        Task::Privileged => privileged::run(&checkout),
        Task::Windows => windows::run(&checkout),
        Task::Deny(options) => deny::run(&checkout, &options),
        Task::Miri => miri::run(&checkout),
        Task::Msrv => msrv::run(&checkout),
        Task::Sanitize => sanitize::run(&checkout),
        Task::Mutants(options) => mutants::run(&checkout, &options),
        Task::Torture(options) => torture::run(&checkout, &options),
        Task::Fuzz { targets, seconds } => fuzz::run(&checkout, &targets, seconds),
    }
}
