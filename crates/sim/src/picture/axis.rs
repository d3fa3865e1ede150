//! An axis: what it measures, its range, and where its ticks stand.

use memtide_core::units::Bytes;

/// What an axis measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// Seconds.
    Time,
    /// Bytes.
    Memory,
    /// Things.
    Count,
    /// Things a second.
    Rate,
    /// Shares of one, as percent.
    Share,
    /// A plain number.
    Number,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    label: String,
    measure: Measure,
    is_logarithmic: bool,
    range: Option<(f64, f64)>,
}

/// An axis and the values it must show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    /// What is written beside it.
    pub(super) title: String,
    /// Its ends, as [`place`](Fitted::place) gives them.
    pub(super) from: f64,
    /// Its ends, as [`place`](Fitted::place) gives them.
    pub(super) to: f64,
    /// The values at its ticks, and what is written there.
    pub(super) ticks: Vec<(f64, String)>,
    measure: Measure,
    is_logarithmic: bool,
    least: f64,
}

/// More ticks than these, on an upright axis and on one that lies, are hard to read.
const TICKS_MAX: (f64, f64) = (8.0, 12.0);

impl Axis {
    fn new(label: impl Into<String>, measure: Measure) -> Self {
        Self { label: label.into(), measure, is_logarithmic: false, range: None }
    }

    /// Time in seconds.
    #[must_use]
    pub fn time(label: impl Into<String>) -> Self {
        Self::new(label, Measure::Time)
    }

    /// Memory in bytes.
    #[must_use]
    pub fn memory(label: impl Into<String>) -> Self {
        Self::new(label, Measure::Memory)
    }

    /// A count of things.
    #[must_use]
    pub fn count(label: impl Into<String>) -> Self {
        Self::new(label, Measure::Count)
    }

    /// Things a second.
    #[must_use]
    pub fn rate(label: impl Into<String>) -> Self {
        Self::new(label, Measure::Rate)
    }

    /// Shares of one, written as percent.
    #[must_use]
    pub fn share(label: impl Into<String>) -> Self {
        Self::new(label, Measure::Share)
    }

    /// A plain number.
    #[must_use]
    pub fn number(label: impl Into<String>) -> Self {
        Self::new(label, Measure::Number)
    }

    /// With equal steps for equal factors; what is not above zero stands at the low end.
    #[must_use]
    pub const fn logarithmic(mut self) -> Self {
        self.is_logarithmic = true;
        self
    }

    /// From one value to another, whatever the data; what lies beyond is drawn at the end.
    #[must_use]
    pub const fn range(mut self, from: f64, to: f64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// The axis for some values. A linear `upright` one begins at zero and ends at a tick.
    pub(super) fn fitted(&self, values: impl Iterator<Item = f64>, upright: bool) -> Fitted {
        let values = values.filter(|value| value.is_finite());
        let values = values.filter(|value| !self.is_logarithmic || *value > 0.0);
        let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        });
        let given = self.range.filter(|(from, to)| from < to);
        let (low, high) = given.or(ends).unwrap_or((0.0, 1.0));
        let is_given = given.is_some();
        let ticks_max = if upright { TICKS_MAX.0 } else { TICKS_MAX.1 };
        match self.is_logarithmic {
            true => self.fitted_logarithmic(low, high, ticks_max),
            false if upright && !is_given => {
                self.fitted_linear(low.min(0.0), high, ticks_max, true)
            }
            false => self.fitted_linear(low, high, ticks_max, false),
        }
    }

    fn fitted_linear(&self, low: f64, high: f64, ticks_max: f64, to_tick: bool) -> Fitted {
        let high = if high > low { high } else { low + self.measure.least() };
        let largest = low.abs().max(high.abs());
        let (unit, suffix) = self.measure.unit(largest);
        let step = match self.measure {
            Measure::Memory => binary_step((high - low) / unit, ticks_max),
            Measure::Count => decimal_step((high - low) / unit, ticks_max).max(1.0 / unit),
            _ => decimal_step((high - low) / unit, ticks_max),
        };
        let low_steps = (low / unit / step + TOLERANCE).floor();
        let high_steps = (high / unit / step - TOLERANCE).ceil();
        let (from, to) = match to_tick {
            true => (low_steps * step * unit, high_steps * step * unit),
            false => (low, high),
        };
        let mut ticks = Vec::new();
        let mut number = (from / unit / step - TOLERANCE).ceil();
        while number * step * unit <= to + TOLERANCE * step * unit {
            let value = number * step;
            ticks.push((value * unit, self.measure.tick(value, step, largest)));
            number += 1.0;
        }
        let title = match suffix {
            "" => self.label.clone(),
            suffix => format!("{} ({suffix})", self.label),
        };
        let (measure, least) = (self.measure, low);
        Fitted { title, from, to, ticks, measure, is_logarithmic: false, least }
    }

    fn fitted_logarithmic(&self, low: f64, high: f64, ticks_max: f64) -> Fitted {
        let low = if low > 0.0 { low } else { self.measure.least() };
        let high = if high > low { high } else { low * 2.0 };
        let factors: &[f64] = match self.measure {
            Measure::Memory => &[2.0, 4.0, 16.0, 32.0, 1024.0],
            _ => &[2.0, 10.0, 100.0, 1000.0],
        };
        let fits = |factor: &&f64| (high / low).log(**factor) <= ticks_max;
        let factor = factors.iter().find(fits).unwrap_or(&factors[factors.len() - 1]);
        let mut ticks = Vec::new();
        let mut number = (low.log(*factor) - TOLERANCE).ceil();
        while number <= high.log(*factor) + TOLERANCE {
            let value = factor.powf(number).round_to(number);
            ticks.push((value, self.measure.words(value)));
            number += 1.0;
        }
        Fitted {
            title: self.label.clone(),
            from: low.log10(),
            to: high.log10(),
            ticks,
            measure: self.measure,
            is_logarithmic: true,
            least: low,
        }
    }
}

