//! `cargo xtask msrv`: the oldest Rust that the workspace promises still builds it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::process;

/// Checks everything with that toolchain; without it, says that nothing was checked.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    let manifest = fs::read_to_string(checkout.root().join("Cargo.toml"))?;
    let promised = promised_version(&manifest)?;
    let installed = match process::output_of(Command::new("rustup").args(["toolchain", "list"])) {
        Ok(list) => list,
        Err(error) => {
            println!("msrv: SKIPPED: no toolchain {promised} can be asked for: {error:#}");
            return Ok(());
        }
    };
    let Some(toolchain) = toolchain_of(&installed, &promised) else {
        println!(
            "msrv: SKIPPED: rustup has no toolchain {promised} here; \
             rustup toolchain install {promised} would add it"
        );
        return Ok(());
    };
    println!("msrv: checking with {toolchain}");
    // Rustup's own way: the cargo that runs this task belongs to another toolchain.
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "cargo", "check", "--workspace", "--all-targets"]);
    command.env_remove("CARGO").env_remove("RUSTC");
    process::run(command.current_dir(checkout.root()))
}

fn promised_version(manifest: &str) -> Result<String> {
    let manifest: toml::Table = manifest.parse().context("Cargo.toml is not TOML")?;
    let version = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package")?.get("rust-version")?.as_str());
    Ok(version.context("Cargo.toml has no workspace.package.rust-version")?.to_owned())
}

/// The first installed toolchain of a version: for 1.95, `1.95-…` or `1.95.0-…`.
fn toolchain_of<'a>(installed: &'a str, version: &str) -> Option<&'a str> {
    let names = installed.lines().filter_map(|line| line.split_whitespace().next());
    let is_of = |name: &str| {
        name.strip_prefix(version)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    };
    names.into_iter().find(|name| is_of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promised_version_is_read_from_the_manifest() {
        let manifest = "[workspace.package]\nrust-version = \"1.95\"\n";
        assert_eq!(promised_version(manifest).expect("it is there"), "1.95");
        assert!(promised_version("[workspace]\n").is_err());
    }

    #[test]
    fn a_toolchain_of_the_version_is_found_and_of_another_is_not() {
        let installed = "stable-x86_64-unknown-linux-gnu (active, default)\n\
            1.9.0-x86_64-unknown-linux-gnu\n1.95.0-x86_64-unknown-linux-gnu\n";
        let found = Some("1.95.0-x86_64-unknown-linux-gnu");
        assert_eq!(toolchain_of(installed, "1.95"), found);
        assert_eq!(toolchain_of(installed, "1.95.0"), found);
        assert_eq!(toolchain_of(installed, "1.5"), None);
        assert_eq!(toolchain_of("1.950-x\n", "1.95"), None);
    }
}
