//! What the machine holds when it boots: programs, libraries, and the script that runs them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::initramfs::Archive;
use super::kernel::Kernel;
use super::programs::{self, Programs};

/// The first process of the machine.
const INIT: &str = include_str!("init.sh");

const USERS: &str = "root:x:0:0:root:/:/bin/sh\n\
    nobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n";
const GROUPS: &str = "root:x:0:\nnogroup:x:65534:\n";

/// Folders that are mounted on, or that programs expect.
const FOLDERS: [&str; 6] = ["/proc", "/sys", "/dev", "/disk", "/run", "/var/tmp"];

/// The content of an emulated machine.
pub(super) struct Guest<'a> {
    /// The kernel, with its modules.
    pub(super) kernel: Kernel,
    /// The static program that is the shell and all tools.
    pub(super) busybox: &'a Path,
    /// What is tested.
    pub(super) programs: &'a Programs,
    /// Whether the machine swaps.
    pub(super) swap: bool,
    /// A part of the names of the tests to run; all without.
    pub(super) filter: Option<&'a str>,
    /// A script to run instead of the tests.
    pub(super) script: Option<&'a Path>,
}

impl Guest<'_> {
    /// The first file system of the machine. Executables lie where they lie here, since tests
    /// name the command by its absolute path.
    pub(super) fn initramfs(&self, scratch: &Path) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        archive.file("/init", 0o755, INIT.as_bytes())?;
        archive.file("/bin/busybox", 0o755, &read(self.busybox)?)?;
        // The kernel looks for modprobe there.
        archive.link("/sbin", "bin")?;
        archive.file("/etc/passwd", 0o644, USERS.as_bytes())?;
        archive.file("/etc/group", 0o644, GROUPS.as_bytes())?;
        archive.file("/etc/emulate", 0o644, self.settings().as_bytes())?;
        for folder in FOLDERS {
            archive.folder(folder)?;
        }
        for (path, here) in &self.kernel.files {
            archive.file(path, 0o644, &read(here)?)?;
        }
        for library in &self.programs.libraries {
            archive.file(text(library)?, 0o755, &read(library)?)?;
        }
        let mut programs = vec![&self.programs.memtide];
        match self.script {
            Some(script) => archive.file("/script", 0o755, &read(script)?)?,
            None => programs.extend(&self.programs.tests),
        }
        for program in programs {
            let bytes = programs::stripped(program, scratch)?;
            archive.file(text(program)?, 0o755, &bytes)?;
        }
        archive.finish()
    }

    /// What the script of the machine reads, as assignments of a shell.
    fn settings(&self) -> String {
        let tests = self.programs.tests.iter().map(|path| path.to_string_lossy());
        let tests: Vec<_> = if self.script.is_some() { Vec::new() } else { tests.collect() };
        format!(
            "export MEMTIDE_SWAP={}\nexport MEMTIDE_BIN={}\nFILTER={}\nTESTS={}\n",
            u8::from(self.swap),
            quoted(&self.programs.memtide.to_string_lossy()),
            quoted(self.filter.unwrap_or_default()),
            quoted(&tests.join("\n")),
        )
    }
}

/// A word that a shell takes as it stands.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_stays_one_word() {
        assert_eq!(quoted("it's $x"), "'it'\\''s $x'");
    }
}
