//! Who hangs, and where: nothing here waits for what may hang.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use memtide_live::Machine;

/// The longest that a single step may take.
const STEP_MAX: Duration = Duration::from_secs(60);

/// How far a thread is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) steps: AtomicU64,
    choice: AtomicU64,
    address: AtomicU64,
}

impl Progress {
    /// A thread begins a step.
    pub(crate) fn step(&self, choice: u64, address: u64) {
        self.choice.store(choice, Ordering::Relaxed);
        self.address.store(address, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn said(&self) -> String {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (steps, choice, address) = (of(&self.steps), of(&self.choice), of(&self.address));
        format!("step {steps}, choice {choice}, address {address:#x}")
    }
}

/// Waits until all are done, and ends the process where one of them takes too long for a step.
pub(crate) fn wait(
    machine: &Machine,
    what: &str,
    all: &[Arc<Progress>],
    mut are_done: impl FnMut() -> bool,
) {
    let steps = |progress: &Arc<Progress>| progress.steps.load(Ordering::Relaxed);
    let mut seen: Vec<_> = all.iter().map(|progress| (steps(progress), Instant::now())).collect();
    while !are_done() {
        std::thread::sleep(Duration::from_millis(5));
        for (progress, seen) in all.iter().zip(&mut seen) {
            let now = steps(progress);
            if now != seen.0 {
                *seen = (now, Instant::now());
            } else if seen.1.elapsed() > STEP_MAX && !are_done() {
                hangs(machine, what, all);
            }
        }
    }
}

/// Says what can be said of threads that hang, and ends the process.
fn hangs(machine: &Machine, what: &str, all: &[Arc<Progress>]) -> ! {
    eprintln!("torture: {what}: a thread made no step for {STEP_MAX:?}");
    for (number, progress) in all.iter().enumerate() {
        eprintln!("  thread {number}: {}", progress.said());
    }
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let [name, place, call] = ["comm", "wchan", "syscall"].map(read);
        eprintln!("  {} in {}: {}", name.trim(), place.trim(), call.trim());
    }
    let (said, says) = mpsc::channel();
    let of = machine.clone();
    std::thread::spawn(move || {
        let state = of.inspect(|manager| {
            let snapshot = manager.snapshot();
            let operations: Vec<_> = snapshot.operations().collect();
            let (lists, waiting) = (manager.list_counts(), snapshot.waiting());
            format!("{waiting} wait, {lists:?}, {:?}, {operations:?}", manager.counters())
        });
        let _ = said.send(format!("{state}; {:?}", of.verify()));
    });
    match says.recv_timeout(Duration::from_secs(5)) {
        Ok(state) => eprintln!("  the manager: {state}"),
        Err(_) => eprintln!("  the manager's lock is held"),
    }
    std::process::abort()
}