/// Steps that differ by less than this part are one.
const TOLERANCE: f64 = 1e-6;

trait RoundTo {
    /// Without the error of a power, where it should be whole.
    fn round_to(self, exponent: f64) -> Self;
}

impl RoundTo for f64 {
    fn round_to(self, exponent: f64) -> Self {
        if exponent >= 0.0 { self.round() } else { self }
    }
}

impl Fitted {
    /// Where a value stands between [`from`](Fitted::from) and [`to`](Fitted::to), at an end for
    /// one beyond it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.is_logarithmic {
            true => value.max(self.least).log10(),
            false => value,
        };
        place.clamp(self.from, self.to)
    }

    /// A value in words, with its unit.
    pub(super) fn words(&self, value: f64) -> String {
        self.measure.words(value)
    }
}

impl Measure {
    /// The least range that an axis shows.
    const fn least(self) -> f64 {
        match self {
            Self::Time => 1e-9,
            Self::Memory | Self::Count | Self::Rate | Self::Number => 1.0,
            Self::Share => 0.01,
        }
    }

    /// What the ticks count in, for values up to one.
    fn unit(self, high: f64) -> (f64, &'static str) {
        match self {
            Self::Time => match high {
                high if high >= 1.0 => (1.0, "s"),
                high if high >= 1e-3 => (1e-3, "ms"),
                _ => (1e-6, "µs"),
            },
            Self::Memory => {
                let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")];
                let units = units.into_iter().chain([(1 << 10, "KiB")]);
                // Four of a unit at least, or steps would be fractions of it.
                let mut units = units.map(|(size, name)| (size as f64, name));
                units.find(|(size, _)| high >= 4.0 * size).unwrap_or((1.0, "bytes"))
            }
            Self::Share => (0.01, ""),
            Self::Count | Self::Number | Self::Rate => (1.0, ""),
        }
    }

    /// What is written at a tick, in the axis' unit.
    fn tick(self, value: f64, step: f64, largest: f64) -> String {
        match self {
            Self::Share => format!("{}%", decimals(value, step)),
            Self::Count | Self::Rate | Self::Number => thousands(value, step, largest),
            Self::Time | Self::Memory => decimals(value, step),
        }
    }

    /// A value in words, with its unit.
    fn words(self, value: f64) -> String {
        match self {
            Self::Time => {
                let (unit, suffix) = self.unit(value);
                format!("{} {suffix}", three_digits(value / unit))
            }
            Self::Memory => bytes(value).to_string(),
            Self::Share => format!("{}%", three_digits(value * 100.0)),
            Self::Count => counted(value),
            Self::Number => three_digits(value),
            Self::Rate => format!("{} a second", counted(value)),
        }
    }
}

