//! What the system wrote into a buffer, read by offsets: nothing there is trusted.

use std::mem::offset_of;

/// UNICODE_STRING: lengths in bytes, without a closing zero, and where the text lies.
#[repr(C)]
pub(crate) struct UnicodeString {
    length: u16,
    capacity: u16,
    text: usize,
}

const _: () = assert!(size_of::<UnicodeString>() == 2 * size_of::<usize>());
const _: () = assert!(offset_of!(UnicodeString, text) == size_of::<usize>());

/// What the system wrote, in words: the system refuses buffers that are not aligned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    words: Vec<u64>,
    length: usize,
}

impl Answer {
    /// A buffer for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { words: vec![0; bytes.div_ceil(size_of::<u64>())], length: bytes }
    }

    /// Where the system writes, for its calls: as many bytes as there are.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut core::ffi::c_void {
        self.words.as_mut_ptr().cast()
    }

    /// How many bytes there are.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Keeps what was written.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.length = self.length.min(bytes);
    }

    /// Writes bytes, as the system would.
    #[cfg(test)]
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) {
        for (place, byte) in bytes.iter().enumerate() {
            let at = offset + place;
            assert!(at < self.length, "there is no byte {at} of {}", self.length);
            let word = &mut self.words[at / size_of::<u64>()];
            let mut whole = word.to_ne_bytes();
            whole[at % size_of::<u64>()] = *byte;
            *word = u64::from_ne_bytes(whole);
        }
    }

    /// Writes a text, and at `offset` the UNICODE_STRING of it.
    #[cfg(test)]
    pub(crate) fn put_text(&mut self, offset: usize, at: usize, text: &str) {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_ne_bytes).collect();
        self.put(at, &units);
        let length = u16::try_from(units.len()).expect("a short text");
        self.put(offset, &length.to_ne_bytes());
        let address = self.words.as_ptr().addr() + at;
        self.put(offset + offset_of!(UnicodeString, text), &address.to_ne_bytes());
    }

    /// One byte.
    pub(crate) fn u8_at(&self, offset: usize) -> Option<u8> {
        if offset >= self.length {
            return None;
        }
        let word = self.words.get(offset / size_of::<u64>())?;
        Some(word.to_ne_bytes()[offset % size_of::<u64>()])
    }

    /// Two bytes.
    pub(crate) fn u16_at(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_ne_bytes)
    }

    /// Four bytes.
    pub(crate) fn u32_at(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_ne_bytes)
    }

    /// Eight bytes.
    pub(crate) fn u64_at(&self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_ne_bytes)
    }

    /// A SIZE_T, a handle or an address.
    pub(crate) fn word_at(&self, offset: usize) -> Option<usize> {
        self.array(offset).map(usize::from_ne_bytes)
    }

    /// The text of the UNICODE_STRING at an offset; `None` where it is none or lies elsewhere.
    pub(crate) fn text_at(&self, offset: usize) -> Option<String> {
        let length = usize::from(self.u16_at(offset)?);
        let address = self.word_at(offset.checked_add(offset_of!(UnicodeString, text))?)?;
        if length == 0 || address == 0 {
            return None;
        }
        let start = self.offset_of_address(address)?;
        let units = (0..length / 2).map(|unit| self.u16_at(start.checked_add(unit * 2)?));
        let units: Vec<u16> = units.collect::<Option<_>>()?;
        Some(String::from_utf16_lossy(&units))
    }

    /// Where in it an address lies that the system wrote into it.
    pub(crate) fn offset_of_address(&self, address: usize) -> Option<usize> {
        let offset = address.checked_sub(self.words.as_ptr().addr())?;
        (offset < self.length).then_some(offset)
    }

    fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = self.u8_at(offset.checked_add(place)?)?;
        }
        Some(bytes)
    }
}

impl From<Vec<u64>> for Answer {
    fn from(words: Vec<u64>) -> Self {
        let length = words.len() * size_of::<u64>();
        Self { words, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_wherever_they_lie() {
        let mut answer = Answer::with_room(20);
        answer.put(3, &0x1234_5678_u32.to_ne_bytes());
        answer.put(9, &u64::MAX.to_ne_bytes());
        assert_eq!(answer.u32_at(3), Some(0x1234_5678));
        assert_eq!((answer.u64_at(9), answer.u64_at(8)), (Some(u64::MAX), Some(u64::MAX << 8)));
        assert_eq!((answer.u32_at(16), answer.u32_at(17)), (Some(0xff), None));
        assert_eq!(answer.u32_at(usize::MAX), None);
        answer.truncate(6);
        assert_eq!(answer.u32_at(3), None, "what was not written is not there");
    }

    #[test]
    fn a_text_is_read_inside_the_answer_alone() {
        let mut answer = Answer::with_room(64);
        answer.put_text(8, 40, "memtide.exe");
        assert_eq!(answer.text_at(8).as_deref(), Some("memtide.exe"));
        assert_eq!(answer.text_at(24), None, "there is none");
        answer.put(8, &60_u16.to_ne_bytes());
        assert_eq!(answer.text_at(8), None, "it would end behind the answer");
        answer.put(8, &4_u16.to_ne_bytes());
        answer.put(8 + size_of::<usize>(), &1_usize.to_ne_bytes());
        assert_eq!(answer.text_at(8), None, "it lies before the answer");
    }
}
