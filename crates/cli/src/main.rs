//! The memtide command: arguments in, one file a command.
//!
//! Exit codes: 0 done; 1 the answer is no (timed out, not everything cleaned); 2 the arguments or
//! the configuration cannot be used; 3 the system could not be read or refused; 130 interrupted.

mod args;
mod commands;
mod config;
mod output;
mod progress;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memtide: {}", told(&error));
            exit_of(&error).into()
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    // What needs no machine needs no configuration either.
    match &cli.command {
        Some(Command::Completions(args)) => return commands::completions::run(args),
        Some(Command::Man(args)) => return commands::man::run(args),
        Some(Command::Schema(args)) => return commands::schema::run(args),
        Some(Command::Sim(args)) => return commands::sim::run(output(cli), args),
        Some(Command::Live(args)) => return commands::live::run(output(cli), args),
        Some(Command::Kd(args)) => return commands::kd::run(output(cli), args),
        _ => {}
    }
    let context = config::context(cli)?;
    match &cli.command {
        None | Some(Command::Status(_)) => commands::status::run(&context),
        Some(Command::Lists(_)) => commands::lists::run(&context),
        Some(Command::Ps(args)) => commands::ps::run(&context, args),
        Some(Command::Objects(_)) => commands::objects::run(&context),
        Some(Command::Doctor(_)) => commands::doctor::run(&context),
        Some(Command::Watch(args)) => commands::watch::run(&context, args),
        Some(Command::Wait(args)) => commands::wait::run(&context, args),
        Some(Command::Clean(args)) => commands::clean::run(&context, args),
        Some(Command::Service(args)) => commands::service::run(&context, &cli.global, args),
        // Done above.
        Some(
            Command::Completions(_)
            | Command::Man(_)
            | Command::Schema(_)
            | Command::Sim(_)
            | Command::Live(_)
            | Command::Kd(_),
        ) => Ok(Exit::Done),
    }
}

fn output(cli: &Cli) -> output::Output {
    output::Output::new(cli.global.json, cli.global.color)
}

/// An error with its causes, each told once: some errors tell theirs themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |mut told, cause| {
        if told.is_empty() {
            return cause;
        }
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
        told
    })
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All was done.
    Done,
    /// The answer is no: the time is out, or not everything was done.
    No,
    /// The input cannot be used.
    Usage,
    /// The system could not be read, or refused.
    System,
    /// The user interrupted it.
    Interrupted,
    /// A program that was run ended with this code.
    #[cfg(unix)]
    Program(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::No => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::System => Self::from(3),
            Exit::Interrupted => Self::from(130),
            #[cfg(unix)]
            Exit::Program(code) => Self::from(code),
        }
    }
}

fn exit_of(error: &anyhow::Error) -> Exit {
    use memtide_host::Error;
    use memtide_sim::policies::TooMany;
    use memtide_sim::trace::{TraceError, TraceRunError};
    let host = error.downcast_ref::<Error>();
    let blames_input =
        matches!(host, Some(Error::Threshold(_) | Error::NotACgroup { .. } | Error::Request(_)))
            || error.downcast_ref::<TraceError>().is_some_and(TraceError::blames_input)
            || error.downcast_ref::<TraceRunError>().is_some_and(TraceRunError::blames_input)
            || error.is::<TooMany>();
    if blames_input || error.is::<config::BadConfig>() { Exit::Usage } else { Exit::System }
}
