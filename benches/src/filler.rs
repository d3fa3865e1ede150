//! A program that fills its memory cgroup at a steady rate and says when it crossed the mark.

use anyhow::Context as _;
use memtide_core::units::Bytes;
use memtide_host::{Machine, Scope};
use memtide_pressure::Hog;
use rustix::time::{ClockId, clock_gettime};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How much it takes at a time.
const STEP: usize = 1 << 20;

/// The monotonic clock, which all processes of a machine share, in microseconds.
pub(crate) fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// The filler's own main: `fill CGROUP RATE_MB_PER_S MARK_BYTES STOP_BYTES`.
///
/// It waits for a line, fills as fast as it can until MARK is a second away, then at RATE until
/// less than STOP is available, prints the time of the first step after which less than MARK was,
/// holds for as long as nobody says otherwise, and ends.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let [group, rate, mark, stop] = arguments else { anyhow::bail!("expected four arguments") };
    let (rate, mark, stop): (u64, u64, u64) = (rate.parse()?, mark.parse()?, stop.parse()?);
    let mut machine = Machine::open(&Scope::Cgroup(group.into()))?;
    let mut line = String::new();
    let mut input = std::io::stdin().lock();
    input.read_line(&mut line)?;
    let mut hog = Hog::new();
    let mut crossed = None;
    let step_time = Duration::from_micros(STEP as u64 / rate.max(1));
    let runway = Bytes(mark).saturating_add(Bytes::from_mib(rate));
    let room = |machine: &mut Machine| -> anyhow::Result<Bytes> {
        machine.levels()?.0.available.context("the cgroup has a level")
    };
    let ahead = room(&mut machine)?.saturating_sub(runway);
    hog.grow(usize::try_from(ahead.0)?);
    let mut next = Instant::now();
    loop {
        hog.grow(STEP);
        let available = room(&mut machine)?.0;
        if available < mark && crossed.is_none() {
            crossed = Some(monotonic_us());
        }
        if available < stop {
            break;
        }
        next += step_time;
        // Steps are shorter than a sleep can be.
        while Instant::now() < next {
            std::hint::spin_loop();
        }
    }
    println!("{}", crossed.context("the mark lies above the stop")?);
    std::io::stdout().flush()?;
    input.read_line(&mut line)?;
    Ok(())
}

/// A filler that runs in a cgroup.
pub(crate) struct Filler {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Filler {
    /// Starts one; it does nothing yet.
    pub(crate) fn start(
        group: &memtide_pressure::Cgroup,
        rate_mb: u64,
        mark: u64,
        stop: u64,
    ) -> anyhow::Result<Self> {
        let path: &Path = group.path();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("fill")
            .arg(path)
            .args([rate_mb, mark, stop].map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        group.take(child.id());
        let input = child.stdin.take().context("a pipe")?;
        let output = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { child, input, output })
    }

    /// Fills; returns when the mark was crossed, in microseconds of the monotonic clock.
    pub(crate) fn fill(&mut self) -> anyhow::Result<i64> {
        self.input.write_all(b"go\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        line.trim().parse().context("the filler was killed before it had crossed the mark")
    }

    /// Ends it; its memory is given back.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.input.write_all(b"end\n")?;
        self.child.wait()?;
        Ok(())
    }
}
