//! PSI: pressure stall information, of the machine and of a cgroup.

use super::proc_file::lines;
use crate::Stall;
use memtide_core::conditions::Permille;

/// One line of a PSI file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PressureLine {
    /// The share of the last 10 seconds.
    pub avg10: Permille,
    /// The time since the start, in microseconds.
    pub total_us: u64,
}

/// A PSI file, such as /proc/pressure/memory or a cgroup's memory.pressure.
///
/// Source: the kernel's Documentation/accounting/psi.rst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// At least one thread waited.
    pub some: Option<PressureLine>,
    /// Every thread that could run waited.
    pub full: Option<PressureLine>,
}

impl Pressure {
    /// Reads the text of a PSI file; what it doesn't understand is unknown.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut pressure = Self::default();
        for line in lines(text) {
            let Some((kind, fields)) = line.split_once(' ') else { continue };
            match kind {
                "some" => pressure.some = parse_line(fields),
                "full" => pressure.full = parse_line(fields),
                _ => {}
            }
        }
        pressure
    }

    /// The stall in the host's words, by the kernel's average over ten seconds.
    #[must_use]
    pub fn stall(&self) -> Option<Stall> {
        let some = self.some?;
        let full = self.full.map(|line| line.avg10);
        Some(Stall { some: some.avg10, full, total_us: some.total_us })
    }
}

fn parse_line(fields: &str) -> Option<PressureLine> {
    let mut avg10 = None;
    let mut total_us = None;
    for field in fields.split_ascii_whitespace() {
        match field.split_once('=')? {
            ("avg10", value) => avg10 = parse_percent(value),
            ("total", value) => total_us = value.parse().ok(),
            _ => {}
        }
    }
    Some(PressureLine { avg10: avg10?, total_us: total_us? })
}

/// A percentage with two places, such as `12.34`, rounded down to thousandths.
fn parse_percent(text: &str) -> Option<Permille> {
    let (whole, fraction) = text.split_once('.')?;
    let whole: u16 = whole.parse().ok()?;
    let tenth = fraction.bytes().next().filter(u8::is_ascii_digit)? - b'0';
    let permille = whole.checked_mul(10)?.checked_add(u16::from(tenth))?;
    (permille <= 1000).then_some(Permille(permille))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_read() {
        let text = b"some avg10=12.34 avg60=0.28 avg300=0.33 total=1845987\n\
            full avg10=100.00 avg60=0.00 avg300=0.00 total=77\n";
        let pressure = Pressure::parse(text);
        let line = |avg10, total_us| Some(PressureLine { avg10: Permille(avg10), total_us });
        assert_eq!(pressure.some, line(123, 1_845_987));
        assert_eq!(pressure.full, line(1000, 77));
        let stall = pressure.stall().expect("some is there");
        assert_eq!((stall.some, stall.full), (Permille(123), Some(Permille(1000))));
    }

    #[test]
    fn what_is_not_pressure_is_unknown() {
        for text in
            ["", "some", "some avg10=x total=1", "some avg10=1.00", "some avg10=200.0 total=1"]
        {
            assert_eq!(Pressure::parse(text.as_bytes()).some, None, "{text:?}");
        }
    }
}
