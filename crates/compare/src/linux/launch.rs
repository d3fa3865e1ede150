//! How this program starts itself.

use std::io;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// How this program starts itself: what makes it a [worker](crate::work) or a
/// [keeper](crate::keep).
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// The arguments with which it calls [`work`](crate::work) and ends.
    pub worker: Vec<String>,
    /// The arguments with which it calls [`keep`](crate::keep) and ends.
    pub keeper: Vec<String>,
}

impl Launch {
    /// Starts it, its standard input and output in our hands.
    pub(super) fn start(&self, arguments: &[String]) -> io::Result<Started> {
        let mut command = Command::new(&self.program);
        let mut child =
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(to), Some(from)) => Ok(Started { child, to, from }),
            _ => Err(io::Error::other("a process without its pipes")),
        }
    }
}

/// This program once more, and the pipes to and from it.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) to: ChildStdin,
    pub(super) from: ChildStdout,
}
