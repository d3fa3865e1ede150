//! Amounts of memory: exact bytes inside, the binary multiples people write outside.
//!
//! Memory is counted in powers of two, as Windows, Linux and cgroup files do: `512M`, `512MB` and
//! `512MiB` are all 512 × 2²⁰ bytes.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// The size of a page of both systems on x86-64, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// The multiples, largest first: letter, the factor as a power of two.
const MULTIPLES: [(char, u32); 5] = [('P', 50), ('T', 40), ('G', 30), ('M', 20), ('K', 10)];

/// An amount of memory, in bytes.
///
/// It prints as people write sizes, with a tenth below a hundred; `{:#}` prints the
/// exact number of bytes instead. It reads every form that it prints.
///
/// ```
/// use memtide_core::units::Bytes;
///
/// assert_eq!("1.5G".parse(), Ok(Bytes::from_mib(1536)));
/// assert_eq!(Bytes::from_mib(1536).to_string(), "1.5 GiB");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bytes(pub u64);

impl Bytes {
    /// No memory.
    pub const ZERO: Self = Self(0);

    /// So many KiB (2¹⁰ bytes), as /proc counts; more than fits stays at the largest amount.
    #[must_use]
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// So many MiB (2²⁰ bytes), as the Windows registry counts ("MB").
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// So many pages of [`PAGE_SIZE`].
    #[must_use]
    pub const fn from_pages(pages: u64) -> Self {
        Self(pages.saturating_mul(PAGE_SIZE))
    }

    /// The whole pages in this amount.
    #[must_use]
    pub const fn pages(self) -> u64 {
        self.0 / PAGE_SIZE
    }

    /// This amount rounded down to whole pages.
    #[must_use]
    pub const fn whole_pages(self) -> Self {
        Self(self.0 - self.0 % PAGE_SIZE)
    }

    /// The sum, or the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This amount × `numerator` ÷ `denominator`, exact inside, rounded down.
    ///
    /// # Panics
    /// When `denominator` is zero.
    #[must_use]
    pub fn scale(self, numerator: u64, denominator: u64) -> Self {
        let scaled = u128::from(self.0) * u128::from(numerator) / u128::from(denominator);
        Self(u64::try_from(scaled).unwrap_or(u64::MAX))
    }

    /// How much more this is than `before`, with its sign.
    #[must_use]
    pub fn since(self, before: Self) -> ByteDelta {
        let difference = i128::from(self.0) - i128::from(before.0);
        let clamped = difference.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        ByteDelta(i64::try_from(clamped).unwrap_or_default())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.pad(&alloc::format!("{} B", self.0));
        }
        f.pad(&people_write(self.0))
    }
}

fn people_write(bytes: u64) -> String {
    if bytes < 1024 {
        return alloc::format!("{bytes} B");
    }
    let rounded = |tenths: u128| (tenths + 5) / 10;
    let tenths_of = |power: u32| (u128::from(bytes) * 10) >> power;
    // The smallest unit that does not print 1024 of itself; the largest takes all that is left.
    let (letter, power) = MULTIPLES
        .into_iter()
        .rev()
        .find(|(_, power)| rounded(tenths_of(*power)) < 1024)
        .unwrap_or(MULTIPLES[0]);
    let tenths = (u128::from(bytes) * 10 + (1 << power >> 1)) >> power;
    match (tenths / 10, tenths % 10) {
        (whole @ 0..100, tenth @ 1..) => alloc::format!("{whole}.{tenth} {letter}iB"),
        _ => alloc::format!("{} {letter}iB", rounded(tenths)),
    }
}

/// A change in an amount of memory, in bytes, with its sign: a loss never looks like a gain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteDelta(pub i64);

impl fmt::Display for ByteDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.0 {
            0 => "",
            1.. => "+",
            _ => "-",
        };
        f.pad(&alloc::format!("{sign}{}", people_write(self.0.unsigned_abs())))
    }
}

/// Why a text is not an amount of memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseBytesError {
    /// It is not a number with one of the known units.
    #[error(
        "'{0}' is not a size: expected a number of bytes, or one with K, M, G, T or P \
         (as in 4096, 512M, 1.5G, 2GiB)"
    )]
    NotASize(String),
    /// It is a size larger than 16 EiB.
    #[error("'{0}' is more than the largest size, 16 EiB less one byte")]
    TooLarge(String),
}

