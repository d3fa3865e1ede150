//! The comparison: every run in its turn.

use super::keeper::Keeper;
use super::launch::{Launch, Started};
use super::setup::Need;
use super::task::{Answer, Task, hear, say};
use crate::{BadPlan, Multiple, Outcome, Pattern, Plan, Report, Run, System};
use memtide_core::units::Bytes;
use memtide_host::linux::meminfo::Meminfo;
use std::io::{self, BufReader};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// A run that takes longer comes to no end worth waiting for.
const RUN_MOST: Duration = Duration::from_secs(600);

/// How often a run is begun that the kernel kills: a cgroup whose pages are all in use may find
/// none to swap out, though there is swap.
const TRIES: u32 = 3;

/// How often an interruption is looked for.
const PERIOD: Duration = Duration::from_millis(50);

/// What must be left of the machine's memory for others.
const LEFT_FOR_OTHERS: Bytes = Bytes::from_mib(256);

/// Why a comparison has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] BadPlan),
    /// A system got a byte wrong.
    #[error(
        "{system} got {pattern} of {data} wrong: its result is {found:#018x}, expected \
         {expected:#018x} as under {first}", system = system.name(), pattern = pattern.name(),
        first = first.name()
    )]
    Wrong {
        /// The work.
        pattern: Pattern,
        /// What did it.
        system: System,
        /// The data.
        data: Bytes,
        /// What it came to.
        found: u64,
        /// What it came to before.
        expected: u64,
        /// Under which system.
        first: System,
    },
    /// Something of what was set up could not be undone.
    #[error("left behind: {}", .0.join("; "))]
    Left(Vec<String>),
    /// This program could not start itself, or not talk with itself.
    #[error("a process of the comparison: {0}")]
    Process(#[from] io::Error),
}

/// Carries a plan out; `tell` hears before each run how many are behind it and what is next.
///
/// It ends early where `interrupted` is set. Runs take turns: each system makes its first, then
/// each its second, so that what else happens on the machine meets them all. What cannot be set up
/// here is not measured, and its outcome says why.
///
/// # Errors
/// The plan's own, wrong results, and what could not be undone.
pub fn run(
    plan: &Plan,
    launch: &Launch,
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(u64, &str),
) -> Result<Report, CompareError> {
    plan.check()?;
    let keeper = Keeper::start(launch)?;
    let mut comparison = Comparison { plan, launch, interrupted, tell, keeper, made: 0 };
    let mut outcomes = Vec::new();
    'all: for multiple in &plan.data {
        for pattern in &plan.patterns {
            let (set, is_whole) = comparison.set(*multiple, *pattern)?;
            outcomes.extend(set);
            if !is_whole {
                break 'all;
            }
        }
    }
    Ok(Report {
        budget: plan.budget,
        directory: plan.directory.clone(),
        content: plan.content,
        seed: plan.seed,
        outcomes,
        interrupted: interrupted.load(Ordering::Relaxed),
    })
}

struct Comparison<'a> {
    plan: &'a Plan,
    launch: &'a Launch,
    interrupted: &'a AtomicBool,
    tell: &'a mut dyn FnMut(u64, &str),
    keeper: Keeper,
    made: u64,
}

