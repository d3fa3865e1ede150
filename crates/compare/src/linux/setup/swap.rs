//! Swap to a file, and what all swap has in common.

use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, open};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The highest priority there is: whatever is swapped out goes here first.
const PRIORITY: i32 = 32767;

/// What a swap area needs for itself, and pages in memory that keep their place there, in bytes.
const EXTRA: u64 = 32 << 20;

/// Room enough for all of so many bytes.
pub(super) const fn room_for(bytes: u64) -> u64 {
    bytes + EXTRA
}

/// Swap in use, before any other swap; dropped, it is not any more.
pub(super) struct Swap {
    path: PathBuf,
    is_on: bool,
}

impl Swap {
    /// Makes a file or a device the first swap.
    ///
    /// # Errors
    /// Where other swap cannot be kept apart, or the system refuses.
    pub(super) fn on(path: &Path) -> Result<Self, String> {
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        if let Some(other) = first_swap(&swaps) {
            return Err(format!(
                "swap is in use at {other} with the highest priority there is, {PRIORITY}, and \
                 cannot be kept apart"
            ));
        }
        tool("mkswap", &[], path)?;
        tool("swapon", &["--priority", &PRIORITY.to_string()], path)?;
        Ok(Self { path: path.to_owned(), is_on: true })
    }

    /// Reads all of it back, and uses it no more.
    pub(super) fn undo(&mut self) -> Result<(), String> {
        if self.is_on {
            tool("swapoff", &[], &self.path)?;
            self.is_on = false;
        }
        Ok(())
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        super::left::tell(self.undo());
    }
}

/// What is swapped to as soon as our own, by the text of /proc/swaps.
fn first_swap(swaps: &str) -> Option<&str> {
    let highest = |line: &&str| {
        let priority = line.split_whitespace().last().and_then(|text| text.parse().ok());
        priority.is_some_and(|priority: i32| priority >= PRIORITY)
    };
    swaps.lines().skip(1).find(highest)?.split_whitespace().next()
}

/// Runs one of util-linux' tools on a file.
fn tool(name: &str, arguments: &[&str], path: &Path) -> Result<(), String> {
    let mut command = Command::new(name);
    command.args(arguments).arg(path).stdin(Stdio::null());
    // Where root's tools are, though root's own path may not say so.
    let known = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{known}:/usr/sbin:/sbin"));
    let output = command.output().map_err(|error| format!("{name} of util-linux: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.trim().lines().last().unwrap_or("no reason was told").to_owned())
}

/// Swap to a private file that is removed with it.
pub(in crate::linux) struct SwapFile {
    swap: Option<Swap>,
    path: Option<PathBuf>,
}

impl SwapFile {
    pub(super) fn new(directory: &Path, bytes: u64) -> Result<Self, String> {
        let path = directory.join(format!(".memtide-swap-{}", std::process::id()));
        let told = |error: rustix::io::Errno| format!("{}: {error}", path.display());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(told)?;
        let mut made = Self { swap: None, path: Some(path.clone()) };
        fallocate(&file, FallocateFlags::empty(), 0, room_for(bytes)).map_err(told)?;
        made.swap = Some(Swap::on(&path)?);
        Ok(made)
    }

    pub(super) fn undo(&mut self) -> Result<(), String> {
        if let Some(swap) = &mut self.swap {
            swap.undo()?;
            self.swap = None;
        }
        if let Some(path) = &self.path {
            fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
            self.path = None;
        }
        Ok(())
    }
}

impl Drop for SwapFile {
    fn drop(&mut self) {
        super::left::tell(self.undo());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_swap_of_the_highest_priority_cannot_be_kept_apart() {
        let titles = "Filename\tType\tSize\tUsed\tPriority\n";
        assert_eq!(first_swap(titles), None);
        let low = format!("{titles}/dev/sda2 partition 1024 0 -2\n/swap file 1024 0 100\n");
        assert_eq!(first_swap(&low), None);
        let high = format!("{low}/dev/zram0 partition 1024 0 32767\n");
        assert_eq!(first_swap(&high), Some("/dev/zram0"));
    }

    #[test]
    fn what_a_tool_says_is_the_reason() {
        let error = tool("mkswap", &[], Path::new("/nowhere/at/all")).expect_err("no such file");
        assert!(error.contains("/nowhere/at/all"), "{error}");
        let error = tool("memtide-no-such-tool", &[], Path::new("/")).expect_err("no such tool");
        assert!(error.starts_with("memtide-no-such-tool"), "{error}");
    }
}
