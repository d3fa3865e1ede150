//! How long a look at many processes takes: `cargo bench -p memtide-host --bench processes`.
//!
//! Starts sleeping processes until the machine has 5,000 more (or as many as the first argument
//! says), looks at them in each way, and ends them.

use memtide_host::objects::Listeners;
use memtide_host::processes::{Detail, Options, Processes};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often each look is repeated; the median is printed.
const REPEATS: usize = 11;

/// The working set of one large process.
const BIG: usize = 1 << 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(5_000);
    let mut sleepers = Sleepers(Vec::with_capacity(wanted));
    for _ in 0..wanted {
        sleepers.0.push(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn()?);
    }
    let all = Options { kernel_threads: true, ..Options::default() };
    let count = Processes::list(&all)?.list.len();
    println!("{count} processes, {} processors", std::thread::available_parallelism()?);
    for (what, options) in [
        ("brief", Options { detail: Detail::Brief, ..Options::default() }),
        ("full", Options::default()),
        ("full with command lines", Options { command_lines: true, ..Options::default() }),
    ] {
        println!("{what:>24} {:?}", median(|| Processes::list(&options).map(|_| ()))?);
    }
    let mut looked = Processes::list(&Options::default())?;
    let shares = || {
        Processes::measure_shares(&mut looked.list);
        Ok::<(), memtide_host::Error>(())
    };
    println!("{:>24} {:?}", "shares (PSS)", median(shares)?);
    let big = vec![1_u8; BIG];
    let mut this = looked.list.clone();
    this.retain(|process| process.pid == std::process::id());
    let shares = || {
        Processes::measure_shares(&mut this);
        Ok::<(), memtide_host::Error>(())
    };
    println!("{:>24} {:?}", "shares of 1 GiB", median(shares)?);
    drop(std::hint::black_box(big));
    let listeners = || Listeners::find().map(|_| ());
    println!("{:>24} {:?}", "listeners", median(listeners)?);
    Ok(())
}

fn median<E>(mut work: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let mut times = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[REPEATS / 2])
}

/// Ends its processes however the benchmark ends.
struct Sleepers(Vec<Child>);

impl Drop for Sleepers {
    fn drop(&mut self) {
        for sleeper in &mut self.0 {
            let _ = sleeper.kill();
        }
        for sleeper in &mut self.0 {
            let _ = sleeper.wait();
        }
    }
}
