//! What `kd` takes.

use std::path::PathBuf;

use clap::Args;

/// The long help.
pub(crate) const HELP: &str = "\
What TARGET is, its content says:
  a scenario (TOML)    a simulated machine: g runs it, t and p step
  a trace              the same, of one program that makes the references of the trace
  a recorded run       replayed event by event; memtide sim run --log makes one
  a snapshot           one moment, to look at; the debugger's save makes one

Commands come from -c, from --script, from a pipe, or else from the terminal. A script has a command
a line, or several between semicolons; lines that begin with *, # or $$ are comments. The first
command that cannot be carried out ends it, and its line is named.

On a terminal, Tab completes commands and their arguments, and Ctrl-C stops a g. The history is kept
in $XDG_STATE_HOME/memtide/kd_history (~/.local/state/memtide/kd_history).

Exit codes: 0 done; 2 the target or a command cannot be used; 3 a file could not be written;
130 interrupted.

Examples:
  memtide kd scenarios/desktop.toml
  memtide kd scenarios/desktop.toml -c 'g low-memory; !vm; !list standby'
  memtide kd run.log --script look.kd
  echo '!pfn 12' | memtide kd state.snapshot";

/// What `kd` takes.
#[derive(Debug, Args)]
pub(crate) struct KdArgs {
    /// The scenario, trace, recorded run or snapshot.
    #[arg(value_name = "TARGET")]
    pub(crate) target: PathBuf,
    /// Carry out these commands, with semicolons between them, and leave.
    #[arg(short = 'c', long = "command", value_name = "COMMANDS", conflicts_with = "script")]
    pub(crate) command: Option<String>,
    /// Carry out the commands of this file, and leave.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Go on with the next command of a script behind one that cannot be carried out.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Print each command of a script in front of its answer.
    #[arg(long)]
    pub(crate) echo: bool,
    /// Keep no history.
    #[arg(long)]
    pub(crate) no_history: bool,
    /// The seed of a simulation (default: the scenario's, or 1).
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Give the pages of a scenario's machine contents, one word each, for dd and dq.
    #[arg(long)]
    pub(crate) contents: bool,
    /// The memory of the machine that runs a trace, such as 512M or 1000p (default: 64M).
    #[arg(long, value_name = "SIZE", value_parser = super::sim::parse_frames)]
    pub(crate) memory: Option<u32>,
}
