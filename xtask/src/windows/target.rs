//! The targets of Rust, and the linker of the one whose programs run here.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// What mingw links and Wine runs.
pub(super) const RUN: &str = "x86_64-pc-windows-gnu";

/// What users of Windows build, as far as it goes without Microsoft's linker.
pub(super) const CHECKED: &str = "x86_64-pc-windows-msvc";

/// The same for 32 bits, where structures have other sizes.
pub(super) const CHECKED_32_BIT: &str = "i686-pc-windows-msvc";

/// Adds those targets that this toolchain lacks.
pub(super) fn add(targets: &[&str]) -> Result<()> {
    let sysroot = process::output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let is_absent = |target: &&str| !libraries.join(target).join("lib").is_dir();
    let absent: Vec<&str> = targets.iter().copied().filter(is_absent).collect();
    if absent.is_empty() {
        return Ok(());
    }
    println!("windows: adding {}", absent.join(", "));
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add"]).args(&absent);
    process::run(&mut rustup).with_context(|| {
        format!("Rust's library for {} is missing, and rustup could not add it", absent.join(", "))
    })
}

/// Has cargo link with mingw, and take no time for what nobody needs of these: speed, and more than
/// lines in a debugger.
pub(super) fn build_quickly(cargo: &mut Command) {
    cargo.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc");
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    for package in ["memtide-core", "memtide-sim", "memtide-live"] {
        cargo.arg("--config").arg(format!("profile.dev.package.{package}.opt-level=0"));
    }
}
