//! `memtide live demo`: a sort of more than the memory it may use, shown as it goes.

mod look;
mod screen;
mod work;

use crate::Exit;
use crate::args::live::DemoArgs;
use crate::config::BadConfig;
use crate::output::Output;
use anyhow::Context;
use look::Looks;
use memtide_core::units::Bytes;
use memtide_live::page_file::{OpenError, PageFileOptions};
use memtide_live::{Error, Machine, MachineOptions, SpaceOptions};
use memtide_view::fields::{DemoResult, DemoStep};
use screen::Screen;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use work::{RECORD_BYTES, Seen, Sorted, Stage, Told};

/// How often it looks whether it is to end.
const PERIOD: Duration = Duration::from_millis(100);

/// Sorts in a space, and shows it.
///
/// # Errors
/// Where an argument cannot be used, what was sorted is wrong, or the system refuses.
pub(crate) fn run(output: Output, args: &DemoArgs) -> anyhow::Result<Exit> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let machine = match Machine::new(&options(args)) {
        Ok(machine) => machine,
        Err(error @ Error::PageFile(OpenError::Directory { .. })) => {
            return Err(BadConfig::new(error.to_string()).into());
        }
        Err(error) => return Err(error.into()),
    };
    let space =
        machine.create_space(&SpaceOptions { path: args.path, ..SpaceOptions::default() })?;
    let records = usize::try_from(args.data.of(args.budget).0)? / RECORD_BYTES;
    let seen = Arc::new(Seen::default());
    space.on_exception(seen.stop_at_exceptions());
    let (tell, told) = channel();
    let (_end, ends) = channel();
    let worker = Arc::clone(&seen);
    let mut looks = Looks::new(&machine, args, records);
    // It outlives this function where it is stopped or interrupted, and ends with the process.
    std::thread::Builder::new()
        .name("memtide-demo".into())
        .spawn(move || work::work(&space, records, &worker, &tell, &ends))
        .context("a thread that sorts")?;

    let mut screen = Screen::new(output);
    let sorted = follow(&told, &seen, &interrupted, &mut looks, &mut screen)?;
    let Some(sorted) = sorted else { return Ok(Exit::Interrupted) };
    looks.begin(None);
    let mut last = looks.look(None, 0);
    last.result = Some(result(&last, records, &sorted, looks.resident_most()));
    screen.end(&last)?;
    if !sorted.in_order || !sorted.complete {
        let wrong = if sorted.in_order { "not what was filled in" } else { "not in order" };
        anyhow::bail!("the records are {wrong}: expected every one, in order");
    }
    Ok(Exit::Done)
}

fn options(args: &DemoArgs) -> MachineOptions {
    let default = PageFileOptions::default();
    let data = args.data.of(args.budget);
    let page_file = PageFileOptions {
        directory: args.directory.clone().unwrap_or_else(|| default.directory.clone()),
        // Room for all of it, and for pages in memory that keep their place there.
        maximum: Bytes(data.0.saturating_mul(2)).max(default.initial),
        ..default
    };
    MachineOptions {
        page_file: Some(page_file),
        compression: args.compression,
        ..MachineOptions::new(args.budget)
    }
}

/// Shows the work until it ends; nothing where it was interrupted.
fn follow(
    told: &Receiver<Told>,
    seen: &Seen,
    interrupted: &AtomicBool,
    looks: &mut Looks<'_>,
    screen: &mut Screen,
) -> anyhow::Result<Option<Sorted>> {
    let mut stage = Stage::Filling;
    let mut shown = Instant::now();
    loop {
        let is_due = match told.recv_timeout(PERIOD) {
            Ok(Told::Begins(begun)) => {
                stage = begun;
                looks.begin(Some(stage));
                true
            }
            Ok(Told::Ended(sorted)) => return Ok(Some(sorted?)),
            Err(RecvTimeoutError::Timeout) => shown.elapsed() >= screen.period(),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the sort ended by a panic"),
        };
        if interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(exception) = seen.exception() {
            return Err(anyhow::Error::new(exception).context("the sort cannot go on"));
        }
        if is_due {
            shown = Instant::now();
            screen.show(&looks.look(Some(stage), seen.done()))?;
        }
    }
}

fn result(
    last: &DemoStep,
    records: usize,
    sorted: &Sorted,
    resident_most: Option<Bytes>,
) -> DemoResult {
    DemoResult {
        records: records as u64,
        data: last.data,
        budget: last.budget,
        in_order: sorted.in_order,
        complete: sorted.complete,
        took: sorted.took,
        written: Bytes::from_pages(last.counters.pages_written),
        read: Bytes::from_pages(last.counters.pages_read),
        compressed: Bytes::from_pages(last.counters.compressed),
        resident_most,
    }
}
