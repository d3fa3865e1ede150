//! Pages at slots: checked, and encrypted where that is wanted.

use rustix::io::Errno;

use super::cipher::Cipher;
use super::slots::Slots;
use super::storage::{Storage, read_whole};
use crate::memory::{self, PAGE_BYTES};

/// A storage whose pages are sealed on their way in, and proved on their way out.
pub(crate) struct SealedStorage {
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) slots: Slots,
    pub(crate) cipher: Option<Cipher>,
}

/// Where a slot begins, in bytes.
pub(crate) const fn offset_of(slot: u32) -> u64 {
    slot as u64 * PAGE_BYTES as u64
}

impl SealedStorage {
    /// Makes the pages what is to be written from a slot on.
    pub(crate) fn seal(&self, first: u32, bytes: &mut [u8]) {
        let (pages, _) = bytes.as_chunks_mut::<PAGE_BYTES>();
        for (slot, page) in (first..).zip(pages) {
            self.slots.set_sum(slot, memory::sum(page));
            if let Some(cipher) = &self.cipher {
                self.slots.set_seal(slot, cipher.seal(page));
            }
        }
    }

    /// Reads pages from a slot on.
    ///
    /// # Errors
    /// What the kernel says; EBADMSG where one is not what was last written there. The bytes are
    /// worth nothing then.
    pub(crate) fn read(&self, first: u32, bytes: &mut [u8]) -> Result<(), Errno> {
        read_whole(&*self.storage, bytes, offset_of(first))?;
        let (pages, _) = bytes.as_chunks_mut::<PAGE_BYTES>();
        for (slot, page) in (first..).zip(pages) {
            if let Some(cipher) = &self.cipher {
                cipher.open(page, self.slots.seal(slot)).map_err(|_| Errno::BADMSG)?;
            }
            if memory::sum(page) != self.slots.sum(slot) {
                return Err(Errno::BADMSG);
            }
        }
        Ok(())
    }
}
