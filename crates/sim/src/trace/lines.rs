//! The lines of a text, in constant memory.

use super::error::{Place, TraceError};
use super::input::Input;

/// The longest line that is looked at, in bytes; what is behind is passed over.
const LINE_MAX: usize = 1 << 16;

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its text, without its end.
    pub(super) text: &'a [u8],
    /// Its number, the first being 1.
    pub(super) number: u64,
    /// Whether it has an end; a file that was cut ends with a line that has none.
    pub(super) is_ended: bool,
}

impl Line<'_> {
    pub(super) const fn place(&self) -> Place {
        Place::Line(self.number)
    }
}

/// Gives one line after the other.
#[derive(Debug)]
pub(super) struct Lines {
    input: Input,
    number: u64,
    /// Bytes of the input that the last line took.
    taken: usize,
    /// The last line was too long: the rest of it is still to be passed over.
    is_within: bool,
}

impl Lines {
    pub(super) const fn new(input: Input) -> Self {
        Self { input, number: 0, taken: 0, is_within: false }
    }

    pub(super) const fn input(&self) -> &Input {
        &self.input
    }

    /// The next line, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, TraceError> {
        self.input.consume(std::mem::take(&mut self.taken));
        if std::mem::take(&mut self.is_within) {
            self.pass_over()?;
        }
        // Mostly the line is there already, and nothing is read for it.
        let mut end = memchr::memchr(b'\n', self.input.buffered());
        if end.is_none() {
            end = memchr::memchr(b'\n', self.input.fill(LINE_MAX)?);
        }
        let bytes = self.input.buffered();
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let length = end.unwrap_or(bytes.len()).min(LINE_MAX);
        self.is_within = length == LINE_MAX && end != Some(length);
        self.taken = length + usize::from(end == Some(length));
        let text = &bytes[..length];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let is_ended = self.is_within || end.is_some();
        Ok(Some(Line { text, number: self.number, is_ended }))
    }

    fn pass_over(&mut self) -> Result<(), TraceError> {
        loop {
            let bytes = self.input.fill(1)?;
            let (end, length) = (memchr::memchr(b'\n', bytes), bytes.len());
            match end {
                Some(end) => {
                    self.input.consume(end + 1);
                    return Ok(());
                }
                None if length == 0 => return Ok(()),
                None => self.input.consume(length),
            }
        }
    }
}

/// A number at the beginning of bytes in base 16, and what follows; none where there is none, or
/// one of more than 64 bits.
#[inline]
pub(super) fn hexadecimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut digits = 0;
    for byte in bytes {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        if value >> 60 != 0 {
            return None;
        }
        value = value << 4 | u64::from(digit);
        digits += 1;
    }
    (digits > 0).then(|| (value, &bytes[digits..]))
}

/// The same in base 10.
#[inline]
pub(super) fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut value = 0_u64;
    for byte in &bytes[..digits] {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    (digits > 0).then(|| (value, &bytes[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(usize, u64, bool)> {
        let mut lines = Lines::new(Input::of_bytes(text.to_vec()).expect("no compression"));
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("bytes can be read") {
            found.push((line.text.len(), line.number, line.is_ended));
        }
        found
    }

    #[test]
    fn lines_end_with_a_newline_and_the_last_one_may_not() {
        assert_eq!(
            lines(b"ab\n\nc\r\nd"),
            [(2, 1, true), (0, 2, true), (1, 3, true), (1, 4, false)]
        );
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), [(0, 1, true)]);
    }

    #[test]
    fn of_a_line_without_an_end_only_the_beginning_is_kept() {
        let mut text = vec![b'x'; 3 * LINE_MAX + 5];
        text.extend(b"\nyz\n");
        assert_eq!(lines(&text), [(LINE_MAX, 1, true), (2, 2, true)]);
        let mut text = vec![b'x'; LINE_MAX];
        text.extend(b"\ny");
        assert_eq!(lines(&text), [(LINE_MAX, 1, true), (1, 2, false)]);
    }

    #[test]
    fn numbers_of_more_than_64_bits_are_none() {
        assert_eq!(hexadecimal(b"ffffffffffffffff,"), Some((u64::MAX, &b","[..])));
        assert_eq!(hexadecimal(b"1ffffffffffffffff"), None);
        assert_eq!(decimal(b"18446744073709551615"), Some((u64::MAX, &b""[..])));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!((hexadecimal(b"x"), decimal(b"")), (None, None));
    }
}
