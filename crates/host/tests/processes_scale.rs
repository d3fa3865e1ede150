//! What a look at many processes costs. Alone in its file: the time of the whole process counts.
#![cfg(target_os = "linux")]

use memtide_host::processes::{Detail, Options, Processes};
use rustix::time::{ClockId, clock_gettime};
use std::process::{Child, Command};
use std::time::Duration;

const SLEEPERS: usize = 300;

/// 5,000 processes in 150 ms on two processors leave 60 µs of either for one. A build for
/// debugging may take four times that.
const MOST: Duration = Duration::from_micros(if cfg!(debug_assertions) { 240 } else { 60 });

/// Ends its processes however the test ends.
struct Sleepers(Vec<Child>);

impl Drop for Sleepers {
    fn drop(&mut self) {
        for sleeper in &mut self.0 {
            let _ = sleeper.kill();
            let _ = sleeper.wait();
        }
    }
}

fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("a time")
}

#[test]
fn a_look_costs_little_a_process() {
    let sleep = |_| Command::new("sleep").arg("600").spawn().expect("a child");
    let sleepers = Sleepers((0..SLEEPERS).map(sleep).collect());
    let cost = |detail| {
        let options = Options { detail, kernel_threads: true, ..Options::default() };
        let looks = (0..10).map(|_| {
            let before = processor_time();
            let look = Processes::list(&options).expect("a list");
            let count = u32::try_from(look.list.len()).expect("a count");
            assert!(look.list.len() >= SLEEPERS);
            (processor_time() - before) / count
        });
        looks.min().expect("ten looks")
    };
    let (brief, full) = (cost(Detail::Brief), cost(Detail::Full));
    drop(sleepers);
    eprintln!("brief {brief:?}, full {full:?} a process");
    assert!(full <= MOST && brief <= MOST / 2, "brief {brief:?}, full {full:?}");
}