/// A number of bytes that was one before it became a coordinate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is below zero or too large becomes the least or the largest amount"
)]
fn bytes(value: f64) -> Bytes {
    Bytes(value.round() as u64)
}

/// 1, 2 or 5 of a power of ten, so that few ticks span a range.
fn decimal_step(span: f64, ticks_max: f64) -> f64 {
    let powers = (-12..=18).map(|power| 10f64.powi(power));
    let mut steps = powers.flat_map(|power| [power, 2.0 * power, 5.0 * power]);
    steps.find(|step| span / step <= ticks_max).unwrap_or(span)
}

/// A power of two, so that few ticks span a range.
fn binary_step(span: f64, ticks_max: f64) -> f64 {
    let mut steps = (-10..=60).map(|power| 2f64.powi(power));
    steps.find(|step| span / step <= ticks_max).unwrap_or(span)
}

/// A number with as many digits as tell it from the next step.
fn decimals(value: f64, step: f64) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    let digits = (0..6).find(|digits| (step * 10f64.powi(*digits)).fract().abs() < TOLERANCE);
    let digits = usize::try_from(digits.unwrap_or(6)).unwrap_or(0);
    format!("{value:.digits$}")
}

/// The unit that a count of thousands is told in.
fn multiple(largest: f64) -> (f64, &'static str) {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let mut units = units.into_iter().filter(|_| largest >= 10_000.0);
    units.find(|(unit, _)| largest >= *unit).unwrap_or((1.0, ""))
}

/// A number on an axis with k, M or G for the thousands, by the largest number on it.
fn thousands(value: f64, step: f64, largest: f64) -> String {
    match multiple(largest) {
        (unit, suffix) if value != 0.0 => {
            format!("{}{suffix}", decimals(value / unit, step / unit))
        }
        _ => "0".to_owned(),
    }
}

/// A number by itself, with k, M or G for the thousands.
fn counted(value: f64) -> String {
    let (unit, suffix) = multiple(value.abs());
    format!("{}{suffix}", three_digits(value / unit))
}

/// A number with three digits or all of a larger one, without zeros at the end.
fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => return format!("{value:.0}"),
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis, values: &[f64], upright: bool) -> (String, Vec<String>) {
        let fitted = axis.fitted(values.iter().copied(), upright);
        (fitted.title, fitted.ticks.into_iter().map(|(_, text)| text).collect())
    }

    #[test]
    fn memory_counts_in_powers_of_two_of_its_unit() {
        let mib = f64::from(1 << 20);
        let (title, found) = ticks(&Axis::memory("memory"), &[0.0, 60.0 * mib], true);
        assert_eq!(title, "memory (MiB)");
        assert_eq!(found, ["0", "8", "16", "24", "32", "40", "48", "56", "64"]);
    }

    #[test]
    fn time_is_in_the_unit_it_needs() {
        let (title, found) = ticks(&Axis::time("time"), &[0.0, 0.0083], false);
        assert_eq!(title, "time (ms)");
        assert_eq!(found, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    }

    #[test]
    fn counts_have_no_fractions_and_large_ones_no_zeros() {
        assert_eq!(ticks(&Axis::count("n"), &[2.0], true).1, ["0", "1", "2"]);
        let large = ticks(&Axis::count("n"), &[1_200_000.0], true).1;
        assert_eq!(large[1], "0.2M");
        assert_eq!(large[6], "1.2M");
    }

    #[test]
    fn a_logarithmic_axis_has_a_tick_a_factor() {
        let axis = Axis::memory("memory").logarithmic();
        let found = ticks(&axis, &[4_096.0, 1_073_741_824.0], true).1;
        assert_eq!(found, ["4 KiB", "64 KiB", "1 MiB", "16 MiB", "256 MiB"]);
        let found = ticks(&Axis::count("n").logarithmic(), &[1.0, 1e6], false).1;
        assert_eq!(found, ["1", "10", "100", "1000", "10k", "100k", "1M"]);
    }

    #[test]
    fn one_value_or_none_still_makes_an_axis() {
        for values in [&[][..], &[5.0], &[f64::NAN]] {
            for axis in [Axis::count("n"), Axis::count("n").logarithmic(), Axis::share("s")] {
                let fitted = axis.fitted(values.iter().copied(), true);
                assert!(fitted.from < fitted.to, "{fitted:?}");
            }
        }
    }
}
