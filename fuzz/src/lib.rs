//! What the targets for traces share.

use memtide_core::Layout;
use memtide_sim::Reference;
use memtide_sim::trace::{Format, Trace, TraceError};

/// All references of a trace, each of which a program may make.
///
/// # Errors
/// Where the bytes are no such trace.
pub fn read(bytes: &[u8], format: Option<Format>) -> Result<Vec<Reference>, TraceError> {
    let mut trace = Trace::of_bytes(bytes.to_vec(), format)?;
    let (mut found, mut batch) = (Vec::new(), Vec::new());
    let usable = Layout::User128T.private();
    // What a few bytes were compressed from may be very long.
    while found.len() < 1 << 18 && trace.read(&mut batch)? {
        assert!(batch.iter().all(|made| usable.contains(&made.address)), "{batch:?}");
        found.extend(&batch);
    }
    Ok(found)
}
