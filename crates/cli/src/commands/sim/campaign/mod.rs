//! `memtide sim campaign`: random runs side by side, until one fails.

mod side_by_side;
mod worker;

use crate::Exit;
use crate::args::sim::CampaignArgs;
use crate::config::BadConfig;
use crate::output::{self, Output};
use crate::progress::Progress;
use memtide_sim::campaign::{Failure, FailureKind, Outcome, Run, Shrunk, shrink};
use memtide_view::text::Style;
use memtide_view::{Row, fields, text};
use side_by_side::{Campaign, Found};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use worker::{Task, Worker};

/// Most runs that are tried to make a failing one short.
const TRIED_MOST: u32 = 10_000;

/// The longest that making a failing run short may take.
const SHRINKING_MOST: Duration = Duration::from_secs(300);

/// Runs campaigns, or repeats a run.
///
/// # Errors
/// Where an argument or a file cannot be used, or no worker can be started.
pub(crate) fn run(output: Output, args: &CampaignArgs) -> anyhow::Result<Exit> {
    if args.worker {
        worker::work()?;
        return Ok(Exit::Done);
    }
    if let Some(path) = &args.repeat {
        return repeat(output, path);
    }
    if !args.save.is_dir() {
        let directory = args.save.display();
        return Err(BadConfig::new(format!("--save {directory}: expected a directory")).into());
    }
    let cancel = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&cancel))?;
    }
    let seed = args.seed.unwrap_or_else(fresh_seed);
    if !output.json {
        // Before anything else, for whoever interrupts it.
        output::write(&format!("the first seed is {seed}\n\n"))?;
    }
    let campaign = side_by_side::run(seed, args, &cancel)?;
    if cancel.load(Ordering::Relaxed) {
        return Ok(Exit::Interrupted);
    }
    let saved = campaign.found.as_ref().map(|found| save(found, args)).transpose()?;
    print(output, args, &campaign, saved.as_ref())?;
    Ok(if saved.is_some() { Exit::No } else { Exit::Done })
}

/// A seed that nobody has chosen.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Short enough to be said: ten digits.
    RandomState::new().hash_one(0) % 10_000_000_000
}

/// A failing run made short, in its file.
struct Saved {
    shrunk: Shrunk,
    path: PathBuf,
}

fn save(found: &Found, args: &CampaignArgs) -> anyhow::Result<Saved> {
    let run = Run::generate(found.seed, args.generation());
    let shrunk = made_short(&run, &found.failure)?;
    let path = args.save.join(format!("campaign-{}.toml", found.seed));
    let comments = format!("Found by seed {}.\n{}", found.seed, shrunk.failure);
    std::fs::write(&path, shrunk.run.to_toml(&comments))
        .map_err(|error| anyhow::anyhow!("writing {}: {error}", path.display()))?;
    Ok(Saved { shrunk, path })
}

fn made_short(run: &Run, failure: &Failure) -> anyhow::Result<Shrunk> {
    let (mut worker, began) = (Worker::default(), Instant::now());
    let mut progress = Progress::new(None);
    let mut trouble = None;
    let mut tried = 0;
    let shrunk = shrink(run, failure.clone(), TRIED_MOST, &mut |candidate| {
        // What comes to no end takes minutes to be known as such.
        if began.elapsed() > SHRINKING_MOST || trouble.is_some() {
            return None;
        }
        tried += 1;
        progress.tell(tried, |_| format!("making it short: {} steps", candidate.steps.len()));
        match worker.run(&Task::Run(candidate.clone())) {
            Ok(outcome) => outcome.failure,
            Err(error) => {
                trouble = Some(error);
                None
            }
        }
    });
    trouble.map_or(Ok(shrunk), Err)
}

fn repeat(output: Output, path: &Path) -> anyhow::Result<Exit> {
    let shown = path.display();
    let refused = |told: String| BadConfig::new(format!("{shown}: {told}"));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let run = Run::from_toml(&text).map_err(|error| refused(error.to_string()))?;
    run.machine.machine().map_err(|error| refused(error.to_string()))?;
    let steps = run.steps.len();
    let began = Instant::now();
    let Outcome { failure, coverage, digest } = Worker::default().run(&Task::Run(run))?;
    let exit = if failure.is_some() { Exit::No } else { Exit::Done };
    let told = fields::Campaign {
        seed: None,
        runs: 1,
        elapsed: began.elapsed(),
        digest,
        coverage,
        failure: failure.map(|failure| fields::FoundFailure {
            seed: None,
            failure,
            steps,
            file: Some(path.to_path_buf()),
        }),
    };
    output.print(&fields::CAMPAIGN.row(&told), |row, style| {
        let failure = told.failure.as_ref();
        match failure.map(|found| &found.failure) {
            Some(failure) => format!("{}\n", style.alarm(&failure.to_string())),
            None => text::record(row, style),
        }
    })?;
    Ok(exit)
}

fn print(
    output: Output,
    args: &CampaignArgs,
    campaign: &Campaign,
    saved: Option<&Saved>,
) -> std::io::Result<()> {
    let failure = campaign.found.as_ref().zip(saved).map(|(found, saved)| fields::FoundFailure {
        seed: Some(found.seed),
        failure: saved.shrunk.failure.clone(),
        steps: saved.shrunk.run.steps.len(),
        file: Some(saved.path.clone()),
    });
    let told = fields::Campaign {
        seed: Some(campaign.seed),
        runs: campaign.runs,
        elapsed: campaign.elapsed,
        digest: campaign.digest,
        coverage: campaign.coverage,
        failure,
    };
    output.print(&fields::CAMPAIGN.row(&told), |row, style| report(row, args, &told, style))
}

fn report(row: &Row, args: &CampaignArgs, told: &fields::Campaign, style: Style) -> String {
    let plain = row.iter().filter(|(field, _)| !["happened", "failure"].contains(&field.id));
    let mut shown = text::record(&plain.cloned().collect::<Vec<_>>(), style);
    let happened = fields::HAPPENED.rows(&told.coverage.counts());
    shown.push('\n');
    shown.push_str(&text::table(&fields::HAPPENED, &happened, &["what", "times", "help"], style));
    let Some(found) = &told.failure else { return shown };
    let failure = &found.failure;
    let _ = writeln!(shown, "\n{}", style.alarm(&failure.to_string()));
    let _ = writeln!(shown, "made short: {} steps. Repeat it:", found.steps);
    if let Some(file) = &found.file {
        let _ = writeln!(shown, "  memtide sim campaign --repeat {}", file.display());
    }
    if let Some(seed) = found.seed {
        let faults = args.faults.map(|faults| format!(" --faults {}", faults.name()));
        let (steps, faults) = (args.steps, faults.unwrap_or_default());
        let _ = writeln!(
            shown,
            "  memtide sim campaign --seed {seed} --runs 1 --steps {steps}{faults}"
        );
    }
    if failure.kind == FailureKind::Endless {
        let _ = writeln!(shown, "It comes to no end, so it was not made as short as others.");
    }
    shown
}
