//! A system of Wine's, without a screen, for nothing but these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Rust's library takes its randomness from this library, which Wine has since version 10.
const RANDOMNESS: &str = "drive_c/windows/system32/bcryptprimitives.dll";

/// The folder that is such a system.
pub(super) struct Prefix {
    path: PathBuf,
}

impl Prefix {
    /// The system in this folder, made once.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let prefix = Self { path: folder.join("prefix") };
        if !prefix.path.join("system.reg").is_file() {
            println!("windows: making a system of Wine's in {}", prefix.path.display());
            process::run(prefix.own(Command::new("wineboot").arg("--init")))?;
            process::run(prefix.own(Command::new("wineserver").arg("--wait")))?;
        }
        if !prefix.path.join("drive_c/windows/system32").is_dir() {
            bail!("{} is no 64-bit system of Wine's: remove it", prefix.path.display());
        }
        prefix.add_randomness(folder)?;
        Ok(prefix)
    }

    /// Has cargo run what it builds with Wine.
    pub(super) fn run_programs_of(&self, cargo: &mut Command) {
        self.own(cargo.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine"));
    }

    fn own<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("WINEPREFIX", &self.path).env("WINEARCH", "win64").env("WINEDEBUG", "-all");
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY")
    }

    fn add_randomness(&self, folder: &Path) -> Result<()> {
        let library = self.path.join(RANDOMNESS);
        if library.is_file() {
            return Ok(());
        }
        let source = folder.join("process_prng.c");
        fs::write(&source, include_str!("process_prng.c"))?;
        let mut compile = Command::new("x86_64-w64-mingw32-gcc");
        compile.args(["-O2", "-Wall", "-shared", "-o"]).arg(&library).arg(&source);
        process::run(compile.arg("-ladvapi32"))
    }
}
