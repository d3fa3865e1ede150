//! A cache that empties itself when memory is low, and fills again once memory is high.
//!
//! `cargo run -p memtide --example cache` runs for a few seconds and says what it does. Under
//! pressure (try it in a small memory cgroup) it gives everything back before anything is killed.

use memtide::{Condition, Conditions, Error, Options, Profile};
use std::time::{Duration, Instant};

/// What the cache would like to hold.
const WANTED: usize = 64 << 20;
const ENTRY: usize = 1 << 20;

fn main() -> Result<(), Error> {
    let options = Options { profile: Profile::EarlyWarning, ..Options::default() };
    let conditions = Conditions::open(&options)?;
    let mut cache: Vec<Vec<u8>> = Vec::new();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        if conditions.is_set(Condition::LowMemory) == Some(true) {
            println!("low: giving {} entries back", cache.len());
            cache.clear();
            // A level, not an edge: waiting for low again would return at once.
            conditions.wait(Condition::HighMemory, Some(Duration::from_secs(1)))?;
        } else if cache.len() * ENTRY < WANTED {
            cache.push(vec![1; ENTRY]);
        } else {
            println!("full: {} entries; until memory is low, or a second", cache.len());
            conditions.wait(Condition::LowMemory, Some(Duration::from_secs(1)))?;
        }
    }
    Ok(())
}
