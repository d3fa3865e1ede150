//! The pages that hold Windows' compressed pages.

use super::processes::records;
use memtide_core::units::Bytes;

/// The process whose working set is the compression store, since Windows 10.
const STORE: &str = "Memory Compression";

/// The working set of the compression store; `None` where there is none that can be seen.
pub(super) fn compressed() -> Option<Bytes> {
    let records = records().ok()?;
    let store = records.iter().find(|record| record.name.as_deref() == Some(STORE))?;
    Some(Bytes(store.working_set))
}
