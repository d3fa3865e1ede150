//! `memtide sim replay`.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use memtide_core::page::Tick;
use memtide_recording::{RecordingError, Replay, digest};
use memtide_view::fields::{REPLAYED, Replayed};
use memtide_view::text;

use crate::Exit;
use crate::args::sim::ReplayArgs;
use crate::output::Output;
use crate::progress::Progress;

/// Replay a recorded run.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(output: Output, args: &ReplayArgs) -> anyhow::Result<Exit> {
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .context("the handler of Ctrl-C")?;
    let told = match replayed(args, &interrupted) {
        Ok(Some(told)) => told,
        Ok(None) => return Ok(Exit::Interrupted),
        Err(error) => {
            let exit = match error {
                RecordingError::Unsound(_) => Exit::No,
                _ => Exit::Usage,
            };
            eprintln!("memtide: {}: {error}", args.log.display());
            return Ok(exit);
        }
    };
    output.print(&REPLAYED.row(&told), text::record)?;
    match told.recorded {
        Some(recorded) if recorded != told.digest => {
            eprintln!(
                "memtide: {}: the replay led to another state: this Memtide decides otherwise \
                 than the one that recorded it ({})",
                args.log.display(),
                told.made_by
            );
            Ok(Exit::No)
        }
        _ => Ok(Exit::Done),
    }
}

/// Replays as much as is asked for; nothing where it was interrupted.
fn replayed(
    args: &ReplayArgs,
    interrupted: &AtomicBool,
) -> Result<Option<Replayed>, RecordingError> {
    let file = File::open(&args.log)?;
    let mut progress = Progress::new(Some(file.metadata()?.len()));
    let read = Rc::new(Cell::new(0));
    let counted = Counted { inner: BufReader::new(file), read: Rc::clone(&read) };
    let mut replay = Replay::new(counted)?;
    let until = args
        .until
        .map_or(Tick(u64::MAX), |until| Tick(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX)));
    while replay.next_moment().is_none_or(|at| at <= until) {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if replay.step()?.is_none() {
            break;
        }
        progress.tell(read.get(), |elapsed| {
            let rate = replay.events() as f64 / elapsed.as_secs_f64() / 1e6;
            format!("{rate:.1} million events/s")
        });
        if args.verify_every.is_some_and(|every| replay.events().is_multiple_of(every.get())) {
            replay.manager().verify()?;
        }
    }
    replay.manager().verify()?;
    look(&replay).map(Some)
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + u64::try_from(read).unwrap_or(0));
        Ok(read)
    }
}

fn look<R: Read>(replay: &Replay<R>) -> Result<Replayed, RecordingError> {
    let manager = replay.manager();
    let lists = manager.list_counts();
    let single = [lists.zeroed, lists.free, lists.modified, lists.modified_no_write, lists.bad];
    let listed: u64 = single.iter().chain(&lists.standby).map(|count| u64::from(*count)).sum();
    let is_whole = replay.next_event().is_none();
    Ok(Replayed {
        made_by: replay.made_by().to_owned(),
        events: replay.events(),
        now: manager.now(),
        digest: digest(manager)?,
        recorded: replay.end().filter(|_| is_whole).map(|end| end.digest),
        lists,
        active: u64::from(manager.snapshot().frames()) - listed,
        counters: *manager.counters(),
    })
}
