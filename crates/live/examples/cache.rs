//! A cache that gives memory back while memory is low, and grows again once it is high.
//!
//! `cargo run --release -p memtide-live --example cache -- 64M`: the budget. Work beside the cache
//! comes and goes. Without a word to each other both keep within the budget: a thread waits for
//! the conditions of the machine, and what the cache drops need not be paged out.

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use memtide_core::conditions::{Condition, ConditionSet, Overrides, Profile, Sizes, Thresholds};
use memtide_core::units::Bytes;
use memtide_live::{Machine, MachineOptions, PagedVec, Space, SpaceOptions};

/// A page: the key, less one of zeros, and what belongs to it.
type Entry = [u64; 512];

const ENTRY_BYTES: u64 = size_of::<Entry>() as u64;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was computed and may be computed again.
struct Cache<'a> {
    entries: PagedVec<'a, Entry>,
    hits: u64,
    misses: u64,
    shrinks: u32,
}

impl<'a> Cache<'a> {
    fn new(space: &'a Space, most: usize) -> Result<Self, memtide_live::Error> {
        let entries = PagedVec::with_most(space, most)?;
        Ok(Self { entries, hits: 0, misses: 0, shrinks: 0 })
    }

    /// The value of a key, and whether it is right.
    fn get(&mut self, key: u64) -> bool {
        let place = usize::try_from(key).unwrap_or(usize::MAX) % self.entries.most();
        match self.entries.get_mut(place) {
            Some(entry) if entry[0] == key + 1 => {
                self.hits += 1;
                *entry == computed(key)
            }
            Some(entry) => {
                self.misses += 1;
                *entry = computed(key);
                true
            }
            // It has no such place at present.
            None => {
                self.misses += 1;
                true
            }
        }
    }

    fn step(&self) -> usize {
        self.entries.most().div_ceil(4)
    }

    fn shrink(&mut self) {
        self.entries.truncate(self.entries.len().saturating_sub(self.step()));
        self.shrinks += 1;
    }

    fn grow(&mut self) -> Result<(), memtide_live::Error> {
        self.entries.resize((self.entries.len() + self.step()).min(self.entries.most()))
    }

    fn size(&self) -> Bytes {
        Bytes(self.entries.len() as u64 * ENTRY_BYTES)
    }

    fn is_whole(&self) -> bool {
        self.entries.len() == self.entries.most()
    }

    /// Hits in percent since the last time that this was asked.
    fn take_hits(&mut self) -> u64 {
        let all = (self.hits + self.misses).max(1);
        let percent = self.hits * 100 / all;
        (self.hits, self.misses) = (0, 0);
        percent
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cache: {error}");
            ExitCode::FAILURE
        }
    }
}

fn budget(arguments: &[String]) -> Result<Bytes, Box<dyn Error>> {
    let text = match arguments {
        [] => "64M",
        [budget] => budget.as_str(),
        _ => return Err("expected a budget, as in 64M".into()),
    };
    let budget: Bytes = text.parse().map_err(|error| format!("the budget: {error}"))?;
    let (least, most) = (Bytes::from_mib(16), Bytes::from_mib(1 << 20));
    match (least..=most).contains(&budget) {
        true => Ok(budget),
        false => Err(format!("the budget: {budget}: expected {least} to {most}").into()),
    }
}

/// Memory is low below an eighth of the budget, and high above three eighths.
fn machine(budget: Bytes) -> Result<Machine, Box<dyn Error>> {
    let eighth = u32::try_from(budget.0 >> 23)?;
    let overrides = Overrides {
        low_memory_mb: Some(eighth),
        high_memory_mb: Some(3 * eighth),
        ..Overrides::default()
    };
    let sizes = Sizes { physical: budget, ..Sizes::default() };
    let marks = Thresholds::new(Profile::Windows, &sizes, &overrides)?;
    Ok(Machine::new(&MachineOptions { thresholds: Some(marks), ..MachineOptions::new(budget) })?)
}

