//! `!process`: what a process is and what happened to it.

use std::fmt::Write;

use memtide_core::Counters;
use memtide_core::page::SpaceId;
use memtide_core::snapshot::SpaceView;

use super::arguments::{Arguments, process};
use super::error::{KdError, usage};
use super::format::{Columns, time};
use super::target::Target;
use crate::process::ProcessState;

pub(super) fn processes(target: &Target, mut arguments: Arguments<'_>) -> Result<String, KdError> {
    match arguments.next() {
        Some(word) => {
            let space = process(word, target)?;
            arguments.end()?;
            match target.manager().snapshot().space(space) {
                Ok(view) => Ok(one(target, &view)),
                Err(refusal) => usage(refusal.to_string()),
            }
        }
        None => Ok(all(target)),
    }
}

fn one(target: &Target, view: &SpaceView) -> String {
    let (space, limits) = (view.space, view.limits);
    let hard = |is_hard| if is_hard { ", hard" } else { "" };
    let ages: Vec<String> = view.ages.iter().map(u32::to_string).collect();
    let mut text = format!("PROCESS {:x}  {}\n", space.0, target.name(space));
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "    {what:<36} {value}");
    };
    line(
        "Working set sizes (now,min,max)",
        format!(
            "({}, {}{}, {}{}) pages",
            view.working_set,
            limits.minimum,
            hard(limits.is_minimum_hard),
            limits.maximum,
            hard(limits.is_maximum_hard)
        ),
    );
    line("Peak working set", format!("{} pages", view.working_set_peak));
    line("Locked", format!("{} pages", view.locked));
    line("Ages 0 to 7", ages.join(" "));
    line("Commit charge", format!("{} pages", view.commit));
    line("Physical pages (AWE)", view.physical.to_string());
    line("VADs", view.regions.to_string());
    line("Page tables", view.page_tables.to_string());
    line("Page priority", view.priority.to_string());
    line("Page faults", view.counters.faults().to_string());
    for (name, count) in counted(&view.counters).into_iter().filter(|(_, count)| *count > 0) {
        line(&format!("  {name}"), count.to_string());
    }
    text + &times(target, space)
}

/// The counters of a process that are worth a line.
fn counted(counters: &Counters) -> [(&'static str, u64); 15] {
    [
        ("demand zero", counters.demand_zero),
        ("soft", counters.soft),
        ("prototype", counters.prototype),
        ("hard", counters.hard),
        ("decompressed", counters.decompressed),
        ("copy on write", counters.copy_on_write),
        ("collided", counters.collided),
        ("guard pages", counters.guard),
        ("violations", counters.violations),
        ("in-page errors", counters.in_page_errors),
        ("first writes", counters.first_writes),
        ("waited for a frame", counters.waited),
        ("pages trimmed", counters.trimmed),
        ("pages read", counters.pages_read),
        ("pages written", counters.pages_written),
    ]
}

/// Where a process's time went, as far as a simulation knows.
fn times(target: &Target, space: SpaceId) -> String {
    let living = target
        .processes()
        .iter()
        .find(|process| process.space == space && process.state == ProcessState::Alive);
    let Some(process) = living else { return String::new() };
    let mut text = String::new();
    let lines = [
        ("Time of its own", process.time.own),
        ("Time in the memory manager", process.time.serviced),
        ("Time waiting for pages", process.time.waited),
    ];
    for (what, span) in lines {
        let _ = writeln!(text, "    {what:<36} {}", time(span));
    }
    let _ = writeln!(text, "    {:<36} {}", "References", process.references);
    text
}

fn all(target: &Target) -> String {
    let snapshot = target.manager().snapshot();
    let titles = ["process", "name", "working set", "commit", "VADs", "faults", "hard", "soft"];
    let mut columns = Columns::new(&titles, &[1]);
    for space in snapshot.spaces() {
        let Ok(view) = snapshot.space(space) else { continue };
        let counters = view.counters;
        let numbers = [
            u64::from(view.working_set),
            view.commit,
            u64::try_from(view.regions).unwrap_or(u64::MAX),
            counters.faults(),
            counters.hard,
            counters.soft,
        ];
        let name = [format!("{:x}", space.0), target.name(space).to_owned()];
        columns.row(name.into_iter().chain(numbers.map(|number| number.to_string())).collect());
    }
    let mut text =
        if columns.is_empty() { "no process lives\n".to_owned() } else { columns.to_string() };
    for process in target.processes() {
        let (word, at) = match process.state {
            ProcessState::Alive => continue,
            ProcessState::Done(at) => ("ended".to_owned(), at),
            ProcessState::Killed(at) => ("was killed".to_owned(), at),
            ProcessState::Crashed(at, exception) => (format!("crashed ({exception})"), at),
            ProcessState::Aborted(at, refusal) => (format!("gave up ({refusal})"), at),
        };
        let _ = writeln!(text, "{} {word} at {}", process.name, time(at));
    }
    text
}
