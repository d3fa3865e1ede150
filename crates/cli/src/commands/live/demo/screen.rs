//! How a look is shown: lines that are refreshed, a line each, or a record each.

use crate::output::{Output, write};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use memtide_view::fields::{DEMO, DEMO_RESULT, DemoStep};
use memtide_view::text::{self, Style};
use memtide_view::{Row, Unit, Value, json};
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// What is told once, before.
const ABOUT: [&str; 4] = ["budget", "data", "path", "compression"];

/// What stands on a line, with the width of each.
const COLUMNS: [(&str, usize); 10] = [
    ("elapsed", 8),
    ("stage", 8),
    ("progress", 8),
    ("lists.in_use", 8),
    ("lists.standby", 8),
    ("lists.modified", 8),
    ("page_file_used", 9),
    ("read_per_second", 9),
    ("written_per_second", 9),
    ("faults_per_second", 10),
];

/// How looks are shown.
pub(super) struct Screen {
    output: Output,
    kind: Kind,
}

enum Kind {
    /// A few lines, refreshed.
    Terminal(ProgressBar),
    /// A line a look; the titles first.
    Lines { has_begun: bool },
    /// A record a look.
    Records,
}

impl Screen {
    /// What standard output asks for.
    pub(super) fn new(output: Output) -> Self {
        let kind = match (output.json, io::stdout().is_terminal()) {
            (true, _) => Kind::Records,
            (false, false) => Kind::Lines { has_begun: false },
            (false, true) => {
                let style = ProgressStyle::with_template("{msg}").expect("the template is sound");
                let target = ProgressDrawTarget::stdout();
                Kind::Terminal(ProgressBar::with_draw_target(None, target).with_style(style))
            }
        };
        Self { output, kind }
    }

    /// How often a look is wanted, besides those at each stage.
    pub(super) const fn period(&self) -> Duration {
        match self.kind {
            Kind::Terminal(_) => Duration::from_millis(100),
            Kind::Lines { .. } | Kind::Records => Duration::from_secs(1),
        }
    }

    /// Shows a look.
    pub(super) fn show(&mut self, step: &DemoStep) -> io::Result<()> {
        let row = DEMO.row(step);
        let style = self.output.style;
        match &mut self.kind {
            Kind::Terminal(bar) => bar.set_message(frame(&row, style)),
            Kind::Lines { has_begun } => {
                if !*has_begun {
                    *has_begun = true;
                    write(&format!("{}\n\n{}", text::line(&row, &ABOUT), titles(&row)))?;
                }
                write(&line(&row, style))?;
            }
            Kind::Records => write(&format!("{}\n", json::record(&row)))?,
        }
        Ok(())
    }

    /// Shows the last look, and what came of it all.
    pub(super) fn end(&mut self, step: &DemoStep) -> io::Result<()> {
        self.show(step)?;
        self.leave();
        match (&self.kind, &step.result) {
            (Kind::Records, _) | (_, None) => Ok(()),
            (_, Some(result)) => {
                let told = text::record(&DEMO_RESULT.row(result), self.output.style);
                write(&format!("\n{told}"))
            }
        }
    }

    /// Leaves what is shown on a terminal, with the cursor below it.
    fn leave(&self) {
        if let Kind::Terminal(bar) = &self.kind
            && !bar.is_finished()
        {
            bar.abandon();
            // A terminal that cannot be written to any more needs no line of its own.
            let _ = write("\n");
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A field by its path through records, such as `lists.standby`.
fn find<'a>(row: &'a Row, path: &str) -> Option<(&'static memtide_view::Field, &'a Value)> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let (field, value) = row.iter().find(|(field, _)| field.id == first)?;
    match value {
        Value::Record(inner) if !rest.is_empty() => find(inner, rest),
        _ => Some((field, value)),
    }
}

fn shown(row: &Row, path: &str) -> String {
    match find(row, path) {
        // What nobody knows is no news on a line.
        Some((_, Value::Unknown)) => "-".to_owned(),
        Some((field, value)) => text::value(field.unit, value),
        None => String::new(),
    }
}

fn cell(text: &str, width: usize, is_left: bool) -> String {
    if is_left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

fn columns(row: &Row, each: impl Fn(&str) -> String) -> String {
    let cells = COLUMNS.map(|(path, width)| {
        let is_text = find(row, path).is_some_and(|(field, _)| matches!(field.unit, Unit::Text));
        cell(&each(path), width, is_text)
    });
    cells.join("  ")
}

fn titles(row: &Row) -> String {
    let title = |path: &str| find(row, path).map_or("", |(field, _)| field.title).to_uppercase();
    format!("{}  {}\n", columns(row, title), "SET")
}

fn line(row: &Row, style: Style) -> String {
    let set = conditions(row).filter(|(_, state)| state == "set");
    let set: Vec<String> = set.map(|(name, _)| style.alarm(&name)).collect();
    format!("{}  {}\n", columns(row, |path| shown(row, path)), set.join(" "))
}

/// The conditions, by name and state.
fn conditions(row: &Row) -> impl Iterator<Item = (String, String)> {
    let rows = match find(row, "conditions") {
        Some((_, Value::Records(rows))) => rows.as_slice(),
        _ => &[],
    };
    rows.iter().map(|reading| {
        let name = shown(reading, "name");
        (name.trim_end_matches("Condition").to_owned(), shown(reading, "set"))
    })
}

/// The lines of a terminal.
fn frame(row: &Row, style: Style) -> String {
    let named = |paths: &[&str]| {
        let named = paths.iter().map(|path| {
            let title = find(row, path).map_or("", |(field, _)| field.title).to_lowercase();
            format!("{title} {}", shown(row, path))
        });
        named.collect::<Vec<_>>().join(" · ")
    };
    let mut lines = style.heading(&text::line(row, &ABOUT));
    let _ = write!(lines, "\n{}", named(&["stage", "progress", "elapsed", "resident"]));
    for (heading, paths) in [
        ("lists", &["lists.in_use", "lists.standby", "lists.modified", "lists.free"][..]),
        ("kept", &["page_file_used", "page_file_size", "stored", "store"]),
        ("faults", &["faults.demand_zero", "faults.soft", "faults.hard", "faults.decompressed"]),
        ("moved", &["paging.pages_read", "paging.pages_written", "paging.compressed"]),
        ("speed", &["faults_per_second", "read_per_second", "written_per_second"]),
    ] {
        let _ = write!(lines, "\n{heading:<10}  {}", named(paths));
    }
    let conditions: Vec<String> = conditions(row)
        .map(|(name, state)| {
            let text = format!("{:<25}", format!("{name} {state}"));
            if state == "set" { style.alarm(&text) } else { text }
        })
        .collect();
    for (index, three) in conditions.chunks(3).enumerate() {
        let heading = if index == 0 { "conditions" } else { "" };
        let _ = write!(lines, "\n{heading:<10}  {}", three.concat().trim_end());
    }
    lines
}
