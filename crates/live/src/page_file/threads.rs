//! Writes by threads: what works everywhere.

use super::sealed::offset_of;
use super::storage::write_whole;
use super::writes::{Write, Writes};

/// How many threads: a disk is given several writes at a time.
pub(crate) const THREADS: usize = 4;

/// Carries out writes until there are no more, for good.
pub(crate) fn serve(writes: &Writes) {
    loop {
        while let Some(write) = writes.next() {
            carry_out(writes, write);
        }
        if writes.is_over() {
            return;
        }
        writes.sleep(0, || writes.hear());
    }
}

/// Carries out a write.
pub(crate) fn carry_out(writes: &Writes, write: Write) {
    let result = write_whole(&*writes.pages.storage, write.bytes(), offset_of(write.slot));
    writes.finish(write, result);
}
