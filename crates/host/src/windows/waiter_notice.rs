//! The notice that tells other programs who waits here: on Windows the handle table is the notice.

use memtide_core::conditions::Condition;

/// A notice, which Windows needs none of.
#[derive(Debug)]
pub(crate) enum WaiterNotice {}

impl WaiterNotice {
    pub(crate) fn write(&self, _counts: &[u32; Condition::COUNT]) {
        match *self {}
    }
}
