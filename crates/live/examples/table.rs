//! A table of keys and values that is larger than the memory it may use.
//!
//! `cargo run --release -p memtide-live --example table -- 16M 64M 100000`: the budget, the
//! table, how many lookups. Some keys are asked for far more often than others, as in life, so
//! most of what is asked for stays in memory.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use bytemuck::{Pod, Zeroable};
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{BUDGET_LEAST, Machine, MachineOptions, PagedVec, Space, SpaceOptions};

/// A key with its value: plain bytes, and zeros mean that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct Entry {
    key: u64,
    value: Value,
}

type Value = [u64; 31];

/// Open addressing: an entry lies at the place that its key decides, or at the next free one.
struct Table<'a> {
    entries: PagedVec<'a, Entry>,
}

impl<'a> Table<'a> {
    fn new(space: &'a Space, entries: usize) -> Result<Self, memtide_live::Error> {
        Ok(Self { entries: PagedVec::zeroed(space, entries)? })
    }

    /// Where the key is, or would be; its table is never full.
    fn place(&self, key: u64) -> usize {
        let mut place = usize::try_from(scrambled(key)).unwrap_or(usize::MAX) % self.entries.len();
        while ![0, key].contains(&self.entries[place].key) {
            place = (place + 1) % self.entries.len();
        }
        place
    }

    fn put(&mut self, key: u64, value: Value) {
        let place = self.place(key);
        self.entries[place] = Entry { key, value };
    }

    fn get(&self, key: u64) -> Option<Value> {
        let entry = self.entries[self.place(key)];
        (entry.key == key).then_some(entry.value)
    }
}

/// What the arguments ask for.
struct Wanted {
    budget: Bytes,
    table: Bytes,
    lookups: u64,
}

impl Wanted {
    const TABLE_LEAST: Bytes = Bytes::from_kib(64);
    const TABLE_MOST: Bytes = Bytes(1 << 40);
    const LOOKUPS_MOST: u64 = 1_000_000_000;

    fn read(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let [budget, table, lookups] = match arguments {
            [] => ["16M", "64M", "100000"],
            [budget, table, lookups] => [budget.as_str(), table.as_str(), lookups.as_str()],
            _ => return Err("expected a budget, a size and lookups, as in 16M 64M 1000".into()),
        };
        let budget: Bytes = budget.parse().map_err(|error| format!("the budget: {error}"))?;
        let table: Bytes = table.parse().map_err(|error| format!("the table: {error}"))?;
        let most = Self::LOOKUPS_MOST;
        let lookups = lookups.parse().ok().filter(|number| (1..=most).contains(number));
        let lookups = lookups.ok_or_else(|| format!("the lookups: expected 1 to {most}"))?;
        if budget < BUDGET_LEAST {
            return Err(format!("the budget: {budget}: expected at least {BUDGET_LEAST}").into());
        }
        if table < Self::TABLE_LEAST || table > Self::TABLE_MOST {
            let (least, most) = (Self::TABLE_LEAST, Self::TABLE_MOST);
            return Err(format!("the table: {table}: expected {least} to {most}").into());
        }
        Ok(Self { budget, table, lookups })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("table: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Fills a table, asks it, and checks every value.
pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let Wanted { budget, table: size, lookups } = Wanted::read(arguments)?;
    let options = MachineOptions {
        page_file: Some(PageFileOptions {
            maximum: Bytes(size.0 * 2).max(PageFileOptions::default().initial),
            ..PageFileOptions::default()
        }),
        ..MachineOptions::new(budget)
    };
    let machine = Machine::new(&options)?;
    let space = machine.create_space(&SpaceOptions::default())?;
    let places = usize::try_from(size.0)? / size_of::<Entry>();
    let mut table = Table::new(&space, places)?;
    // What the table should hold: how often each key was put, a byte each.
    let mut puts = vec![1_u8; places / 10 * 7];
    let keys = puts.len() as u64;
    println!("budget {budget}, table {size}: {keys} keys at {places} places");

    let began = Instant::now();
    (1..=keys).for_each(|key| table.put(key, value(key, 1)));
    tell("filled", keys, began, &machine);

    let began = Instant::now();
    for turn in 0..lookups {
        let key = often_low(turn, keys);
        let put = &mut puts[usize::try_from(key - 1)?];
        check(&table, key, *put)?;
        if turn % 10 == 0 {
            *put = put.wrapping_add(1);
            table.put(key, value(key, *put));
        }
    }
    tell("asked", lookups, began, &machine);

    let began = Instant::now();
    let mut seen = 0;
    for entry in table.entries.iter().filter(|entry| entry.key != 0) {
        let put = usize::try_from(entry.key - 1).ok().and_then(|place| puts.get(place));
        if put.is_none_or(|put| entry.value != value(entry.key, *put)) {
            return Err(format!("the table has {entry:x?}: nobody put that").into());
        }
        seen += 1;
    }
    if seen != keys {
        return Err(format!("the table has {seen} keys: expected {keys}").into());
    }
    if let Some(key) = (keys + 1..=keys + 1000).find(|key| table.get(*key).is_some()) {
        return Err(format!("key {key} is there: nobody put it").into());
    }
    tell("checked", keys, began, &machine);
    println!("every key has the value that was put last");
    Ok(())
}

fn check(table: &Table<'_>, key: u64, put: u8) -> Result<(), String> {
    match table.get(key) {
        Some(found) if found == value(key, put) => Ok(()),
        found => Err(format!("key {key} has {found:x?}: expected {:x?}", value(key, put))),
    }
}

/// The value of a key that was put so often.
fn value(key: u64, put: u8) -> Value {
    let first = scrambled(key.rotate_left(8) ^ u64::from(put));
    std::array::from_fn(|word| first.wrapping_add(word as u64))
}

/// A number from 1 to so many: the first is drawn as often as the next two, or the next four
/// after them, and so on. That is Zipf's law, nearly.
fn often_low(turn: u64, most: u64) -> u64 {
    let share = (scrambled(turn) >> 11) as f64 / (1_u64 << 53) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to most")]
    let low = ((most as f64).powf(share)) as u64;
    low.clamp(1, most)
}

/// A number that looks random, another for each number.
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(31)
}

fn tell(what: &str, times: u64, began: Instant, machine: &Machine) {
    let seconds = began.elapsed().as_secs_f64();
    let each = seconds / times as f64 * 1e9;
    println!("{what} {times} in {seconds:.2} s ({each:.0} ns each); so far {}", paged(machine),);
}

/// What paging took so far.
#[cfg(target_os = "linux")]
fn paged(machine: &Machine) -> String {
    let counters = machine.counters();
    format!(
        "{} hard faults, written {}, read {}",
        counters.hard,
        Bytes::from_pages(counters.pages_written),
        Bytes::from_pages(counters.pages_read),
    )
}

/// What paging took so far, as Windows counts it: all faults of the process.
#[cfg(windows)]
fn paged(machine: &Machine) -> String {
    match machine.process_memory() {
        Ok(memory) => format!("{} faults, working set {}", memory.faults, memory.working_set),
        Err(error) => error.to_string(),
    }
}
