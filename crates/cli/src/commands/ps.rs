//! `memtide ps`: processes and the memory they hold.

use crate::Exit;
use crate::args::{PsArgs, Sort};
use crate::config::Context;
use memtide_host::processes::{Detail, Options, Process, Processes};
use memtide_view::text::{self, Style};
use memtide_view::{Row, fields};
use std::cmp::{Ordering, Reverse};
use std::fmt::Write as _;

/// Prints the processes.
///
/// # Errors
/// Where the list of processes cannot be read, or the cgroup named is none.
pub(crate) fn run(context: &Context, args: &PsArgs) -> anyhow::Result<Exit> {
    let options = Options {
        detail: Detail::Full,
        command_lines: args.command_line,
        kernel_threads: args.kernel,
    };
    let mut look = Processes::list(&options)?;
    if let Some(interval) = args.interval {
        let before = look;
        std::thread::sleep(interval);
        look = Processes::list(&options)?;
        look.rate_since(&before);
    }
    look.retain_in(&context.options.scope)?;
    look.list.retain(|process| is_named(process, &args.names));
    let shares = args.pss || args.sort == Sort::Pss;
    if shares && args.sort == Sort::Pss {
        Processes::measure_shares(&mut look.list);
    }
    look.list.sort_by(|a, b| order(args.sort, a, b));
    look.list.truncate(args.top.unwrap_or(usize::MAX));
    if shares && args.sort != Sort::Pss {
        Processes::measure_shares(&mut look.list);
    }
    let row = fields::PROCESSES.row(&look);
    context.output.print(&row, |_, style| show(&look, args, shares, style))?;
    Ok(Exit::Done)
}

fn is_named(process: &Process, names: &[String]) -> bool {
    let name = process.name.as_ref().map(|name| name.to_lowercase()).unwrap_or_default();
    names.is_empty() || names.iter().any(|wanted| name.contains(&wanted.to_lowercase()))
}

/// The largest first, those unknown last.
fn order(sort: Sort, a: &Process, b: &Process) -> Ordering {
    let by_rate = |rate: fn(&Process) -> Option<f64>| {
        rate(b).unwrap_or(-1.0).total_cmp(&rate(a).unwrap_or(-1.0))
    };
    match sort {
        Sort::WorkingSet => b.working_set.cmp(&a.working_set),
        Sort::Private => b.private.cmp(&a.private),
        Sort::Shared => b.shared.cmp(&a.shared),
        Sort::Pss => b.proportional.cmp(&a.proportional),
        Sort::Swap => b.swap.cmp(&a.swap),
        Sort::Commit => b.commit.cmp(&a.commit),
        Sort::MinorFaults => by_rate(|p| p.fault_rate.map(|rate| rate.minor_per_s)),
        Sort::MajorFaults => by_rate(|p| p.fault_rate.map(|rate| rate.major_per_s)),
        Sort::Threads => b.threads.cmp(&a.threads),
        Sort::Age => b.age.map(Reverse).cmp(&a.age.map(Reverse)),
        Sort::Pid => a.pid.cmp(&b.pid),
        Sort::Name => a.name.is_none().cmp(&b.name.is_none()).then_with(|| a.name.cmp(&b.name)),
    }
}

fn show(look: &Processes, args: &PsArgs, shares: bool, style: Style) -> String {
    let rows: Vec<Row> = fields::PROCESS.rows(&look.list);
    let mut columns = vec!["pid", "user", "working_set", "private", "shared"];
    columns.extend(shares.then_some("pss"));
    columns.extend(["swap", "commit", "minor_fault_rate", "major_fault_rate", "threads"]);
    columns.push(if args.command_line { "command_line" } else { "name" });
    columns.push("cgroup");
    let mut shown = text::table(&fields::PROCESS, &rows, &columns, style);
    if look.list.is_empty() && !args.names.is_empty() {
        shown = format!("no program is named {}\n", args.names.join(" or "));
    }
    if look.closed > 0 {
        let _ = writeln!(shown, "\n{} processes could not be read: run as root", look.closed);
    }
    if look.others_hidden {
        let _ = writeln!(shown, "\nprocesses of other users are hidden (hidepid): run as root");
    }
    shown
}
