//! A worker: a process that makes one run.

use super::counters::Counters;
use super::memory::with_memory;
use super::task::{Answer, Task, hear, say};
use crate::{Contents, Run};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::time::Instant;
use std::{fs, io};

/// Makes the run that standard input tells, and answers on standard output.
///
/// It ends with the process that started it.
///
/// # Errors
/// Where it is told what is no task, or nobody hears the answer.
pub fn work() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let task: Option<Task> = hear(&mut io::stdin().lock())?;
    // Whoever would have told it has ended.
    let Some(task) = task else { return Ok(()) };
    let answer: Answer = measure(&task);
    say(&mut io::stdout().lock(), &answer)
}

fn measure(task: &Task) -> Answer {
    let told = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    // Every system is compared with pages of one size.
    rustix::thread::disable_transparent_huge_pages(true)
        .map_err(|error| format!("doing without huge pages: {error}"))?;
    let pages = usize::try_from(task.data().pages()).map_err(|error| error.to_string())?;
    // What the pattern needs for itself is not charged to the cgroup, which it joins only then.
    let mut work = task.pattern.work(pages, Contents::new(task.content, task.seed));
    if let Some(cgroup) = &task.cgroup {
        fs::write(cgroup.join("cgroup.procs"), std::process::id().to_string())
            .map_err(told("joining the memory cgroup"))?;
    }
    let mut run = Err("the system gave no memory".to_owned());
    with_memory(task, &mut |memory, faults| {
        let mut measured = || {
            work.fill(memory);
            let before = Counters::now(task.system, faults)?;
            let began = Instant::now();
            let done = work.run(memory);
            let elapsed = began.elapsed();
            let counted = Counters::now(task.system, faults)?.since(before);
            Ok(Run {
                accesses: done.accesses,
                elapsed: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
                proof: work.proof(memory, done),
                major_faults: counted.major_faults,
                read: counted.read,
                written: counted.written,
            })
        };
        run = measured().map_err(told("what the kernel counts"));
    })?;
    run
}
