//! What one look costs.

use crate::statistics;
use anyhow::Context as _;
use memtide_host::{Machine, Scope};
use memtide_pressure::Cgroup;
use std::process::{Command, Stdio};
use std::time::Instant;

const LOOKS: u32 = 20_000;
const COMMANDS: usize = 200;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("| what is read | µs a look |");
    println!("|---|--:|");
    let mut machine = Machine::open(&Scope::Machine)?;
    print_row("levels of the machine", || machine.levels().map(|_| ()))?;
    print_row("everything of the machine", || machine.sample().map(|_| ()))?;
    let group = Cgroup::new("look", 1 << 30);
    let mut container = Machine::open(&Scope::Cgroup(group.path().to_path_buf()))?;
    print_row("levels of a container", || container.levels().map(|_| ()))?;
    println!("\n| whole command | p50 ms | p99 ms |");
    println!("|---|--:|--:|");
    let memtide = std::env::current_exe()?.with_file_name("memtide");
    for arguments in [["status", "--json"], ["ps", "--json"], ["objects", "--json"]] {
        let mut times = Vec::new();
        for _ in 0..COMMANDS {
            let began = Instant::now();
            let status = Command::new(&memtide)
                .args(arguments)
                .stdout(Stdio::null())
                .status()
                .with_context(|| format!("starting {}: build it first", memtide.display()))?;
            anyhow::ensure!(status.success(), "{arguments:?} ended with {status}");
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        println!("| `memtide {}` | {} |", arguments.join(" "), statistics::cells(times));
    }
    Ok(())
}

fn print_row(
    name: &str,
    mut look: impl FnMut() -> Result<(), memtide_host::Error>,
) -> anyhow::Result<()> {
    look()?;
    let began = Instant::now();
    for _ in 0..LOOKS {
        look()?;
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(LOOKS);
    println!("| {name} | {each:.1} |");
    Ok(())
}
