//! Compression of pages: those of one word are kept as that word, the rest by LZ4.
//!
//! Nothing here allocates: the table of a compression is on the stack, 8 KiB of it, and the result
//! takes 4.5 KiB more there, before it takes the place of the page.

use lz4_flex::block::{self, CompressTable};
use memtide_core::Compressed;

use crate::memory::{PAGE_BYTES, Page};

const ROOM: usize = block::get_maximum_output_size(PAGE_BYTES);

/// Fails to compile where the table would be allocated.
const TABLE: CompressTable = CompressTable::small();

/// What is to be decompressed is not what a page was compressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// Compresses a page; its bytes are put at the front of it, if they are worth keeping.
pub(crate) fn compress(page: &mut Page) -> Compressed {
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
            page[..count].copy_from_slice(&packed[..count]);
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The most bytes of a compressed page that is kept.
    const WORTH: usize = Compressed::WORTH_MAX as usize;

    fn round_trip(page: &Page) -> Compressed {
        let mut packed = *page;
        let compressed = compress(&mut packed);
        match compressed {
            Compressed::Bytes(bytes) => {
                let (kept, rest) = packed.split_at(bytes.into());
                assert!(rest == &page[kept.len()..], "nothing behind {bytes} bytes");
                let mut back = [0x5a; PAGE_BYTES];
                assert_eq!(decompress(kept, &mut back), Ok(()));
                assert!(back == *page);
            }
            Compressed::Same(word) => {
                assert!(page.as_chunks::<8>().0.iter().all(|it| *it == word.to_ne_bytes()));
            }
            Compressed::Incompressible => assert!(packed == *page),
        }
        compressed
    }

    fn repeated(pattern: &[u8]) -> Page {
        std::array::from_fn(|at| pattern[at % pattern.len()])
    }

    #[test]
    fn a_page_of_one_word_is_that_word_and_one_that_differs_at_its_end_is_not() {
        for word in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let mut page = repeated(&word.to_ne_bytes());
            assert_eq!(round_trip(&page), Compressed::Same(word));
            page[PAGE_BYTES - 1] ^= 1;
            assert!(matches!(round_trip(&page), Compressed::Bytes(..100)));
        }
    }

    #[test]
    fn what_does_not_get_to_half_of_a_page_is_incompressible() {
        // So many random bytes before zeros: with what LZ4 adds, about as many compressed.
        let mut random = 1_u64;
        let noise: Page = std::array::from_fn(|_| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            random.to_be_bytes()[0]
        });
        for (bytes, is_worth) in [(1900, true), (2000, true), (2060, false), (4096, false)] {
            let mut page = noise;
            page[bytes..].fill(0);
            let compressed = round_trip(&page);
            assert_eq!(
                compressed != Compressed::Incompressible,
                is_worth,
                "{bytes}: {compressed:?}"
            );
        }
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_corrupt() {
        let mut packed = repeated(b"high tide, low tide, and marks on the wall");
        let Compressed::Bytes(bytes) = compress(&mut packed) else { panic!("compressible") };
        let bytes = usize::from(bytes);
        let mut back = [0; PAGE_BYTES];
        for count in (0..bytes).chain([bytes + 1, WORTH]) {
            assert_eq!(decompress(&packed[..count], &mut back), Err(Corrupt), "{count} bytes");
        }
    }

    proptest! {
        #[test]
        fn patterns_come_back(
            pattern in vec(any::<u8>(), 1..300),
            changes in vec((0..PAGE_BYTES, any::<u8>()), 0..200),
        ) {
            let mut page = repeated(&pattern);
            for (at, byte) in changes {
                page[at] = byte;
            }
            round_trip(&page);
        }

        #[test]
        fn random_pages_come_back(bytes in vec(any::<u8>(), PAGE_BYTES)) {
            round_trip(&repeated(&bytes));
        }

        #[test]
        fn any_bytes_are_decompressed_or_refused(bytes in vec(any::<u8>(), 0..WORTH)) {
            let mut back = [0; PAGE_BYTES];
            let _ = decompress(&bytes, &mut back);
        }
    }
}
