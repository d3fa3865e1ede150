//! The notice that tells other programs who waits here.

use crate::Error;
use crate::objects::{Judged, WAITERS_NAME, Waiters};
use memtide_core::conditions::Condition;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A memory file that this process holds open under a known name, so that `memtide objects` finds
/// it in the process' descriptors and reads how many waiters each condition has.
#[derive(Debug)]
pub(crate) struct WaiterNotice {
    file: File,
    judged: Judged,
}

impl WaiterNotice {
    pub(crate) fn new(judged: Judged) -> Result<Self, Error> {
        let file = memfd_create(WAITERS_NAME, MemfdFlags::CLOEXEC)
            .map_err(|e| Error::call("memfd_create", e))?;
        let notice = Self { file: File::from(file), judged };
        notice.write(&[0; Condition::COUNT]);
        Ok(notice)
    }

    /// A notice that cannot be written only hides this process from a list.
    pub(crate) fn write(&self, counts: &[u32; Condition::COUNT]) {
        let waiters = Waiters { counts: *counts, judged: self.judged };
        let _ = self.file.write_all_at(&waiters.encode(), 0);
    }
}
