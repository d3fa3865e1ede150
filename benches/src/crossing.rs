//! From the crossing of a mark to a waiter's wake-up, while memory fills.

use crate::filler::{Filler, monotonic_us};
use crate::notifiers::Notifier;
use crate::statistics;
use anyhow::Context as _;
use memtide_core::conditions::{Condition, Overrides, Profile};
use memtide_core::units::Bytes;
use memtide_host::conditions::Conditions;
use memtide_host::{Options, Scope};
use memtide_pressure::Cgroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Large enough for a second of the fastest filling.
const LIMIT: Bytes = Bytes::from_mib(3072);

/// The low mark: a tenth, as the early-warning profile sets on a small container.
const MARK_MB: u32 = 307;

/// Where the filler stops, so that nothing is killed. Whoever has not noticed two seconds later
/// would have noticed after the kill.
const STOP: Bytes = Bytes::from_mib(16);

const HOLD: Duration = Duration::from_secs(2);

const RATES_MB: [u64; 4] = [200, 500, 1000, 2000];

pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let rounds: usize = arguments.first().map_or(Ok(50), |n| n.parse()).context("ROUNDS")?;
    let mark = Bytes::from_mib(u64::from(MARK_MB));
    println!("A cgroup of {LIMIT} fills; the mark is {mark} available; {rounds} rounds a rate.\n");
    println!("| notifier | MB/s | p50 ms | p99 ms | noticed | before the limit |");
    println!("|---|--:|--:|--:|--:|--:|");
    let group = Cgroup::new("bench", LIMIT.0);
    for rate in RATES_MB {
        let memtide = measure(rounds, &group, rate, memtide_notices(group.path())?)?;
        print_row("Memtide", rate, rounds, memtide);
        for notifier in Notifier::ALL {
            if !notifier.can_be_had() {
                println!("| {} | {rate} | not permitted here | | | |", notifier.name());
                continue;
            }
            // A poller of ten seconds needs no fifty rounds to show what it is.
            let rounds = rounds.min(10);
            let path = group.path().to_path_buf();
            let notice = move |over: &AtomicBool| notifier.notice(&path, mark, over);
            print_row(notifier.name(), rate, rounds, measure(rounds, &group, rate, notice)?);
        }
    }
    Ok(())
}

fn memtide_notices(
    group: &std::path::Path,
) -> anyhow::Result<impl Fn(&AtomicBool) -> Option<i64> + Clone + Send + 'static> {
    let overrides = Overrides { low_memory_mb: Some(MARK_MB), ..Overrides::default() };
    let scope = Scope::Cgroup(group.to_path_buf());
    let options = Options { scope, profile: Profile::Windows, overrides };
    let conditions = Conditions::open(&options)?;
    Ok(move |over: &AtomicBool| {
        while !over.load(Ordering::SeqCst) {
            let timeout = Some(Duration::from_millis(500));
            let held = conditions.wait(Condition::LowMemory, timeout).ok()?;
            if held.is_some() {
                return Some(monotonic_us());
            }
        }
        None
    })
}

/// One round's result: how late the notice came, and whether the filler still ran.
struct Round {
    late_ms: f64,
    in_time: bool,
}

fn measure(
    rounds: usize,
    group: &Cgroup,
    rate: u64,
    notice: impl Fn(&AtomicBool) -> Option<i64> + Clone + Send + 'static,
) -> anyhow::Result<Vec<Round>> {
    let mark = Bytes::from_mib(u64::from(MARK_MB));
    let mut results = Vec::new();
    for _ in 0..rounds {
        let over = Arc::new(AtomicBool::new(false));
        let mut filler = Filler::start(group, rate, mark.0, STOP.0)?;
        let (notice, flag) = (notice.clone(), Arc::clone(&over));
        let waiter = std::thread::spawn(move || notice(&flag));
        // The waiter is to be waiting; there is no event that says so for a foreign poller.
        std::thread::sleep(Duration::from_millis(300));
        let crossed = filler.fill()?;
        let filled = monotonic_us();
        let deadline = std::time::Instant::now() + HOLD;
        while !waiter.is_finished() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Ordering::SeqCst);
        let noticed = waiter.join().map_err(|_| anyhow::anyhow!("the waiter panicked"))?;
        filler.end()?;
        if let Some(noticed) = noticed {
            #[expect(clippy::cast_precision_loss, reason = "seconds in microseconds")]
            let late_ms = (noticed - crossed) as f64 / 1e3;
            results.push(Round { late_ms, in_time: noticed <= filled });
        }
    }
    Ok(results)
}

fn print_row(name: &str, rate: u64, rounds: usize, results: Vec<Round>) {
    let in_time = results.iter().filter(|round| round.in_time).count();
    let noticed = results.len();
    let late = statistics::cells(results.into_iter().map(|round| round.late_ms).collect());
    println!("| {name} | {rate} | {late} | {noticed}/{rounds} | {in_time}/{rounds} |");
}