impl Comparison<'_> {
    /// One pattern under every system; whether it was not interrupted.
    fn set(
        &mut self,
        multiple: Multiple,
        pattern: Pattern,
    ) -> Result<(Vec<Outcome>, bool), CompareError> {
        let data = multiple.of(self.plan.budget);
        let none = |system: &System| Outcome {
            pattern,
            system: *system,
            multiple,
            data,
            runs: Vec::new(),
            reason: None,
        };
        let mut outcomes: Vec<Outcome> = self.plan.systems.iter().map(none).collect();
        for round in 1..=self.plan.runs {
            for place in 0..outcomes.len() {
                if self.interrupted.load(Ordering::Relaxed) {
                    return Ok((outcomes, false));
                }
                let system = outcomes[place].system;
                let next = format!("{} {multiple} {}, run {round}", pattern.name(), system.name());
                (self.tell)(self.made, &next);
                self.made += 1;
                if outcomes[place].reason.is_some() {
                    continue;
                }
                match self.measure(Task::new(self.plan, pattern, system, data))? {
                    Ok(run) => {
                        agree(&outcomes, system, &run)?;
                        outcomes[place].runs.push(run);
                    }
                    Err(_) if self.interrupted.load(Ordering::Relaxed) => {}
                    Err(reason) => outcomes[place].reason = Some(reason),
                }
            }
        }
        Ok((outcomes, true))
    }

    /// One run, with what it needs set up before and undone after it.
    fn measure(&mut self, task: Task) -> Result<Answer, CompareError> {
        if let Err(reason) = has_room(&task) {
            return Ok(Err(reason));
        }
        let mut reason = String::new();
        for _ in 0..TRIES {
            if self.interrupted.load(Ordering::Relaxed) {
                break;
            }
            let end = self.measure_set_up(task.clone());
            let left = self.keeper.undo()?;
            if !left.is_empty() {
                return Err(CompareError::Left(left));
            }
            match end? {
                End::Answered(answer) => return Ok(answer),
                End::Died(told) => reason = format!("{told}, {TRIES} times"),
            }
        }
        Ok(Err(reason))
    }

    fn measure_set_up(&mut self, mut task: Task) -> Result<End, CompareError> {
        for need in needs(&task) {
            match self.keeper.make(need)? {
                Ok(cgroup) => task.cgroup = cgroup,
                Err(reason) => return Ok(End::Answered(Err(reason))),
            }
        }
        Ok(self.work(&task)?)
    }

    /// How a worker ended that was told a task.
    fn work(&self, task: &Task) -> io::Result<End> {
        let Started { child, mut to, from } = self.launch.start(&self.launch.worker)?;
        let mut worker = Worker(child);
        say(&mut to, task)?;
        let (sender, answered) = channel();
        let listener = thread::spawn(move || {
            let _ = sender.send(hear::<Answer>(&mut BufReader::new(from)));
        });
        let end = Instant::now() + RUN_MOST;
        let answer = loop {
            match answered.recv_timeout(PERIOD) {
                Ok(Ok(Some(answer))) => break End::Answered(answer),
                Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => break worker.ended()?,
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.interrupted.load(Ordering::Relaxed) {
                break End::Answered(Err("it was interrupted".to_owned()));
            }
            if Instant::now() > end {
                let reason = format!("a run takes more than {} s", RUN_MOST.as_secs());
                break End::Answered(Err(reason));
            }
        };
        drop(worker);
        let _ = listener.join();
        Ok(answer)
    }
}

/// How a worker ended.
enum End {
    /// With an answer, its own or what is to stand for it.
    Answered(Answer),
    /// With none; how it ended.
    Died(String),
}

/// A worker; dropped, it is no more.
struct Worker(Child);

impl Worker {
    /// How it ended without an answer.
    fn ended(&mut self) -> io::Result<End> {
        let status = self.0.wait()?;
        Ok(End::Died(format!("the process of a run ended without an answer ({status})")))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run needs of the machine; the cgroup comes last, and so goes first.
fn needs(task: &Task) -> Vec<Need> {
    let limit = Need::Limit(task.budget().0);
    match task.system {
        System::SwapFile => vec![Need::SwapFile(task.directory.clone(), task.data().0), limit],
        System::SwapZram => vec![Need::SwapZram(task.data().0), limit],
        System::MappedFile => vec![limit],
        System::Memory
        | System::MemtideInThread
        | System::MemtideInThreadLz4
        | System::MemtideHandler
        | System::MemtideHandlerLz4 => Vec::new(),
    }
}

/// Whether the machine has the memory that a run takes, so that nobody else is sent out.
fn has_room(task: &Task) -> Result<(), String> {
    let taken = match task.system {
        System::Memory => task.data(),
        // Compressed to nothing less at worst, beside what is not compressed.
        System::SwapZram => task.data().saturating_add(task.budget()),
        _ => task.budget(),
    };
    let needed = taken.saturating_add(LEFT_FOR_OTHERS);
    let meminfo = fs::read("/proc/meminfo").unwrap_or_default();
    match Meminfo::parse(&meminfo).available {
        Some(available) if available < needed => {
            Err(format!("it takes {needed} of memory, and {available} are available"))
        }
        _ => Ok(()),
    }
}

/// Holds a run's result against the first of its set.
fn agree(outcomes: &[Outcome], system: System, run: &Run) -> Result<(), CompareError> {
    let firsts = outcomes.iter().find_map(|outcome| Some((outcome, outcome.runs.first()?)));
    match firsts {
        Some((outcome, first)) if first.proof != run.proof => Err(CompareError::Wrong {
            pattern: outcome.pattern,
            system,
            data: outcome.data,
            found: run.proof,
            expected: first.proof,
            first: outcome.system,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_unlike_the_others_is_an_error_that_names_the_system() {
        let run =
            |proof| Run { accesses: 1, elapsed: 1, proof, major_faults: 0, read: 0, written: 0 };
        let outcomes = [Outcome {
            pattern: Pattern::Sort,
            system: System::Memory,
            multiple: "2x".parse().expect("a multiple"),
            data: Bytes::from_mib(32),
            runs: vec![run(1)],
            reason: None,
        }];
        assert!(agree(&outcomes, System::SwapFile, &run(1)).is_ok());
        let error = agree(&outcomes, System::SwapFile, &run(2)).expect_err("they differ");
        let text = error.to_string();
        assert!(text.starts_with("swap-file got sort of 32 MiB wrong"), "{text}");
        assert!(text.ends_with("as under memory"), "{text}");
    }
}
