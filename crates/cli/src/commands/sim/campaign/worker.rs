//! A worker: this command once more, which does runs that it is told on standard input. A panic
//! ends it and nothing else; the run that panics is known from its seed.

use memtide_sim::campaign::{Failure, FailureKind, Generation, Outcome, Run};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a worker is told to run, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// The run of a seed.
    Seed(u64, Generation),
    /// This run.
    Run(Run),
}

/// A run that takes so long comes to no end. It takes a second or less.
const TIME_MOST: Duration = Duration::from_secs(120);

/// The step that is being done.
static STEP: AtomicUsize = AtomicUsize::new(0);

/// Milliseconds at which the run began, from the worker's beginning; 0 between runs.
static BEGAN: AtomicU64 = AtomicU64::new(0);

/// Does runs until standard input ends.
///
/// # Errors
/// Where it is told what is no task, or its answers cannot be written.
pub(super) fn work() -> anyhow::Result<()> {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("a panic without a message");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        fail(FailureKind::Panic, format!("{text}{place}"));
    }));
    let beginning = Instant::now();
    let watched = beginning;
    std::thread::spawn(move || watch(watched));
    for line in io::stdin().lock().lines() {
        let run = match serde_json::from_str(&line?)? {
            Task::Seed(seed, generation) => Run::generate(seed, generation),
            Task::Run(run) => run,
        };
        BEGAN.store(milliseconds(beginning).max(1), Ordering::Relaxed);
        let outcome = run.execute_noting(&mut |step| STEP.store(step, Ordering::Relaxed))?;
        BEGAN.store(0, Ordering::Relaxed);
        answer(&outcome)?;
    }
    Ok(())
}

/// Ends the worker when a run comes to no end.
fn watch(beginning: Instant) {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let began = BEGAN.load(Ordering::Relaxed);
        let taken = Duration::from_millis(milliseconds(beginning).saturating_sub(began));
        if began > 0 && taken > TIME_MOST {
            let seconds = TIME_MOST.as_secs();
            fail(FailureKind::Endless, format!("a run takes more than {seconds} s"));
        }
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Answers that the run has failed, and ends the worker.
fn fail(kind: FailureKind, message: String) -> ! {
    let failure = Failure { kind, step: STEP.load(Ordering::Relaxed), message };
    let outcome = Outcome { failure: Some(failure), ..Outcome::default() };
    // Whoever does not hear the answer sees that the worker has ended.
    let _ = answer(&outcome);
    std::process::exit(1)
}

fn answer(outcome: &Outcome) -> io::Result<()> {
    let mut line = serde_json::to_string(outcome)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

/// A worker at work.
struct Process {
    child: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A worker, begun anew when it has ended.
#[derive(Default)]
pub(super) struct Worker {
    process: Option<Process>,
}

impl Worker {
    /// Has a run done.
    ///
    /// # Errors
    /// Where no worker can be started.
    pub(super) fn run(&mut self, task: &Task) -> anyhow::Result<Outcome> {
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(Process::begin()?),
        };
        let mut line = serde_json::to_string(task)?;
        line.push('\n');
        let mut answered = String::new();
        let told = process.tasks.write_all(line.as_bytes()).and_then(|()| process.tasks.flush());
        let heard = told.and_then(|()| process.answers.read_line(&mut answered));
        if matches!(heard, Ok(bytes) if bytes > 0)
            && let Ok(outcome) = serde_json::from_str::<Outcome>(&answered)
        {
            let has_ended = matches!(
                &outcome.failure,
                Some(Failure { kind: FailureKind::Panic | FailureKind::Endless, .. })
            );
            if has_ended {
                self.process = None;
            }
            return Ok(outcome);
        }
        let status = self.process.take().map(Process::end).transpose()?;
        let message = match status {
            Some(status) => format!("the run ended its process: {status}"),
            None => "the run ended its process".to_owned(),
        };
        let failure = Failure { kind: FailureKind::Panic, step: usize::MAX, message };
        Ok(Outcome { failure: Some(failure), ..Outcome::default() })
    }
}

impl Process {
    fn begin() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["sim", "campaign", "--worker"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (tasks, answers) = pipes.ok_or_else(|| anyhow::anyhow!("a worker without pipes"))?;
        Ok(Self { child, tasks, answers: BufReader::new(answers) })
    }

    fn end(mut self) -> io::Result<std::process::ExitStatus> {
        drop(self.tasks);
        // It may be stopped, or in an endless loop.
        let _ = self.child.kill();
        self.child.wait()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = process.end();
        }
    }
}
