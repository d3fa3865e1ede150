//! An outcome as text.

use std::fmt::{self, Write as _};

use super::outcome::{Finding, Outcome, Step, Table};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n", self.name, self.question)?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number}. {}", step.title)?;
            write!(f, "{step}")?;
            writeln!(f)?;
        }
        writeln!(f, "What it shows:")?;
        self.findings.iter().try_for_each(|finding| write!(f, "{finding}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines
            .iter()
            .try_for_each(|line| writeln!(f, "{}", format!("   {line}").trim_end()))?;
        for (number, table) in self.tables.iter().enumerate() {
            if number > 0 || !self.lines.is_empty() {
                writeln!(f)?;
            }
            write!(f, "{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds { "yes" } else { "NO " };
        writeln!(f, "   {word}  {}", self.statement)?;
        writeln!(f, "        {}", self.seen)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.columns).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines().map(|cells| cells[column].chars().count()).max().unwrap_or(0))
            .collect();
        // Numbers stand to the right, under the end of their title.
        let is_number = |column: usize| {
            column > 0 && self.rows.iter().all(|cells| looks_like_number(&cells[column]))
        };
        let is_right: Vec<bool> = (0..widths.len()).map(is_number).collect();
        for cells in lines() {
            let mut line = String::from("  ");
            for ((cell, width), is_right) in cells.iter().zip(&widths).zip(&is_right) {
                match is_right {
                    true => write!(line, " {cell:>width$} ")?,
                    false => write!(line, " {cell:<width$} ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn looks_like_number(cell: &str) -> bool {
    let begins = |c: char| c.is_ascii_digit() || "+-–".contains(c);
    cell.is_empty() || (cell.starts_with(begins) && !cell.starts_with("0x"))
}
