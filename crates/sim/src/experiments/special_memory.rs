//! Memory that is not as other memory: AWE, large pages, write watch, reset and offer.
//!
//! Source: Microsoft's documentation, "Address Windowing Extensions", "Large-Page Support",
//! `GetWriteWatch`, `VirtualAlloc` and `OfferVirtualMemory`.

mod contents;
mod resident;

use super::outcome::Outcome;
pub(super) use resident::picture;

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    resident::windows(&mut outcome);
    resident::large_pages(&mut outcome);
    contents::write_watch(&mut outcome);
    contents::reset(&mut outcome);
    contents::offer(&mut outcome);
    outcome
}
