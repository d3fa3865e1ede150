//! `memtide status`: one look.

use crate::Exit;
use crate::config::Context;
use memtide_core::conditions::{Bound, Profile};
use memtide_host::processes::Processes;
use memtide_host::{Scope, look};
use memtide_view::fields::{self, Status};
use memtide_view::text::{self, Style};
use std::fmt::Write as _;

/// How many processes one look shows.
const TOP: usize = 5;

/// Prints one look at the machine.
///
/// # Errors
/// Where the machine cannot be read, or the thresholds cannot be used.
pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let look = look(&context.options)?;
    let processes = Processes::largest(TOP).ok().map(|largest| largest.list);
    let status = Status { look, processes };
    context.output.print(&fields::STATUS.row(&status), |_, style| show(context, &status, style))?;
    Ok(Exit::Done)
}

fn show(context: &Context, status: &Status, style: Style) -> String {
    let sample = &status.look.sample;
    let mut shown = String::new();
    let heading = format!("Conditions of {}", judged(context, sample.levels.bound));
    let _ = writeln!(shown, "{}", style.heading(&heading));
    let readings = fields::CONDITION.rows(&status.look.readings);
    let _ = writeln!(shown, "{}", text::table(&fields::CONDITION, &readings, &[], style));
    let lists = fields::LISTS.row(&sample.lists);
    let commit = fields::COMMIT.row(&sample.commit);
    let pool = |pool| text::line(&fields::POOL.row(pool), &["used", "limit"]);
    let lines = [
        ("Memory", text::line(&lists, &["total", "in_use", "unattributed"])),
        ("", text::line(&lists, &["free", "zeroed", "standby", "modified"])),
        ("Commit", text::line(&commit, &["charge", "limit", "maximum", "peak", "rule"])),
        ("Paged pool", pool(&sample.pools.paged)),
        ("Nonpaged pool", pool(&sample.pools.nonpaged)),
        (
            "Container",
            sample.container.as_ref().map_or_else(
                || "none".to_owned(),
                |c| text::line(&fields::CONTAINER.row(c), &["path", "limit", "available"]),
            ),
        ),
        (
            "Stall",
            sample.stall.as_ref().map_or_else(
                || "unknown".to_owned(),
                |s| text::line(&fields::STALL.row(s), &["some", "full"]) + " of the last 10 s",
            ),
        ),
    ];
    for (title, line) in lines {
        let _ = writeln!(shown, "{}  {line}", style.heading(&format!("{title:<13}")));
    }
    let _ = writeln!(shown);
    match &status.processes {
        None => shown.push_str("The processes cannot be listed.\n"),
        Some(processes) => {
            let columns = ["pid", "user", "working_set", "private", "swap", "commit", "name"];
            let rows = fields::PROCESS.rows(processes);
            shown.push_str(&text::table(&fields::PROCESS, &rows, &columns, style));
        }
    }
    shown
}

/// Whose conditions these are, and by which marks.
fn judged(context: &Context, bound: Bound) -> String {
    let whose = match (&context.options.scope, bound) {
        (Scope::Cgroup(directory), _) => format!("the cgroup {}", directory.display()),
        (_, Bound::Container) => "this container".to_owned(),
        (_, Bound::PhysicalMemory) => "this machine".to_owned(),
    };
    let marks = match context.options.profile {
        Profile::Windows => "Windows' thresholds",
        Profile::EarlyWarning => "early-warning thresholds",
    };
    format!("{whose}, by {marks}")
}
