//! What watching costs while nothing happens.

use anyhow::Context as _;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECONDS: u64 = 30;

/// Runs `memtide watch` for half a minute and reads what the kernel counted for it.
pub(crate) fn run() -> anyhow::Result<()> {
    let memtide = std::env::current_exe()?.with_file_name("memtide");
    let mut child = Command::new(&memtide)
        .arg("watch")
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {}: build it first", memtide.display()))?;
    let directory = format!("/proc/{}", child.id());
    // The start is no idling.
    std::thread::sleep(Duration::from_secs(1));
    let before = run_time_ns(&directory)?;
    std::thread::sleep(Duration::from_secs(SECONDS));
    let spent = run_time_ns(&directory)? - before;
    let status = std::fs::read_to_string(format!("{directory}/status"))?;
    child.kill()?;
    child.wait()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("?");
    #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
    let share = spent as f64 / (SECONDS as f64 * 1e9) * 100.0;
    println!("| `memtide watch`, idle, {SECONDS} s | share of a core | resident |");
    println!("|---|--:|--:|");
    println!("| all nine conditions | {share:.4}% | {} |", resident.trim());
    Ok(())
}

/// The time all threads of a process ran.
fn run_time_ns(directory: &str) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("{directory}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_ascii_whitespace().next().context("schedstat has a first field")?;
        sum += first.parse::<u64>()?;
    }
    Ok(sum)
}
