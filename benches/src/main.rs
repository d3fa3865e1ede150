//! What Memtide costs and gains, beside what people use today, in the same run.
//!
//! `cargo run --release -p memtide-benches -- NAME`, as root on Linux with a memory cgroup; the
//! tables go to standard output as docs/BENCHMARKS.md holds them.

mod crossing;
mod faults;
mod filler;
mod idle;
mod look;
mod notifiers;
mod statistics;
mod terabyte;
mod waiters;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["crossing", rest @ ..] => crossing::run(rest),
        ["waiters"] => waiters::run(),
        ["idle"] => idle::run(),
        ["look"] => look::run(),
        ["faults"] => faults::run(),
        ["terabyte"] => terabyte::run(),
        // The program that fills memory for the others.
        ["fill", rest @ ..] => filler::run(rest),
        _ => bail!("expected one of: crossing [ROUNDS], waiters, idle, look, faults, terabyte"),
    }
}
