//! `memtide clean`: gives memory back, and tells what that cost.

use crate::Exit;
use crate::args::CleanArgs;
use crate::config::Context;
use memtide_host::Scope;
use memtide_host::clean::{Cleaner, Plan, Progress, Report, Request};
use memtide_view::text::Style;
use memtide_view::{fields, text};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What of a step fits on a line.
const STEP_COLUMNS: [&str; 7] = [
    "region",
    "status",
    "elapsed",
    "made_free",
    "moved_to_standby",
    "written_to_disk",
    "returned_to_commit",
];

/// What of a prediction fits on a line.
const PLAN_COLUMNS: [&str; 5] = ["region", "weight", "certainty", "yield", "effect"];

/// A line of progress is cut here, so that it never wraps and can be wiped.
const LINE: usize = 79;

/// Cleans, or tells what a clean would yield.
///
/// # Errors
/// Where the request makes no sense, or the machine cannot be read.
pub(crate) fn run(context: &Context, args: &CleanArgs) -> anyhow::Result<Exit> {
    let mut cleaner = Cleaner::open(&request(context, args))?;
    if args.dry_run {
        let plan = Some(cleaner.plan());
        let cleaned = fields::Cleaned { plan, report: None, observation: None };
        print(context, &cleaned)?;
        return Ok(Exit::Done);
    }
    let cancel = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&cancel))?;
    }
    let mut ticker = Ticker::new();
    cleaner.run(&cancel, &mut |progress| ticker.show(&progress));
    let observe = args.observe.filter(|_| !cancel.load(Ordering::Relaxed));
    let observation = observe
        .map(|window| cleaner.observe(window, &cancel, &mut |progress| ticker.show(&progress)));
    ticker.wipe();
    let report = cleaner.into_report();
    let done = report.is_done();
    print(context, &fields::Cleaned { plan: None, report: Some(report), observation })?;
    Ok(match (cancel.load(Ordering::Relaxed), done) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::No,
    })
}

fn request(context: &Context, args: &CleanArgs) -> Request {
    let default = Request::default();
    Request {
        regions: if args.regions.is_empty() { default.regions } else { args.regions.clone() },
        limit: args.limit,
        timeout: args.timeout,
        exclude: args.exclude.clone(),
        pids: args.pid.clone(),
        cgroup: match &context.options.scope {
            Scope::Cgroup(directory) => Some(directory.clone()),
            Scope::Auto | Scope::Machine => None,
        },
    }
}

fn print(context: &Context, cleaned: &fields::Cleaned) -> std::io::Result<()> {
    context.output.print(&fields::CLEANED.row(cleaned), |_, style| match &cleaned.plan {
        Some(plan) => plan_text(plan, style),
        None => cleaned.report.as_ref().map(|r| report_text(cleaned, r, style)).unwrap_or_default(),
    })
}

fn plan_text(plan: &Plan, style: Style) -> String {
    let rows = fields::PREDICTION.rows(&plan.predictions);
    let mut shown = text::table(&fields::PREDICTION, &rows, &PLAN_COLUMNS, style);
    for prediction in &plan.predictions {
        let _ = write!(shown, "\n{}: {}", prediction.region, prediction.region.explanation());
        let _ = write!(shown, "\n  estimate: {}", prediction.basis);
        if let Some(mechanism) = &prediction.mechanism {
            let _ = write!(shown, "\n  through: {}", mechanism.name);
        }
        if let Some(needs) = &prediction.needs {
            let _ = write!(shown, "\n  {}", style.alarm(&format!("needs: {needs}")));
        }
    }
    shown.push('\n');
    shown
}

fn report_text(cleaned: &fields::Cleaned, report: &Report, style: Style) -> String {
    let rows = fields::STEP.rows(&report.steps);
    let mut shown = text::table(&fields::STEP, &rows, &STEP_COLUMNS, style);
    for step in &report.steps {
        if let Some(reason) = step.status.reason() {
            let reason = format!("{}: {reason}", step.region);
            let reason = if step.status.is_done() { reason } else { style.alarm(&reason) };
            let _ = writeln!(shown, "{reason}");
        }
        for note in &step.notes {
            let _ = writeln!(shown, "{}: {}", step.region, printable(note));
        }
    }
    let size = |bytes: Option<_>| {
        bytes.map_or("unknown".to_owned(), |b: memtide_core::units::Bytes| b.to_string())
    };
    let freed = report.made_free().map_or("unknown".to_owned(), |freed| freed.to_string());
    let (before, after) = (size(report.available_before), size(report.available_after));
    let _ = writeln!(shown, "\nmade free: {freed}; available: {before} before, {after} after");
    if let Some(seen) = &cleaned.observation {
        let _ = writeln!(shown, "\n{}", style.heading(&seen.sentence()));
        let row = fields::OBSERVATION.row(seen);
        let numbers: Vec<_> = row
            .into_iter()
            .filter(|(field, _)| !["verdict", "sentence", "remarks"].contains(&field.id))
            .collect();
        shown.push_str(&text::record(&numbers, style));
        for remark in &seen.remarks {
            let _ = writeln!(shown, "note: {remark}");
        }
    }
    shown
}

/// Names of programs stand in notes: a terminal must not obey what is in them.
fn printable(note: &str) -> String {
    note.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// One line on the terminal's error output that says what is being done; silent elsewhere.
struct Ticker {
    terminal: bool,
}

impl Ticker {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Begun { region, step, of } => {
                self.line(&format!("{region} ({step} of {of})"));
            }
            Progress::Doing { region, what } => self.line(&format!("{region}: {what}")),
            Progress::Ended(_) => self.wipe(),
            Progress::Watching { elapsed, of, returned } => {
                let (elapsed, of) = (elapsed.as_secs(), of.as_secs());
                let back = returned.map(|back| format!(", {back} came back")).unwrap_or_default();
                self.line(&format!("watching: {elapsed} of {of} s{back}"));
            }
        }
    }

    fn line(&mut self, text: &str) {
        if self.terminal {
            let cut: String = printable(text).chars().take(LINE).collect();
            // Progress that can't be shown is no reason to stop.
            let _ = write!(std::io::stderr(), "\r\x1b[K{cut}");
        }
    }

    fn wipe(&mut self) {
        self.line("");
    }
}
