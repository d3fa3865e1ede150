//! What comes from Debian: programs to install, packages to unpack.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Where programs for the administrator lie, which PATH often leaves out.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The path of a program, looked for on PATH and where the administrator's programs lie.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Installs the packages of those programs that are absent; each pair is a program and its
/// package.
pub(crate) fn install(needed: &[(&str, &str)]) -> Result<()> {
    let absent = needed.iter().filter(|(program, _)| find(program).is_none());
    let packages: Vec<&str> = absent.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if find("apt-get").is_none() || !process::is_root()? {
        bail!(
            "{} must be installed, and only root on Debian can have that done here; \
             on Debian: apt-get install {0}",
            packages.join(" ")
        );
    }
    println!("installing {}", packages.join(" "));
    with_fresh_lists(|| {
        let mut command = Command::new("apt-get");
        command.args(["install", "--yes", "--quiet", "--no-install-recommends"]);
        command.args(&packages).env("DEBIAN_FRONTEND", "noninteractive");
        process::output_of(&mut command)
    })?;
    Ok(())
}

/// Unpacks a package into a folder of its own below `folder`, once, and returns that folder.
pub(crate) fn unpack(folder: &Path, name: &str, package: &str) -> Result<PathBuf> {
    let unpacked = folder.join(name);
    if unpacked.is_dir() {
        return Ok(unpacked);
    }
    if find("apt-get").is_none() {
        bail!("{package} is taken from Debian's archive, and there is no apt-get here");
    }
    println!("downloading {package}");
    let partial = folder.join(format!("{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    with_fresh_lists(|| {
        let mut command = Command::new("apt-get");
        // The user that apt downloads as may not reach the checkout.
        command.args(["download", "--quiet", "-o", "APT::Sandbox::User=root", package]);
        process::output_of(command.current_dir(&partial))
    })?;
    let file = fs::read_dir(&partial)?.next().context("apt-get download left no file")??.path();
    process::run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&partial))?;
    fs::remove_file(&file)?;
    fs::rename(&partial, &unpacked)?;
    Ok(unpacked)
}

/// The packages that a package depends on.
pub(crate) fn dependencies(package: &str) -> Result<Vec<String>> {
    let shown = with_fresh_lists(|| {
        process::output_of(Command::new("apt-cache").args(["depends", "--important", package]))
    })?;
    Ok(parse_dependencies(&shown))
}

fn parse_dependencies(shown: &str) -> Vec<String> {
    shown.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(Into::into).collect()
}

/// Asks apt, and once more after its lists of packages were brought up to date: on a fresh
/// machine there are none, and on an old one they name files that are gone.
fn with_fresh_lists(ask: impl Fn() -> Result<String>) -> Result<String> {
    ask().or_else(|first| {
        if !process::is_root()? {
            return Err(first.context("root could bring apt's lists up to date: apt-get update"));
        }
        println!("bringing apt's lists up to date");
        process::output_of(Command::new("apt-get").args(["update", "--quiet"]))?;
        ask()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dependencies_of_a_package_are_read() {
        let shown = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n";
        assert_eq!(parse_dependencies(shown), ["linux-image-6.1.0-56-cloud-amd64"]);
    }
}
