//! `memtide doctor`: what works here, what does not, and how to enable it.

use crate::Exit;
use crate::config::Context;
use memtide_host::doctor::{Capability, Verdict, examine};
use memtide_view::fields;
use memtide_view::text::{self, Style};
use std::fmt::Write as _;

/// Prints every capability.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let capabilities = examine();
    context
        .output
        .print(&fields::DOCTOR.row(&capabilities), |_, style| show(&capabilities, style))?;
    Ok(Exit::Done)
}

/// A line of what is seen under each name, and what would enable it where something is missing.
fn show(capabilities: &[Capability], style: Style) -> String {
    let mut shown = String::new();
    for capability in capabilities {
        let row = fields::CAPABILITY.row(capability);
        let value = |id: &str| {
            let found = row.iter().find(|(field, _)| field.id == id);
            found.map(|(field, value)| text::value(field.unit, value)).unwrap_or_default()
        };
        let verdict = format!("{:<7}", value("verdict"));
        let verdict = match capability.verdict {
            Verdict::Works => verdict,
            Verdict::Fails | Verdict::Unknown => style.alarm(&verdict),
        };
        let name = style.heading(&format!("{:<22}", value("id")));
        let _ = writeln!(shown, "{verdict}  {name}  {}", value("purpose"));
        let _ = writeln!(shown, "{:33}{}", "", value("evidence"));
        if capability.remedy.is_some() {
            let _ = writeln!(shown, "{:33}to enable: {}", "", value("remedy"));
        }
    }
    let count = |verdict| capabilities.iter().filter(|c| c.verdict == verdict).count();
    let (works, fails) = (count(Verdict::Works), count(Verdict::Fails));
    let unknown = count(Verdict::Unknown);
    let _ = writeln!(shown, "\n{works} work, {fails} do not, {unknown} could not be learned.");
    shown
}
