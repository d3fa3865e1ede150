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
use crate::config::BadConfig;
use crate::output::{Output, write};
use crate::progress::Progress;

/// Opens what is to be debugged and takes commands.
///
/// # Errors
/// [`BadConfig`] where the target or the script cannot be used; where the terminal cannot be read.
pub(crate) fn run(output: Output, args: &KdArgs) -> anyhow::Result<Exit> {
    if output.json {
        let told = "kd answers in text; memtide sim replay and sim run print JSON";
        return Err(BadConfig::new(told).into());
    }
    let options = Options { seed: args.seed, frames: args.memory, contents: args.contents };
    let target = Target::open(&args.target, options).map_err(|e| BadConfig::new(e.to_string()))?;
    let debugger = Debugger::new(target);
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .context("the handler of Ctrl-C")?;
    let (name, text) = match (&args.command, &args.script) {
        (Some(commands), _) => ("-c".to_owned(), commands.clone()),
        (None, Some(path)) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| BadConfig::new(format!("{name}: {error}")))?;
            (name, text)
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
