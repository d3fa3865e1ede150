//! `cargo xtask deny`: licences, sources and doubles of what the workspace depends on, against
//! deny.toml.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::checkout::Checkout;
use crate::process;

/// The version that deny.toml is written for.
const VERSION: &str = "0.20.2";

/// What to check.
#[derive(Args)]
pub(crate) struct Options {
    /// Check against the database of advisories too, which needs GitHub
    #[arg(long)]
    advisories: bool,
}

/// Runs cargo-deny, installed below the build folder first if it is absent there.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<()> {
    let tools = checkout.target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        println!("deny: installing cargo-deny {VERSION}; this takes minutes, once");
        let mut install = process::cargo();
        install.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--quiet"]);
        process::run(install.arg("--root").arg(&tools))?;
    }
    let mut deny = Command::new(program);
    deny.args(["--workspace", "check", "licenses", "bans", "sources"]);
    if options.advisories {
        deny.arg("advisories");
    }
    process::run(deny.current_dir(checkout.root()))
}