/// Makes a cache, has it tended, and uses it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let budget = budget(arguments)?;
    let machine = machine(budget)?;
    let (own, others) = (SpaceOptions::default(), SpaceOptions::default());
    let (own, others) = (machine.create_space(&own)?, machine.create_space(&others)?);
    let most = usize::try_from(budget.0 / 4 * 3 / ENTRY_BYTES)?;
    println!("budget {budget}, a cache of {} at most", Bytes(most as u64 * ENTRY_BYTES));
    let cache = Mutex::new(Cache::new(&own, most)?);
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        let tender = scope.spawn(|| tend(&machine, &cache, &ends));
        let used = use_it(&cache, &machine, &others, budget);
        ends.store(true, Ordering::Release);
        match tender.join() {
            Ok(tended) => used.and(tended.map_err(Into::into)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Shrinks the cache while memory is low, and lets it grow while memory is high.
fn tend(
    machine: &Machine,
    cache: &Mutex<Cache<'_>>,
    ends: &AtomicBool,
) -> Result<(), memtide_live::Error> {
    while !ends.load(Ordering::Acquire) {
        let mut awaited = ConditionSet::EMPTY;
        {
            let mut cache = locked(cache);
            let before = cache.size();
            if machine.is_set(Condition::LowMemory) && before > Bytes::ZERO {
                cache.shrink();
                println!("  memory is low: the cache shrinks from {before} to {}", cache.size());
                continue;
            }
            if machine.is_set(Condition::HighMemory) && !cache.is_whole() {
                cache.grow()?;
                println!("  memory is high: the cache grows from {before} to {}", cache.size());
                continue;
            }
            // Conditions are levels: to wait for one that nothing is done about would not wait.
            if before > Bytes::ZERO {
                awaited.insert(Condition::LowMemory);
            }
            if !cache.is_whole() {
                awaited.insert(Condition::HighMemory);
            }
        }
        // It looks from time to time whether it should end.
        let _ = machine.wait_any(awaited, Some(Duration::from_millis(100)));
    }
    Ok(())
}

/// Who uses the cache.
struct User<'a, 'b> {
    cache: &'a Mutex<Cache<'b>>,
    machine: &'a Machine,
    begun: Instant,
    turns: u64,
}

impl User<'_, '_> {
    /// Asks the cache, beside other work, until it is as expected and memory is not low.
    fn ask(
        &mut self,
        what: &str,
        mut work: impl FnMut(),
        expected: fn(&Cache<'_>) -> bool,
    ) -> Result<(), String> {
        loop {
            work();
            let mut cache = locked(self.cache);
            cache.take_hits();
            let keys = cache.entries.most() as u64;
            for _ in 0..2 * keys {
                self.turns += 1;
                let key = scrambled(self.turns) % keys;
                if !cache.get(key) {
                    return Err(format!("the cache has a wrong value for key {key}"));
                }
            }
            if expected(&cache) && !self.machine.is_set(Condition::LowMemory) {
                let (hits, size) = (cache.take_hits(), cache.size());
                println!("{what}: {hits}% hits, the cache has {size}");
                return Ok(());
            }
            if self.begun.elapsed() > PATIENCE {
                return Err(format!("{what}: the cache has {} after a minute", cache.size()));
            }
        }
    }
}

/// Uses the cache alone, beside other work, and alone again.
fn use_it(
    cache: &Mutex<Cache<'_>>,
    machine: &Machine,
    others: &Space,
    budget: Bytes,
) -> Result<(), Box<dyn Error>> {
    let mut user = User { cache, machine, begun: Instant::now(), turns: 0 };
    let is_full = |cache: &Cache<'_>| cache.is_whole() && cache.hits > 9 * cache.misses;
    user.ask("alone", || (), is_full)?;

    let mut work = PagedVec::<u64>::zeroed(others, usize::try_from(budget.0 / 8 * 5 / 8)?)?;
    let mut round = 0;
    let one_round = || {
        round += 1;
        work.iter_mut().for_each(|word| *word += 1);
    };
    user.ask("beside work", one_round, |cache| cache.shrinks > 0)?;
    if let Some(word) = work.iter().find(|word| **word != round) {
        return Err(format!("the work has {word}: expected {round}").into());
    }
    drop(work);

    user.ask("alone again", || (), is_full)?;
    println!("every value was right");
    Ok(())
}

fn locked<'a, 'b>(cache: &'a Mutex<Cache<'b>>) -> MutexGuard<'a, Cache<'b>> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What takes long to find out.
fn computed(key: u64) -> Entry {
    let mut entry = [0; 512];
    for (place, word) in (0..).zip(&mut entry) {
        *word = scrambled(key ^ place);
    }
    entry[0] = key + 1;
    entry
}

/// A number that looks random, another for each number.
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(31)
}
