//! Memory of a page file's own.

use rustix::io::Errno;

use crate::uffd::Reservation;

/// Memory that a page file reaches by pointers: zeros at first, which take nothing until touched.
#[derive(Debug)]
pub(super) struct Area {
    reservation: Reservation,
    start: usize,
}

impl Area {
    /// So many bytes, rounded up to whole pages.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(bytes: u64) -> Result<Self, Errno> {
        let whole = bytes.max(1).next_multiple_of(memtide_core::page::PAGE_SIZE);
        let reservation = Reservation::new(whole)?;
        let start = usize::try_from(reservation.address()).map_err(|_| Errno::NOMEM)?;
        Ok(Self { reservation, start })
    }

    /// Its size in bytes.
    pub(super) const fn bytes(&self) -> u64 {
        self.reservation.bytes()
    }

    /// Where so many bytes behind its start lie.
    pub(super) fn at<T>(&self, offset: usize) -> *mut T {
        debug_assert!((offset as u64) < self.bytes());
        std::ptr::with_exposed_provenance_mut(self.start + offset)
    }
}
