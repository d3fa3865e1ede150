//! A sort of data four times as large as the memory it may use.
//!
//! `cargo run --release -p memtide-live --example sort -- 64M 256M`: the budget, then the data.
//! A `PagedVec` is a slice, so the sort is the standard library's and knows nothing of pages.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{BUDGET_LEAST, Machine, MachineOptions, PagedVec, SpaceOptions};

/// What the arguments ask for.
struct Sizes {
    budget: Bytes,
    data: Bytes,
}

impl Sizes {
    const DATA_MOST: Bytes = Bytes(1 << 40);

    fn read(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let [budget, data] = match arguments {
            [] => ["64M", "256M"],
            [budget, data] => [budget.as_str(), data.as_str()],
            _ => return Err("expected a budget and the size of the data, as in 64M 256M".into()),
        };
        let budget: Bytes = budget.parse().map_err(|error| format!("the budget: {error}"))?;
        let data: Bytes = data.parse().map_err(|error| format!("the data: {error}"))?;
        if data < Bytes(PAGE_SIZE) || data > Self::DATA_MOST {
            let (least, most) = (Bytes(PAGE_SIZE), Self::DATA_MOST);
            return Err(format!("the data: {data}: expected {least} to {most}").into());
        }
        if budget < BUDGET_LEAST {
            return Err(format!("the budget: {budget}: expected at least {BUDGET_LEAST}").into());
        }
        Ok(Self { budget, data })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sort: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Fills, sorts and checks.
pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let Sizes { budget, data } = Sizes::read(arguments)?;
    let options = MachineOptions {
        // Room for all of it, and for pages in memory that keep their place there.
        page_file: Some(PageFileOptions {
            maximum: Bytes(data.0 * 2).max(PageFileOptions::default().initial),
            ..PageFileOptions::default()
        }),
        ..MachineOptions::new(budget)
    };
    let machine = Machine::new(&options)?;
    let space = machine.create_space(&SpaceOptions::default())?;
    let mut numbers = PagedVec::<u64>::zeroed(&space, usize::try_from(data.0 / 8)?)?;
    println!("budget {budget}, data {data}: {} numbers", numbers.len());

    let began = Instant::now();
    let mut sum = 0_u64;
    for (place, number) in (0..).zip(numbers.iter_mut()) {
        *number = scrambled(place);
        sum = sum.wrapping_add(scrambled(*number));
    }
    tell("filled", data, began, &machine);

    let began = Instant::now();
    numbers.sort_unstable();
    tell("sorted", data, began, &machine);

    let began = Instant::now();
    if let Some(place) = numbers.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(format!("number {place} is greater than the next").into());
    }
    let found = numbers.iter().fold(0_u64, |sum, number| sum.wrapping_add(scrambled(*number)));
    if found != sum {
        return Err(format!("the checksum is {found:#x}: expected {sum:#x}").into());
    }
    tell("checked", data, began, &machine);
    println!("in order, with every number that there was");
    Ok(())
}

/// A number that looks random, another for each place.
fn scrambled(place: u64) -> u64 {
    let mixed = place.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(31)
}

/// What took how long, and where memory is then.
fn tell(what: &str, data: Bytes, began: Instant, machine: &Machine) {
    let seconds = began.elapsed().as_secs_f64();
    let speed = data.0 as f64 / seconds / f64::from(1 << 20);
    println!("{what} in {seconds:.2} s ({speed:.0} MiB/s){}", kept(machine));
}

/// Where memory is: what the kernel counts of this process, the lists, the page file.
#[cfg(target_os = "linux")]
fn kept(machine: &Machine) -> String {
    let lists = machine.lists();
    let size = |pages: u32| Bytes::from_pages(pages.into());
    let counters = machine.counters();
    format!(
        ", resident {}\n  lists: modified {}, standby {}, free {}, zeroed {}\n  \
         page file: written {}, read {}",
        resident(),
        size(lists.modified),
        size(lists.standby.iter().sum()),
        size(lists.free),
        size(lists.zeroed),
        Bytes::from_pages(counters.pages_written),
        Bytes::from_pages(counters.pages_read),
    )
}

/// Where memory is, as Windows counts it for this process.
#[cfg(windows)]
fn kept(machine: &Machine) -> String {
    match machine.process_memory() {
        Ok(memory) => format!(", working set {}, faults {}", memory.working_set, memory.faults),
        Err(error) => format!(": {error}"),
    }
}

/// What the kernel counts of this whole process: the budget, and the program itself.
#[cfg(target_os = "linux")]
fn resident() -> Bytes {
    let counts = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = counts.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    Bytes::from_pages(pages.unwrap_or(0))
}
