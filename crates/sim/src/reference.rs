//! One memory reference of a program.

use memtide_core::page::{Access, Vpn};

/// One memory reference: an address and what is done there.
///
/// It lies within one page; what reads a trace splits a reference that crosses pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The address, in bytes.
    pub address: u64,
    /// What is done.
    pub access: Access,
}

impl Reference {
    /// Its page.
    #[must_use]
    pub const fn page(&self) -> Vpn {
        Vpn::of(self.address)
    }
}
