//! Compression of pages: those of one word are kept as that word, the rest by LZ4.
//!
//! Nothing here allocates: the table of a compression is on the stack, 8 KiB of it, and the result
//! takes 4.5 KiB more.

use lz4_flex::block::{self, CompressTable};
use memtide_core::Compressed;

use crate::memory::{PAGE_BYTES, Page};

/// The most bytes of a compressed page that is kept.
pub(crate) const WORTH: usize = Compressed::WORTH_MAX as usize;

const ROOM: usize = block::get_maximum_output_size(PAGE_BYTES);

/// Fails to compile where the table would be allocated.
const TABLE: CompressTable = CompressTable::small();

/// What is to be decompressed is not what a page was compressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// Compresses a page; its bytes are put at the front of `into`, if they are worth keeping.
pub(crate) fn compress(page: &Page, into: &mut [u8; WORTH]) -> Compressed {
    let (words, _) = page.as_chunks::<8>();
    if words.iter().all(|word| *word == words[0]) {
        return Compressed::Same(u64::from_ne_bytes(words[0]));
    }
    let mut packed = [0; ROOM];
    let mut table = TABLE;
    let Ok(count) = block::compress_into_with_table(page, &mut packed, &mut table) else {
        return Compressed::Incompressible;
    };
    match u16::try_from(count) {
        Ok(bytes) if bytes <= Compressed::WORTH_MAX => {
            into[..count].copy_from_slice(&packed[..count]);
            Compressed::Bytes(bytes)
        }
        _ => Compressed::Incompressible,
    }
}

/// Makes the page of its compressed bytes.
///
/// # Errors
/// [`Corrupt`] where they are none; what is in `into` is worth nothing then.
pub(crate) fn decompress(bytes: &[u8], into: &mut Page) -> Result<(), Corrupt> {
    match block::decompress_into(bytes, into) {
        Ok(PAGE_BYTES) => Ok(()),
        _ => Err(Corrupt),
    }
}
