//! Encryption of pages, with a key that lives and dies with its page file.

use std::sync::atomic::{AtomicU64, Ordering};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;
use zeroize::Zeroizing;

use crate::memory::Page;

const NONCE_BYTES: usize = 12;

/// How a page is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) nonce: u64,
    pub(crate) tag: u128,
}

/// The bytes are not those that were sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

enum Algorithm {
    Aes(Box<Aes256Gcm>),
    /// Where there is no instruction for AES, this is faster, and as safe.
    ChaCha(Box<ChaCha20Poly1305>),
}

/// A key, and the nonce that comes next: none is ever used twice.
pub(crate) struct Cipher {
    algorithm: Algorithm,
    next: AtomicU64,
}

impl Cipher {
    /// A key that nobody knows.
    ///
    /// # Errors
    /// ENOSYS where the kernel gives no random bytes.
    pub(crate) fn new() -> Result<Self, Errno> {
        Self::with(has_aes())
    }

    fn with(aes: bool) -> Result<Self, Errno> {
        let mut key = Zeroizing::new([0; 32]);
        let mut filled = 0;
        while filled < key.len() {
            match rustix::rand::getrandom(&mut key[filled..], GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        let algorithm = if aes {
            Algorithm::Aes(Box::new(Aes256Gcm::new((&*key).into())))
        } else {
            Algorithm::ChaCha(Box::new(ChaCha20Poly1305::new((&*key).into())))
        };
        Ok(Self { algorithm, next: AtomicU64::new(1) })
    }

    /// Encrypts a page where it stands.
    pub(crate) fn seal(&self, page: &mut Page) -> Seal {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let nonce = nonce(number);
        let page = page.as_mut_slice().into();
        let tag = match &self.algorithm {
            Algorithm::Aes(key) => key.encrypt_inout_detached(&nonce.into(), &[], page),
            Algorithm::ChaCha(key) => key.encrypt_inout_detached(&nonce.into(), &[], page),
        };
        match tag {
            Ok(tag) => Seal { nonce: number, tag: u128::from_le_bytes(tag.into()) },
            Err(_) => unreachable!("a page is shorter than what either cipher takes"),
        }
    }

    /// Decrypts a page where it stands.
    ///
    /// # Errors
    /// [`Forged`] where it is not what was sealed; its bytes are worth nothing then.
    pub(crate) fn open(&self, page: &mut Page, seal: Seal) -> Result<(), Forged> {
        let nonce = nonce(seal.nonce);
        let tag = seal.tag.to_le_bytes().into();
        let page = page.as_mut_slice().into();
        let opened = match &self.algorithm {
            Algorithm::Aes(key) => key.decrypt_inout_detached(&nonce.into(), &[], page, &tag),
            Algorithm::ChaCha(key) => key.decrypt_inout_detached(&nonce.into(), &[], page, &tag),
        };
        opened.map_err(|_| Forged)
    }
}

fn nonce(number: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce
}

fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::PAGE_BYTES;

    #[test]
    fn both_ciphers_give_back_what_was_sealed_and_nothing_else() {
        for aes in [true, false] {
            let cipher = Cipher::with(aes).expect("random bytes");
            let plain: Page = std::array::from_fn(|at| u8::try_from(at % 251).expect("small"));
            let mut page = plain;
            let seal = cipher.seal(&mut page);
            let sealed = page;
            assert_ne!(sealed, plain);
            assert_eq!(cipher.open(&mut page, seal), Ok(()));
            assert_eq!(page, plain);

            for byte in [0, 1, PAGE_BYTES / 2, PAGE_BYTES - 1] {
                let mut page = sealed;
                page[byte] ^= 0x10;
                assert_eq!(cipher.open(&mut page, seal), Err(Forged));
            }
            let other = Seal { nonce: seal.nonce + 1, ..seal };
            assert_eq!(cipher.open(&mut sealed.clone(), other), Err(Forged));
            let other = Seal { tag: seal.tag ^ (1 << 127), ..seal };
            assert_eq!(cipher.open(&mut sealed.clone(), other), Err(Forged));
        }
    }

    #[test]
    fn no_nonce_and_no_key_is_used_twice() {
        let [first, second] = [0, 1].map(|_| Cipher::new().expect("random bytes"));
        let [mut a, mut b, mut c] = [[7; PAGE_BYTES]; 3];
        let seals = [first.seal(&mut a), first.seal(&mut b)];
        assert_ne!(seals[0].nonce, seals[1].nonce);
        second.seal(&mut c);
        assert!(a != b && a != c && b != c);
    }
}