impl FromStr for Bytes {
    type Err = ParseBytesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_a_size = || ParseBytesError::NotASize(text.to_string());
        let trimmed = text.trim();
        let digits =
            trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let power = unit_power(unit.trim_start()).ok_or_else(not_a_size)?;
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, fraction),
            None => (number, "0"),
        };
        // A fraction of a byte means nothing, and more than 18 digits no longer fit the sum below.
        let fraction_fits = (1..=18).contains(&fraction.len());
        if whole.is_empty() || !fraction_fits || (power == 0 && number.contains('.')) {
            return Err(not_a_size());
        }
        let too_large = || ParseBytesError::TooLarge(text.to_string());
        let whole: u64 = match whole.bytes().all(|b| b.is_ascii_digit()) {
            true => whole.parse().map_err(|_| too_large())?,
            false => return Err(not_a_size()),
        };
        let places = u32::try_from(fraction.len()).map_err(|_| not_a_size())?;
        let fraction: u64 = fraction.parse().map_err(|_| not_a_size())?;
        let bytes =
            (u128::from(whole) << power) + ((u128::from(fraction) << power) / 10u128.pow(places));
        u64::try_from(bytes).map(Bytes).map_err(|_| too_large())
    }
}

fn unit_power(unit: &str) -> Option<u32> {
    let mut letters = unit.chars();
    let Some(first) = letters.next() else { return Some(0) };
    let rest = letters.as_str();
    if first.eq_ignore_ascii_case(&'b') {
        return rest.is_empty().then_some(0);
    }
    let (_, power) = MULTIPLES.iter().find(|(m, _)| first.eq_ignore_ascii_case(m))?;
    let known = rest.is_empty() || ["b", "ib", "i"].iter().any(|r| rest.eq_ignore_ascii_case(r));
    known.then_some(*power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        let mib = Bytes::from_mib;
        for (text, bytes) in [
            ("0", Bytes(0)),
            ("4096", Bytes(4096)),
            ("4096 B", Bytes(4096)),
            ("4k", Bytes(4096)),
            ("512M", mib(512)),
            ("512MB", mib(512)),
            ("512 MiB", mib(512)),
            ("1.5G", mib(1536)),
            ("2GiB", mib(2048)),
            (" 1t ", mib(1 << 20)),
            ("16383P", Bytes(16383 << 50)),
        ] {
            assert_eq!(text.parse(), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_the_accepted_forms() {
        for text in
            ["", "M", ".5G", "1.G", "1..5G", "-1", "5 bananas", "1.5", "512MX", "0x10", "1e9"]
        {
            let error = text.parse::<Bytes>().expect_err(text);
            assert_eq!(error, ParseBytesError::NotASize(text.to_string()));
            assert!(error.to_string().contains("512M"), "{error}");
        }
        for text in ["16384P", "99999999999999999999", "18446744073709551616"] {
            assert_eq!(text.parse::<Bytes>(), Err(ParseBytesError::TooLarge(text.to_string())));
        }
    }

    #[test]
    fn sizes_print_as_people_write_them() {
        for (bytes, text) in [
            (Bytes(0), "0 B"),
            (Bytes(1023), "1023 B"),
            (Bytes(1024), "1 KiB"),
            (Bytes(1536), "1.5 KiB"),
            (Bytes::from_kib(1023), "1023 KiB"),
            (Bytes(1024 * 1024 - 1), "1 MiB"),
            (Bytes::from_mib(64), "64 MiB"),
            (Bytes::from_mib(24105), "23.5 GiB"),
            (Bytes(u64::MAX), "16384 PiB"),
        ] {
            assert_eq!(bytes.to_string(), text);
        }
        assert_eq!(alloc::format!("{:#}", Bytes(1536)), "1536 B");
        assert_eq!(ByteDelta(-(3 << 20)).to_string(), "-3 MiB");
        assert_eq!(ByteDelta(3 << 20).to_string(), "+3 MiB");
        assert_eq!(ByteDelta(0).to_string(), "0 B");
    }

    #[test]
    fn a_difference_keeps_its_sign() {
        assert_eq!(Bytes(1).since(Bytes(3)), ByteDelta(-2));
        assert_eq!(Bytes(u64::MAX).since(Bytes(0)), ByteDelta(i64::MAX));
        assert_eq!(Bytes(0).since(Bytes(u64::MAX)), ByteDelta(i64::MIN));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_within_the_digits_shown(bytes in any::<u64>()) {
            let printed = Bytes(bytes).to_string();
            let read = match printed.parse::<Bytes>() {
                Ok(read) => read.0,
                Err(ParseBytesError::TooLarge(_)) => u64::MAX,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            let error = read.abs_diff(bytes);
            prop_assert!(u128::from(error) * 18 <= u128::from(bytes), "{printed}: {read}");
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = text.parse::<Bytes>();
        }

        #[test]
        fn exact_byte_counts_read_back_exactly(bytes in any::<u64>()) {
            prop_assert_eq!(alloc::format!("{:#}", Bytes(bytes)).parse(), Ok(Bytes(bytes)));
        }
    }
}
