//! `!vm`: the memory of the machine, and of each process.

use std::fmt::Write;

use memtide_core::page::PAGE_SIZE;
use memtide_core::{Manager, PageState, PoolKind};

use super::arguments::Arguments;
use super::error::KdError;
use super::format::{Columns, kilobytes, pages};
use super::target::Target;

pub(super) fn vm(target: &Target, arguments: &Arguments<'_>) -> Result<String, KdError> {
    arguments.end()?;
    let manager = target.manager();
    let mut text = "*** System variables (pages)\n".to_owned();
    for variable in manager.system_variables() {
        let (name, value, help) = (variable.name, pages(variable.value), variable.help);
        let _ = writeln!(text, "    {name:<30} {value}  {help}");
    }
    text += &lists(manager);
    text += &pools(manager);
    text += &page_files(manager);
    text += "\n*** Processes\n";
    text += &processes(target);
    Ok(text)
}

fn lists(manager: &Manager) -> String {
    let snapshot = manager.snapshot();
    let counts = manager.list_counts();
    let active = u64::from(snapshot.frames()) - listed(manager);
    let mut text = "\n*** Lists (pages)\n".to_owned();
    let mut line = |name: &str, count: u64| {
        let _ = writeln!(text, "    {name:<30} {}", pages(count));
    };
    line("Zeroed", u64::from(counts.zeroed));
    line("Free", u64::from(counts.free));
    for (priority, count) in counts.standby.iter().enumerate() {
        line(&format!("Standby, priority {priority}"), u64::from(*count));
    }
    line("Modified", u64::from(counts.modified));
    line("  of it for page files", u64::from(counts.modified_page_file));
    line("Modified, no write", u64::from(counts.modified_no_write));
    line("Bad", u64::from(counts.bad));
    line("Active and in transition", active);
    let store = snapshot.store();
    if store.frames_max > 0 {
        line("  of it the compression store", u64::from(store.frames));
        let _ = writeln!(
            text,
            "    {:<30} {:>10} pages in {} bytes",
            "Compressed", store.pages, store.bytes
        );
    }
    text
}

/// Frames on any list.
pub(super) fn listed(manager: &Manager) -> u64 {
    let counts = manager.list_counts();
    let single =
        [counts.zeroed, counts.free, counts.modified, counts.modified_no_write, counts.bad];
    single.iter().chain(&counts.standby).map(|count| u64::from(*count)).sum()
}

fn pools(manager: &Manager) -> String {
    let mut text = "\n*** Pools (bytes)\n".to_owned();
    for (kind, name) in [(PoolKind::NonPaged, "NonPagedPool"), (PoolKind::Paged, "PagedPool")] {
        let pool = manager.snapshot().pool(kind);
        let lines = [("Usage", pool.used), ("Peak", pool.peak), ("Limit", pool.limit)];
        for (what, bytes) in lines {
            let _ = writeln!(text, "    {:<28} {}", format!("{name} {what}"), kilobytes(bytes));
        }
    }
    text
}

fn page_files(manager: &Manager) -> String {
    let mut columns = Columns::new(&["file", "current", "free", "maximum", "bad"], &[]);
    for file in manager.snapshot().page_files() {
        let kilobytes = |pages: u32| format!("{} Kb", u64::from(pages) * PAGE_SIZE / 1024);
        let free = file.size.saturating_sub(file.used).saturating_sub(file.bad);
        columns.row(vec![
            format!("{:x}", file.file),
            kilobytes(file.size),
            kilobytes(free),
            kilobytes(file.maximum),
            kilobytes(file.bad),
        ]);
    }
    let title = "\n*** Page files\n".to_owned();
    if columns.is_empty() { title + "    none\n" } else { title + &columns.indented() }
}

fn processes(target: &Target) -> String {
    let snapshot = target.manager().snapshot();
    let titles = ["process", "name", "working set", "private", "page tables", "faults"];
    let mut columns = Columns::new(&titles, &[1]);
    let kilobytes = |pages: u64| format!("{} Kb", pages * PAGE_SIZE / 1024);
    for space in snapshot.spaces() {
        let Ok(view) = snapshot.space(space) else { continue };
        columns.row(vec![
            format!("{:x}", space.0),
            target.name(space).to_owned(),
            kilobytes(u64::from(view.working_set)),
            kilobytes(view.commit),
            kilobytes(view.page_tables),
            view.counters.faults().to_string(),
        ]);
    }
    if columns.is_empty() { "    none\n".to_owned() } else { columns.indented() }
}

/// The state of a name, such as `standby`.
pub(super) fn state_named(name: &str) -> Option<PageState> {
    PageState::ALL.into_iter().find(|state| state.word() == name)
}
