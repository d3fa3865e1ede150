//! How many times the budget the data is.

use memtide_core::units::Bytes;
use std::fmt;
use std::str::FromStr;

const HUNDREDTHS: u32 = 100;

/// How many times the budget the data is, exact to a hundredth.
///
/// ```
/// use memtide_compare::Multiple;
/// use memtide_core::units::Bytes;
///
/// let multiple: Multiple = "1.5x".parse()?;
/// assert_eq!(multiple.of(Bytes::from_mib(128)), Bytes::from_mib(192));
/// # Ok::<(), memtide_compare::ParseMultipleError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Multiple(u32);

/// A text that is no multiple.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no size of data: expected times the budget from 0.1x to 64x, such as 2x or 1.5x")]
pub struct ParseMultipleError(String);

impl Multiple {
    const LEAST: u32 = HUNDREDTHS / 10;
    const MOST: u32 = 64 * HUNDREDTHS;

    /// So many times an amount, in whole pages.
    #[must_use]
    pub fn of(self, budget: Bytes) -> Bytes {
        budget.scale(u64::from(self.0), u64::from(HUNDREDTHS)).whole_pages()
    }
}

impl FromStr for Multiple {
    type Err = ParseMultipleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let number = text.trim().strip_suffix(['x', 'X'])?;
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let sound = (1..=2).contains(&fraction.len()) && digits(fraction) && digits(whole);
            let fraction: u32 = sound.then(|| format!("{fraction:0<2}"))?.parse().ok()?;
            let hundredths = whole.parse::<u32>().ok()?.checked_mul(HUNDREDTHS)? + fraction;
            (Self::LEAST..=Self::MOST).contains(&hundredths).then_some(Self(hundredths))
        };
        read().ok_or_else(|| ParseMultipleError(text.to_owned()))
    }
}

impl fmt::Display for Multiple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", f64::from(self.0) / f64::from(HUNDREDTHS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_read_as_people_write_them_and_print_the_same() {
        for text in ["1.5x", "2x", "4x", "0.1x", "64x", "1.25x"] {
            assert_eq!(text.parse::<Multiple>().expect(text).to_string(), text);
        }
        assert_eq!(" 2.0X ".parse(), Ok(Multiple(200)));
    }

    #[test]
    fn what_is_no_multiple_is_refused_with_what_was_expected() {
        for text in
            ["", "x", "2", "0x", "65x", "-1x", "1.x", "1.555x", ".5x", "1e1x", "9999999999x"]
        {
            let error = text.parse::<Multiple>().expect_err(text).to_string();
            assert!(error.contains(&format!("'{text}'")) && error.contains("1.5x"), "{error}");
        }
    }
}
