//! Nightly Rust, which some tools come with alone.

use std::process::Command;

use anyhow::Result;

use crate::process;

/// Whether it is here, with a subcommand of cargo where one is named.
pub(crate) fn is_here(subcommand: &[&str]) -> bool {
    let mut version = Command::new("cargo");
    let version = version.arg("+nightly").args(subcommand).arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Installs it, with components.
///
/// # Errors
/// Where rustup cannot get it.
pub(crate) fn install(components: &[&str]) -> Result<()> {
    let mut install = Command::new("rustup");
    install.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
    for component in components {
        install.args(["--component", component]);
    }
    process::run(&mut install)
}
