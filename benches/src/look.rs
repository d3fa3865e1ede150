//! What one look costs.

use memtide_host::{Machine, Scope};
use memtide_pressure::Cgroup;
use std::time::Instant;

const LOOKS: u32 = 20_000;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("| what is read | µs a look |");
    println!("|---|--:|");
    let mut machine = Machine::open(&Scope::Machine)?;
    print_row("levels of the machine", || machine.levels().map(|_| ()))?;
    print_row("everything of the machine", || machine.sample().map(|_| ()))?;
    let group = Cgroup::new("look", 1 << 30);
    let mut container = Machine::open(&Scope::Cgroup(group.path().to_path_buf()))?;
    print_row("levels of a container", || container.levels().map(|_| ()))?;
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
