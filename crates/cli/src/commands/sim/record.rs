//! `memtide sim record`: a trace of a real program, through valgrind.

use super::writing::Writing;
use crate::Exit;
use crate::args::sim::RecordArgs;
use crate::config::BadConfig;
use crate::output::Output;
use anyhow::Context;
use memtide_sim::trace::{Format, Problem, Trace, TraceError};
use memtide_view::{fields, json};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs a program and records its references.
///
/// # Errors
/// Where valgrind is not installed, or the trace cannot be written.
pub(crate) fn run(output: Output, args: &RecordArgs) -> anyhow::Result<Exit> {
    let path = match &args.output {
        Some(path) => path.clone(),
        None => named_after(Path::new(&args.program[0]))?,
    };
    let mut writing = Writing::begin(&path, args.unit.into())?;
    // An interrupt is for the program; what it did until then is recorded.
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let (mut child, told) = begin(args)?;
    let recorded = record(told, &mut writing);
    let status = child.wait().context("waiting for valgrind")?;
    match recorded {
        Ok(()) => {}
        Err(error) if is_empty(&error) => {
            eprintln!("memtide: valgrind told of no reference: {} is not written", path.display());
            return Ok(Exit::Program(code_of(status)));
        }
        Err(error) => return Err(error),
    }
    let written = writing.finish()?;
    let row = fields::WRITTEN.row(&written);
    // Standard output is the program's.
    match output.json {
        true => eprintln!("{}", json::record(&row)),
        false => {
            let (references, bytes) =
                (written.references, memtide_core::units::Bytes(written.bytes));
            eprintln!("memtide: {}: {references} references, {bytes}", path.display());
        }
    }
    Ok(Exit::Program(code_of(status)))
}

/// The program's name with `.memtide`, in the current folder.
fn named_after(program: &Path) -> Result<PathBuf, BadConfig> {
    let name = program.file_name().ok_or_else(|| {
        BadConfig::new(format!("'{}' is no program: expected its name", program.display()))
    })?;
    let mut name = name.to_owned();
    name.push(".memtide");
    Ok(PathBuf::from(name))
}

/// Begins the program under valgrind, and gives what lackey tells of it.
fn begin(args: &RecordArgs) -> anyhow::Result<(Child, File)> {
    let (told, tells) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).context("a pipe")?;
    // Valgrind inherits this end; it keeps it away from the program.
    rustix::io::fcntl_setfd(&tells, FdFlags::empty()).context("a pipe")?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=lackey", "--trace-mem=yes"]);
    valgrind.arg(format!("--log-fd={}", tells.as_raw_fd())).arg("--").args(&args.program);
    let child = valgrind.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!(
            "valgrind is not installed: a program is recorded by its tool lackey; install the \
             package valgrind, or read a trace made elsewhere with sim trace"
        ),
        _ => anyhow::Error::from(error).context("valgrind"),
    })?;
    drop::<OwnedFd>(tells);
    Ok((child, File::from(told)))
}

fn record(told: File, writing: &mut Writing) -> anyhow::Result<()> {
    let mut trace = Trace::of_source("valgrind", told, Some(Format::Lackey))?;
    let mut batch = Vec::new();
    while trace.read(&mut batch)? {
        writing.write(&batch)?;
    }
    Ok(())
}

fn is_empty(error: &anyhow::Error) -> bool {
    let trace = error.downcast_ref::<TraceError>();
    trace.is_some_and(|error| matches!(error.problem, Problem::Empty { .. }))
}

/// The exit code that a shell would give.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
