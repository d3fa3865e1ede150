//! What an experiment came to: steps with what was seen, and findings that hold or not.

/// What an experiment came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The name of the experiment.
    pub name: &'static str,
    /// What it asks.
    pub question: &'static str,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// What it shows.
    pub findings: Vec<Finding>,
}

/// Something that was done, and what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was done.
    pub title: String,
    /// What was seen, in words or as a debugger shows it; a line each.
    pub lines: Vec<String>,
    /// What was seen, in tables.
    pub tables: Vec<Table>,
}

/// A table of what was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The titles of the columns; the first one names the rows.
    pub columns: Vec<String>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<String>>,
}

/// A statement that the experiment checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is stated.
    pub statement: String,
    /// What was seen that decides it.
    pub seen: String,
    /// Whether it holds.
    pub holds: bool,
}

impl Outcome {
    /// Nothing was done yet; whoever makes the experiment says which one it is.
    pub(super) const fn new() -> Self {
        Self { name: "", question: "", steps: Vec::new(), findings: Vec::new() }
    }

    pub(super) fn step(&mut self, title: impl Into<String>) -> &mut Step {
        let (title, lines, tables) = (title.into(), Vec::new(), Vec::new());
        self.steps.push(Step { title, lines, tables });
        self.steps.last_mut().expect("a step was just added")
    }

    pub(super) fn finding(
        &mut self,
        statement: impl Into<String>,
        seen: impl Into<String>,
        holds: bool,
    ) {
        self.findings.push(Finding { statement: statement.into(), seen: seen.into(), holds });
    }

    /// States that something is what was expected.
    pub(super) fn finding_equal<T: PartialEq + std::fmt::Display>(
        &mut self,
        statement: impl Into<String>,
        (seen, unit): (T, &str),
        expected: T,
    ) {
        let holds = seen == expected;
        let told = match holds {
            true => format!("{seen} {unit}"),
            false => format!("{seen} {unit}, not {expected}"),
        };
        self.finding(statement, told, holds);
    }

    /// Whether every finding holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.holds)
    }

    /// The table of a column and row title: the cell where they meet, in the first table that has
    /// both.
    #[must_use]
    pub fn cell(&self, row: &str, column: &str) -> Option<&str> {
        let tables = self.steps.iter().flat_map(|step| &step.tables);
        tables.into_iter().find_map(|table| table.cell(row, column))
    }
}

impl Step {
    pub(super) fn line(&mut self, line: impl Into<String>) -> &mut Self {
        self.lines.extend(line.into().lines().map(str::to_owned));
        self
    }

    pub(super) fn table(&mut self, table: Table) -> &mut Self {
        self.tables.push(table);
        self
    }
}

impl Table {
    pub(super) fn new(columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn row<T: ToString>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
        assert_eq!(cells.len(), self.columns.len(), "{cells:?}");
        self.rows.push(cells);
    }

    /// The cell of a row, by its first cell, and a column, by its title.
    #[must_use]
    pub fn cell(&self, row: &str, column: &str) -> Option<&str> {
        let column = self.columns.iter().position(|title| title == column)?;
        let row = self.rows.iter().find(|cells| cells.first().is_some_and(|cell| cell == row))?;
        row.get(column).map(String::as_str)
    }
}
