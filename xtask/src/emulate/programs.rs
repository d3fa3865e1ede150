//! The executables that run in the machine, and the shared libraries they need.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::debian;
use crate::process;

/// The workspace's executables for an emulated machine.
pub(super) struct Programs {
    /// The test executables, in the order of their names.
    pub(super) tests: Vec<PathBuf>,
    /// The command, where `env!("CARGO_BIN_EXE_memtide")` of a test finds it.
    pub(super) memtide: PathBuf,
    /// The shared libraries that they need.
    pub(super) libraries: BTreeSet<PathBuf>,
}

impl Programs {
    /// Builds the tests named `emulated_*` and the command, with the same profile.
    pub(super) fn build(checkout: &Checkout, release: bool) -> Result<Self> {
        let build = |arguments: &[&str]| {
            let mut cargo = process::cargo();
            cargo.args(arguments).args(["--message-format", "json-render-diagnostics"]);
            if release {
                cargo.arg("--release");
            }
            executables(&process::output_of(cargo.current_dir(checkout.root()))?)
        };
        let mut tests = build(&["test", "--no-run", "--workspace", "--test", "emulated_*"])?;
        // The tests of the command's own package bring it along, and must not lose it to another
        // build of the same name.
        let mut memtide = command_among(&tests);
        if memtide.is_none() {
            memtide = command_among(&build(&["build", "--workspace", "--bin", "memtide"])?);
        }
        let memtide = memtide.context("cargo built no executable `memtide`")?;
        tests.retain(|(name, _)| name.starts_with("emulated_"));
        tests.sort();
        let tests: Vec<PathBuf> = tests.into_iter().map(|(_, path)| path).collect();

        let mut libraries = BTreeSet::new();
        for program in tests.iter().chain([&memtide]) {
            let listed = process::output_of(Command::new("ldd").arg(program))?;
            libraries.extend(parse_libraries(&listed)?);
        }
        Ok(Self { tests, memtide, libraries })
    }
}

/// A program's bytes for the machine, without the debug information: it lies in memory there.
/// Backtraces keep the functions' names. Without objcopy the program goes whole.
pub(super) fn stripped(program: &Path, scratch: &Path) -> Result<Vec<u8>> {
    let Some(objcopy) = debian::find("objcopy") else { return Ok(fs::read(program)?) };
    let slim = scratch.join("stripped");
    process::run(Command::new(objcopy).arg("--strip-debug").arg(program).arg(&slim))?;
    Ok(fs::read(slim)?)
}

/// The name and path of each executable that cargo's messages name.
fn executables(messages: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)
            .with_context(|| format!("not a message of cargo: {line:?}"))?;
        let name = message["target"]["name"].as_str();
        if let (Some(name), Some(path)) = (name, message["executable"].as_str()) {
            found.push((name.to_owned(), PathBuf::from(path)));
        }
    }
    Ok(found)
}

fn command_among(executables: &[(String, PathBuf)]) -> Option<PathBuf> {
    executables.iter().find(|(name, _)| name == "memtide").map(|(_, path)| path.clone())
}

/// The paths in the output of ldd.
fn parse_libraries(listed: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in listed.lines() {
        if line.contains("not found") {
            bail!("a shared library is missing here: {}", line.trim());
        }
        // Either "libc.so.6 => /lib/libc.so.6 (0x…)" or "/lib64/ld-linux.so.2 (0x…)".
        paths.extend(line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"core\"},\
            \"executable\":null}\n{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\
            \"emulated_boot\"},\"executable\":\"/t/emulated_boot-1\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        let found = executables(messages).expect("they are messages");
        assert_eq!(found, [("emulated_boot".to_owned(), PathBuf::from("/t/emulated_boot-1"))]);
        assert!(executables("not json").is_err());
    }

    #[test]
    fn libraries_are_read_from_ldd() {
        let listed = "\tlinux-vdso.so.1 (0x7)\n\tlibc.so.6 => /lib/libc.so.6 (0x7)\n\
            \t/lib64/ld-linux.so.2 (0x7)\n";
        let paths = parse_libraries(listed).expect("all are found");
        assert_eq!(paths, ["/lib/libc.so.6", "/lib64/ld-linux.so.2"].map(PathBuf::from));
        assert!(parse_libraries("\tlibx.so => not found\n").is_err());
        assert_eq!(
            parse_libraries("\tstatically linked\n").expect("none"),
            [""; 0].map(PathBuf::from)
        );
    }
}
