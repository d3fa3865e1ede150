//! `memtide kd`: the debugger, on a terminal and in scripts.

mod terminal;

use std::io::{IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use memtide_sim::debugger::{Answer, Debugger, KdError, Options, Target, commands};
use memtide_sim::report::seconds;

use crate::Exit;
use crate::args::kd::KdArgs;
use crate::output::{Output, write};
use crate::progress::Progress;

/// Opens what is to be debugged and takes commands.
///
/// # Errors
/// Where a script or the terminal cannot be read.
pub(crate) fn run(output: Output, args: &KdArgs) -> anyhow::Result<Exit> {
    if output.json {
        eprintln!("memtide: kd answers in text; memtide sim replay and sim run print JSON");
        return Ok(Exit::Usage);
    }
    let frames = match args.memory.map(frames).transpose() {
        Ok(frames) => frames,
        Err(told) => {
            eprintln!("memtide: {told}");
            return Ok(Exit::Usage);
        }
    };
    let options = Options { seed: args.seed, frames, contents: args.contents };
    let target = match Target::open(&args.target, options) {
        Ok(target) => target,
        Err(error) => {
            eprintln!("memtide: {error}");
            return Ok(Exit::Usage);
        }
    };
    let debugger = Debugger::new(target);
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .context("the handler of Ctrl-C")?;
    let (name, text) = match (&args.command, &args.script) {
        (Some(commands), _) => ("-c".to_owned(), commands.clone()),
        (None, Some(path)) => {
            let name = path.display().to_string();
            match std::fs::read_to_string(path) {
                Ok(text) => (name, text),
                Err(error) => {
                    eprintln!("memtide: {name}: {error}");
                    return Ok(Exit::Usage);
                }
            }
        }
        (None, None) if std::io::stdin().is_terminal() => {
            return terminal::run(debugger, args, &interrupted);
        }
        (None, None) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            ("standard input".to_owned(), text)
        }
    };
    run_script(debugger, args, &name, &text, &interrupted)
}

/// The frames of a machine with so much memory.
fn frames(memory: memtide_core::units::Bytes) -> Result<u32, String> {
    let pages = memory.0 / memtide_core::page::PAGE_SIZE;
    let frames = u32::try_from(pages).ok().filter(|frames| *frames > 0);
    frames.ok_or_else(|| format!("--memory {memory}: expected 4 KiB to 16 TiB"))
}

/// Carries out the commands of a script up to its end, or to the first that has no answer.
fn run_script(
    mut debugger: Debugger,
    args: &KdArgs,
    name: &str,
    text: &str,
    interrupted: &AtomicBool,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for found in commands(text) {
        if args.echo {
            write(&format!("kd> {}\n", found.command))?;
        }
        match execute(&mut debugger, found.command, interrupted) {
            Ok(Answer::Quit) => break,
            Ok(Answer::Text(text)) => write(&text)?,
            Err(error) => {
                eprintln!("memtide: {name}:{}: {error}", found.line);
                exit = blame(&error);
                if !args.keep_going {
                    break;
                }
            }
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
    }
    Ok(exit)
}

/// Carries out a command; while it runs, a terminal is told how far it is, and Ctrl-C stops it.
fn execute(
    debugger: &mut Debugger,
    command: &str,
    interrupted: &AtomicBool,
) -> Result<Answer, KdError> {
    let mut progress = Progress::new(None);
    debugger.execute(command, &mut |now| {
        progress.tell(now.0, |_| format!("{:.3} s simulated", seconds(now)));
        !interrupted.load(Ordering::Relaxed)
    })
}

/// How a command that has no answer ends a script.
const fn blame(error: &KdError) -> Exit {
    match error {
        KdError::File { .. } => Exit::System,
        KdError::Usage(_) | KdError::Recording(_) => Exit::Usage,
    }
}
