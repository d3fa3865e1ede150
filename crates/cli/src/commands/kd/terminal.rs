//! The debugger on a terminal: a line at a time, with completion and history.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use memtide_sim::debugger::{Answer, Debugger, commands};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use super::execute;
use crate::Exit;
use crate::args::kd::KdArgs;
use crate::output::write;

/// Lines that are kept.
const HISTORY: usize = 1000;

/// Completes what the debugger knows.
struct Completion(Rc<RefCell<Debugger>>);

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.borrow().complete(line, cursor))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

/// Takes commands until the user leaves.
///
/// # Errors
/// Where the terminal cannot be read or written.
pub(super) fn run(
    debugger: Debugger,
    args: &KdArgs,
    interrupted: &AtomicBool,
) -> anyhow::Result<Exit> {
    write(&debugger.greeting())?;
    let debugger = Rc::new(RefCell::new(debugger));
    let config = Config::builder().max_history_size(HISTORY).context("the history")?;
    let config = config.auto_add_history(true).completion_type(CompletionType::List).build();
    let mut editor: Editor<Completion, FileHistory> =
        Editor::with_config(config).context("the terminal")?;
    editor.set_helper(Some(Completion(Rc::clone(&debugger))));
    let history = if args.no_history { None } else { history_file() };
    if let Some(path) = history.as_ref().filter(|path| path.exists())
        && let Err(error) = editor.load_history(path)
    {
        eprintln!("memtide: {}: {error}", path.display());
    }
    let exit = take_lines(&mut editor, &debugger, interrupted);
    if let Some(path) = history {
        keep(&mut editor, &path);
    }
    exit
}

fn take_lines(
    editor: &mut Editor<Completion, FileHistory>,
    debugger: &Rc<RefCell<Debugger>>,
    interrupted: &AtomicBool,
) -> anyhow::Result<Exit> {
    loop {
        let line = match editor.readline("kd> ") {
            Ok(line) => line,
            // Ctrl-C gives the line up, Ctrl-D leaves.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(Exit::Done),
            Err(error) => return Err(error).context("the terminal"),
        };
        for found in commands(&line) {
            interrupted.store(false, Ordering::Relaxed);
            match execute(&mut debugger.borrow_mut(), found.command, interrupted) {
                Ok(Answer::Quit) => return Ok(Exit::Done),
                Ok(Answer::Text(text)) => write(&text)?,
                Err(error) => {
                    eprintln!("{error}");
                    break;
                }
            }
            if interrupted.swap(false, Ordering::Relaxed) {
                break;
            }
        }
    }
}

/// Where the history is kept: the folder that XDG names for state.
fn history_file() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("memtide/kd_history"))
}

/// Keeps the history; that it cannot be kept is told, and ends nothing.
fn keep(editor: &mut Editor<Completion, FileHistory>, path: &std::path::Path) {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let kept = folder.map_err(ReadlineError::from).and_then(|()| editor.save_history(path));
    if let Err(error) = kept {
        eprintln!("memtide: {}: {error}", path.display());
    }
}
