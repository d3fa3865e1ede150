//! A memory cgroup for one worker.

use memtide_pressure::Cgroup;
use rustix::process::{Pid, Signal, kill_process};
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
        for process in self.cgroup.processes() {
            let process = i32::try_from(process).ok().and_then(Pid::from_raw);
            // It may have ended by itself.
            let _ = process.map(|process| kill_process(process, Signal::KILL));
        }
        let told = |error| format!("{}: {error}", self.cgroup.path().display());
        self.cgroup.remove().map_err(told)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        super::left::tell(self.undo());
    }
}
