//! A memory cgroup for one worker.

use memtide_pressure::Cgroup;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::Path;

/// A memory cgroup with a limit; who is still in it when it is undone is killed.
pub(in crate::linux) struct Limit {
    cgroup: Cgroup,
}

impl Limit {
    pub(super) fn new(bytes: u64) -> Result<Self, String> {
        let cgroup = Cgroup::make("compare", bytes).map_err(|error| {
            format!(
                "no memory cgroup can be made, which takes root and a memory controller: {error}"
            )
        })?;
        Ok(Self { cgroup })
    }

    pub(super) fn path(&self) -> &Path {
        self.cgroup.path()
    }

    pub(super) fn undo(&mut self) -> Result<(), String> {
        /// Of two seconds each: a process that is killed while it swaps takes its time, and one
        /// that was about to join comes after the others were killed.
        const TRIES: u32 = 15;
        let mut removed = self.kill_and_remove();
        for _ in 1..TRIES {
            match &removed {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    removed = self.kill_and_remove();
                }
                _ => break,
            }
        }
        removed.map_err(|error| format!("{}: {error}", self.cgroup.path().display()))
    }

    fn kill_and_remove(&self) -> io::Result<()> {
        for process in self.cgroup.processes() {
            let process = i32::try_from(process).ok().and_then(Pid::from_raw);
            // It may have ended by itself.
            let _ = process.map(|process| kill_process(process, Signal::KILL));
        }
        self.cgroup.remove()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        super::left::tell(self.undo());
    }
}
