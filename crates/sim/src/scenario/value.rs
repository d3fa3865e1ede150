//! The values of a scenario: amounts of memory, spans of time, shares, whole numbers.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use memtide_core::page::{PAGE_SIZE, Tick};
use memtide_core::units::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use toml::Spanned;

use super::error::Problem;

/// A value as people write it, with the place it stands at.
pub(super) type Placed<T> = Option<Spanned<T>>;

/// An amount of memory, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) Bytes);

/// A span of time, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Tick);

/// A share, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub(super) f64);

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) i64);

/// The longest span of time: a year and a day.
const SPAN_MAX: u64 = 366 * 86_400 * Tick::SECOND.0;

impl Size {
    /// Whole pages, rounded up.
    pub(super) const fn pages(self) -> u64 {
        self.0.0.div_ceil(PAGE_SIZE)
    }
}

impl Share {
    /// In thousandths.
    ///
    /// # Errors
    /// [`Problem`] for a share that is finer.
    pub(super) fn permille(value: &Spanned<Self>) -> Result<u16, Problem> {
        let Self(share) = *value.get_ref();
        let thousandths = share * 1_000.0;
        if (thousandths - thousandths.round()).abs() > 1e-6 {
            let text = format!("{share} is finer than a thousandth: expected 0.001, 0.002, … 1");
            return Err(Problem::new(value.span(), text));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        Ok(thousandths.round() as u16)
    }
}

/// A whole number within a range; the default where nothing is said.
///
/// # Errors
/// [`Problem`] with the number and what was expected.
pub(super) fn whole(
    value: &Placed<Whole>,
    default: u64,
    range: RangeInclusive<u64>,
    what: &str,
) -> Result<u64, Problem> {
    let Some(placed) = value else { return Ok(default) };
    let Whole(number) = *placed.get_ref();
    let fits = u64::try_from(number).ok().filter(|number| range.contains(number));
    fits.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        Problem::new(placed.span(), format!("{number} {what}: expected {least} to {most}"))
    })
}

/// The same for numbers that fit in 32 bits.
///
/// # Errors
/// [`Problem`] with the number and what was expected.
pub(super) fn whole32(
    value: &Placed<Whole>,
    default: u32,
    range: RangeInclusive<u32>,
    what: &str,
) -> Result<u32, Problem> {
    let wide = u64::from(*range.start())..=u64::from(*range.end());
    let number = whole(value, u64::from(default), wide, what)?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// An amount of memory in pages, at least one and at most so many.
///
/// # Errors
/// [`Problem`] with the amount and what was expected.
pub(super) fn pages(value: &Spanned<Size>, most: u64, of: &str) -> Result<u64, Problem> {
    let pages = value.get_ref().pages();
    if (1..=most).contains(&pages) {
        return Ok(pages);
    }
    let (size, most) = (value.get_ref().0, Bytes::from_pages(most));
    let text = format!("{size} ({pages} pages): expected one page to {most}{of}");
    Err(Problem::new(value.span(), text))
}

/// A span of time, at least a nanosecond; the default where nothing is said.
///
/// # Errors
/// [`Problem`] for no time at all.
pub(super) fn some_time(value: &Placed<Span>, default: Tick) -> Result<Tick, Problem> {
    let Some(placed) = value else { return Ok(default) };
    match placed.get_ref().0 {
        Tick(0) => Err(Problem::new(placed.span(), "no time at all: expected at least 1ns")),
        time => Ok(time),
    }
}

/// A value of some type, or what is missing in a table at a place.
///
/// # Errors
/// [`Problem`] that names the key.
pub(super) fn needed<'a, T>(
    value: &'a Placed<T>,
    table: &Range<usize>,
    key: &str,
    what: &str,
) -> Result<&'a Spanned<T>, Problem> {
    value.as_ref().ok_or_else(|| Problem::new(table.clone(), format!("`{key}` is missing: {what}")))
}

/// Reads a text.
struct Text<T> {
    read: fn(&str) -> Result<T, String>,
    expected: &'static str,
    made: PhantomData<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    read: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Text { read, expected, made: PhantomData })
}

const SIZE: &str = "a size in quotes, such as \"512MiB\", \"1.5G\" or \"1000p\" (pages)";
const SPAN: &str = "a time in quotes, such as \"100ns\", \"20ms\", \"10s\" or \"1m 30s\"";

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, SIZE, |text| read_size(text).map(Self))
    }
}

/// Reads an amount of memory: what [`Bytes`] reads, and numbers of pages such as `1000p`.
fn read_size(text: &str) -> Result<Bytes, String> {
    if let Some(pages) = text.trim().strip_suffix('p') {
        let pages: u64 = pages.trim().parse().map_err(|_| {
            format!("'{text}' is not a number of pages: expected one such as 1000p")
        })?;
        let bytes = pages.checked_mul(PAGE_SIZE);
        return bytes.map(Bytes).ok_or_else(|| format!("'{text}' is more than 16 EiB"));
    }
    let or_pages = |error: memtide_core::units::ParseBytesError| {
        format!("{error}, or a number of pages, as in 1000p")
    };
    text.parse().map_err(or_pages)
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, SPAN, |text| {
            let time = humantime::parse_duration(text)
                .map_err(|error| format!("'{text}' is not a time ({error}): expected {SPAN}"))?;
            let nanoseconds = u64::try_from(time.as_nanos()).ok().filter(|time| *time <= SPAN_MAX);
            let too_long = || format!("'{text}' is too long: expected at most 366 days");
            nanoseconds.map(|time| Self(Tick(time))).ok_or_else(too_long)
        })
    }
}

/// Reads a number.
struct Number;

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share from 0 to 1, such as 0.25")
    }

    fn visit_f64<E: Error>(self, share: f64) -> Result<f64, E> {
        if (0.0..=1.0).contains(&share) {
            return Ok(share);
        }
        Err(E::invalid_value(Unexpected::Float(share), &self))
    }

    fn visit_i64<E: Error>(self, share: i64) -> Result<f64, E> {
        match share {
            0 => Ok(0.0),
            1 => Ok(1.0),
            _ => Err(E::invalid_value(Unexpected::Signed(share), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Number).map(Self)
    }
}

/// Reads a whole number.
struct Integer;

impl Visitor<'_> for Integer {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(Integer).map(Self)
    }
}
