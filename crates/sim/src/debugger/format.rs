//! How the debugger writes numbers, times and columns.

use std::fmt::Write;

use memtide_core::page::{Access, Tick};
use memtide_core::{Base, Modifier, Protection, Rights};

/// An address as the debugger writes it: two halves of eight digits.
pub(super) fn address(address: u64) -> String {
    format!("{:08x}`{:08x}", address >> 32, address & 0xffff_ffff)
}

/// A moment or a span.
pub(super) fn time(at: Tick) -> String {
    let (seconds, nanoseconds) = (at.0 / Tick::SECOND.0, at.0 % Tick::SECOND.0);
    match seconds {
        0 => format!("{}.{:06} ms", nanoseconds / 1_000_000, nanoseconds % 1_000_000),
        _ => format!("{seconds}.{nanoseconds:09} s"),
    }
}

/// Pages, with what they come to.
pub(super) fn pages(pages: u64) -> String {
    format!("{pages:>10} ({:>11} Kb)", pages.saturating_mul(4))
}

/// Bytes, with what they come to in whole kilobytes.
pub(super) fn kilobytes(bytes: u64) -> String {
    format!("{bytes:>12} ({:>10} Kb)", bytes / 1024)
}

/// The word for an access.
pub(super) const fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Execute => "execute",
    }
}

/// A protection by Windows' name, without its `PAGE_`.
pub(super) fn protection(protection: Protection) -> String {
    let base = match protection.base {
        Base::NoAccess => "NOACCESS",
        Base::ReadOnly => "READONLY",
        Base::ReadWrite => "READWRITE",
        Base::WriteCopy => "WRITECOPY",
        Base::Execute => "EXECUTE",
        Base::ExecuteRead => "EXECUTE_READ",
        Base::ExecuteReadWrite => "EXECUTE_READWRITE",
        Base::ExecuteWriteCopy => "EXECUTE_WRITECOPY",
    };
    let modifier = match protection.modifier {
        Modifier::None => "",
        Modifier::Guard => " | GUARD",
        Modifier::NoCache => " | NOCACHE",
        Modifier::WriteCombine => " | WRITECOMBINE",
    };
    format!("{base}{modifier}")
}

/// The rights of a PTE: a letter for each, a dash where it is missing.
pub(super) fn rights(rights: Rights) -> String {
    let letter = |access, letter| if rights.allow(access) { letter } else { '-' };
    [(Access::Read, 'R'), (Access::Write, 'W'), (Access::Execute, 'E')]
        .map(|(access, found)| letter(access, found))
        .iter()
        .collect()
}

/// Columns as wide as what stands in them.
pub(super) struct Columns {
    rows: Vec<Vec<String>>,
    /// Which columns are aligned to the left.
    left: &'static [usize],
}

impl Columns {
    /// Columns with these titles; numbers are aligned to the right, what is named in `left` not.
    pub(super) fn new(titles: &[&str], left: &'static [usize]) -> Self {
        Self { rows: vec![titles.iter().map(|title| (*title).to_owned()).collect()], left }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The same, with every line set in.
    pub(super) fn indented(&self) -> String {
        self.to_string().lines().map(|line| format!("    {line}\n")).collect()
    }

    /// Whether there is anything but the titles.
    pub(super) const fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }
}

impl std::fmt::Display for Columns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                match self.left.contains(&column) {
                    true => write!(line, "{gap}{cell:<width$}")?,
                    false => write!(line, "{gap}{cell:>width$}")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_times_read_as_the_debugger_writes_them() {
        assert_eq!(address(0x7ff6_1234_5678), "00007ff6`12345678");
        assert_eq!(time(Tick(1_234_567)), "1.234567 ms");
        assert_eq!(time(Tick(61_000_000_001)), "61.000000001 s");
    }

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut columns = Columns::new(&["pfn", "name"], &[1]);
        columns.row(vec!["1a2b".to_owned(), "x".to_owned()]);
        assert_eq!(columns.to_string(), " pfn  name\n1a2b  x\n");
    }
}
