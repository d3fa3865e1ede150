//! /proc/PID/statm: memory in pages, the cheapest look there is.

use super::stat::number;

/// What Memtide uses of /proc/PID/statm, in pages.
///
/// Source: proc_pid_statm(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statm {
    /// Pages mapped into the process now.
    pub resident_pages: u64,
    /// The part of them that is of files or shared memory.
    pub shared_pages: u64,
    /// Pages of private writable mappings, the stack included, touched or not.
    pub data_pages: u64,
}

impl Statm {
    /// Reads the text of /proc/PID/statm; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        Some(Self {
            resident_pages: number(fields.nth(1)?)?,
            shared_pages: number(fields.next()?)?,
            data_pages: number(fields.nth(2)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seven_numbers_read() {
        let statm = Statm::parse(b"765 418 400 5 0 90 0\n").expect("a statm");
        let expected = Statm { resident_pages: 418, shared_pages: 400, data_pages: 90 };
        assert_eq!(statm, expected);
        for text in ["", "1", "1 2 3 4 5", "1 2 x 4 5 6 7", "1 2 3 4 5 -6 7"] {
            assert_eq!(Statm::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
