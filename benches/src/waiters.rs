//! How long it takes to wake many.

use crate::filler::{Filler, monotonic_us};
use memtide_core::conditions::{Condition, Overrides, Profile};
use memtide_core::units::Bytes;
use memtide_host::conditions::Conditions;
use memtide_host::{Options, Scope};
use memtide_pressure::Cgroup;
use std::sync::{Arc, Barrier};

const LIMIT: Bytes = Bytes::from_mib(512);
const MARK_MB: u32 = 51;
const ROUNDS: usize = 20;
const THREADS: usize = 1_000;
const TASKS: usize = 10_000;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("A cgroup of {LIMIT} fills at 500 MB/s; {ROUNDS} rounds.\n");
    println!(
        "| waiters | crossing to the first, p50 ms | crossing to the last, p50 ms | worst ms |"
    );
    println!("|---|--:|--:|--:|");
    let group = Cgroup::new("waiters", LIMIT.0);
    let overrides = Overrides { low_memory_mb: Some(MARK_MB), ..Overrides::default() };
    let scope = Scope::Cgroup(group.path().to_path_buf());
    let options = Options { scope, profile: Profile::Windows, overrides };
    let conditions = Conditions::open(&options)?;
    let threads = rounds(&group, &conditions, block_threads)?;
    print_row(&format!("{THREADS} blocked threads"), threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let tasks = rounds(&group, &conditions, |conditions| spawn_tasks(&runtime, conditions))?;
    print_row(&format!("{TASKS} tasks of tokio"), tasks);
    Ok(())
}

type Join = Box<dyn FnOnce() -> Vec<i64>>;

/// Starts all waiters; what is returned waits for their wake-up times.
fn block_threads(conditions: &Conditions) -> Join {
    let ready = Arc::new(Barrier::new(THREADS + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let wait = conditions.until_any(Condition::LowMemory.into());
            let ready = Arc::clone(&ready);
            std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
                ready.wait();
                let _ = wait.block(None);
                monotonic_us()
            })
        })
        .collect();
    ready.wait();
    Box::new(move || threads.into_iter().filter_map(|t| t.ok()?.join().ok()).collect())
}

fn spawn_tasks(runtime: &tokio::runtime::Runtime, conditions: &Conditions) -> Join {
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let wait = conditions.until_any(Condition::LowMemory.into());
            runtime.spawn(async move {
                let _ = wait.await;
                monotonic_us()
            })
        })
        .collect();
    let handle = runtime.handle().clone();
    Box::new(move || tasks.into_iter().filter_map(|task| handle.block_on(task).ok()).collect())
}

fn rounds(
    group: &Cgroup,
    conditions: &Conditions,
    start: impl Fn(&Conditions) -> Join,
) -> anyhow::Result<Vec<(f64, f64)>> {
    let mark = u64::from(MARK_MB) << 20;
    let mut results = Vec::new();
    for _ in 0..ROUNDS {
        conditions.wait(Condition::HighMemory, None)?;
        let mut filler = Filler::start(group, 500, mark, mark - (8 << 20))?;
        let join = start(conditions);
        // All have begun to wait; give the last of them the moment between saying so and sleeping.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let crossed = filler.fill()?;
        let woken = join();
        filler.end()?;
        #[expect(clippy::cast_precision_loss, reason = "seconds in microseconds")]
        let after = |time: Option<&i64>| time.map_or(f64::NAN, |t| (t - crossed) as f64 / 1e3);
        results.push((after(woken.iter().min()), after(woken.iter().max())));
    }
    Ok(results)
}

fn print_row(name: &str, results: Vec<(f64, f64)>) {
    let (mut first, mut last): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    let worst = last.iter().copied().fold(f64::NAN, f64::max);
    let first = crate::statistics::quantile(&mut first, 0.5);
    let last = crate::statistics::quantile(&mut last, 0.5);
    println!("| {name} | {first:.1} | {last:.1} | {worst:.1} |");
}
