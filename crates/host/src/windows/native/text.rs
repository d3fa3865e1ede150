//! Text as Windows keeps it: UTF-16.

use std::ffi::{OsStr, OsString};
use std::marker::PhantomData;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use windows_sys::Win32::Foundation::UNICODE_STRING;

/// The text in UTF-16 with a zero behind it, as Win32 calls take it.
pub(crate) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// The text before the first zero, or all of it where there is none.
pub(crate) fn from_wide(text: &[u16]) -> OsString {
    let end = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    OsString::from_wide(&text[..end])
}

/// A name as native calls take it: counted, with no zero behind it.
#[derive(Debug)]
pub(crate) struct ObjectName(Vec<u16>);

impl ObjectName {
    /// The most bytes that the count of a `UNICODE_STRING` can tell.
    const BYTES_MAX: usize = u16::MAX as usize;

    /// The name, or `None` where it is longer than a native call can be told.
    pub(crate) fn new(text: impl AsRef<OsStr>) -> Option<Self> {
        let units: Vec<u16> = text.as_ref().encode_wide().collect();
        (units.len() * 2 <= Self::BYTES_MAX).then_some(Self(units))
    }

    /// The structure that points at it, for as long as the name lives.
    pub(crate) fn counted(&self) -> Counted<'_> {
        let length = u16::try_from(self.0.len() * 2).unwrap_or(u16::MAX);
        let string = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            // The calls that take names only read them.
            Buffer: self.0.as_ptr().cast_mut(),
        };
        Counted { string, _name: PhantomData }
    }
}

/// A `UNICODE_STRING` that points at a living name.
pub(crate) struct Counted<'a> {
    string: UNICODE_STRING,
    _name: PhantomData<&'a ObjectName>,
}

impl Counted<'_> {
    /// For a field of a structure that lives no longer than this.
    pub(crate) const fn as_ptr(&self) -> *const UNICODE_STRING {
        &raw const self.string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        let units = wide("Ebbe und Flut, \u{1F30A}");
        assert_eq!(units.last(), Some(&0));
        assert_eq!(from_wide(&units), "Ebbe und Flut, \u{1F30A}");
        assert_eq!(from_wide(&units[..4]), "Ebbe");
        assert_eq!(from_wide(&[0x41, 0, 0x42]), "A");
    }

    #[test]
    fn a_name_too_long_to_be_counted_is_refused() {
        assert!(ObjectName::new("x".repeat(0x7FFF)).is_some());
        assert!(ObjectName::new("x".repeat(0x8000)).is_none());
    }
}
