//! The keeper: a process that changes the machine for others and undoes what it did, once it is
//! told to, or once nobody is left to tell it.

use super::launch::{Launch, Started};
use super::setup::{Need, Setup};
use super::task::{hear, say};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Set this up.
    Make(Need),
    /// Undo all that was set up, the last first.
    Undo,
}

#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    /// It listens.
    Ready,
    /// It is set up; the directory of a cgroup.
    Made(Option<PathBuf>),
    /// It cannot be had.
    Refused(String),
    /// All is undone, but what is told.
    Undone(Vec<String>),
}

/// Keeps what standard input asks for until standard input ends; then all of it is undone.
///
/// It is in a session of its own, so that what interrupts the one who asks does not end it, and
/// other signals that would end it do not.
///
/// # Errors
/// Where it is asked for what it does not know, or nobody hears its answers.
pub fn keep() -> io::Result<()> {
    rustix::process::setsid()?;
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    let mut kept = Kept(Vec::new());
    say(&mut to, &Reply::Ready)?;
    while let Some(request) = hear(&mut from)? {
        let reply = match request {
            Request::Make(need) => kept.make(&need),
            Request::Undo => kept.undo(),
        };
        say(&mut to, &reply)?;
    }
    Ok(())
}

/// What was set up; dropped, it is undone, the last first.
struct Kept(Vec<Setup>);

impl Kept {
    fn make(&mut self, need: &Need) -> Reply {
        match Setup::make(need) {
            Ok(setup) => {
                let path = setup.path();
                self.0.push(setup);
                Reply::Made(path)
            }
            Err(reason) => Reply::Refused(reason),
        }
    }

    fn undo(&mut self) -> Reply {
        let mut left = Vec::new();
        while let Some(mut setup) = self.0.pop() {
            left.extend(setup.undo().err());
        }
        Reply::Undone(left)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// The keeper, from outside; dropped, it undoes what it keeps and ends.
pub(super) struct Keeper {
    child: Child,
    /// `None` once it has been told that nobody is left.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Keeper {
    pub(super) fn start(launch: &Launch) -> io::Result<Self> {
        let Started { child, to, from } = launch.start(&launch.keeper)?;
        let mut keeper = Self { child, to: Some(to), from: BufReader::new(from) };
        match keeper.reply()? {
            Reply::Ready => Ok(keeper),
            other => Err(unexpected(&other)),
        }
    }

    /// Has something set up; the directory of a cgroup, or why it cannot be had.
    pub(super) fn make(&mut self, need: Need) -> io::Result<Result<Option<PathBuf>, String>> {
        match self.ask(&Request::Make(need))? {
            Reply::Made(path) => Ok(Ok(path)),
            Reply::Refused(reason) => Ok(Err(reason)),
            other => Err(unexpected(&other)),
        }
    }

    /// Has everything undone; what could not be.
    pub(super) fn undo(&mut self) -> io::Result<Vec<String>> {
        match self.ask(&Request::Undo)? {
            Reply::Undone(left) => Ok(left),
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, request: &Request) -> io::Result<Reply> {
        let to = self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        say(to, request)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        hear(&mut self.from)?.ok_or_else(|| io::Error::other("the keeper has ended"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

fn unexpected(reply: &Reply) -> io::Error {
    io::Error::other(format!("the keeper answered what was not asked: {reply:?}"))
}
