//! `cargo xtask deny`: licences, sources and doubles of what the workspace depends on, against
//! deny.toml.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::checkout::Checkout;
use crate::process;
use crate::tool::Tool;

/// deny.toml is written for this version.
const TOOL: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// What to check.
#[derive(Args)]
pub(crate) struct Options {
    /// Check against the database of advisories too, which needs GitHub
    #[arg(long)]
    advisories: bool,
}

/// Runs cargo-deny, installed below the build folder first if it is absent there.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<()> {
    let mut deny = Command::new(TOOL.program(checkout)?);
    deny.args(["--workspace", "check", "licenses", "bans", "sources"]);
    if options.advisories {
        deny.arg("advisories");
    }
    process::run(deny.current_dir(checkout.root()))
}
