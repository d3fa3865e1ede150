//! Programs that are larger than their memory: each does the same work in plain memory and in a
//! space of several times its budget, and what comes of it is the same.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "sizes and addresses have 64 bits here")]

mod database;
mod join;
mod map;
mod sort;
#[path = "../support/mod.rs"]
mod support;

use memtide_live::{FaultPath, Machine, Space};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use support::{MIB, PAGE, PATHS, bounded, machine, space};

/// In MiB.
const BUDGET: u64 = 4;

/// Does something in a space of a small budget, and sees that most of it was out of memory.
fn with_space(
    path: FaultPath,
    compression: Option<u8>,
    work: impl FnOnce(&Space) + Send + 'static,
) {
    bounded(move || {
        let machine = machine(BUDGET, compression);
        work(&space(&machine, path));
        let went = paged(&machine);
        assert!(went > BUDGET * MIB / PAGE, "{path:?} {compression:?}: {went} pages went out");
        machine.verify().expect("a sound machine");
    });
}

/// Pages that came back from the page file or the store.
fn paged(machine: &Machine) -> u64 {
    let counters = machine.counters();
    counters.pages_read + counters.decompressed
}

/// The same in a space of each fault path, with compression and without.
fn everywhere(work: impl Fn(&Space) + Clone + Send + 'static) {
    for path in PATHS {
        for compression in [None, Some(50)] {
            with_space(path, compression, work.clone());
        }
    }
}

/// The same for what takes longer: each fault path once, with compression and without.
fn twice(work: impl Fn(&Space) + Clone + Send + 'static) {
    with_space(FaultPath::InThread, None, work.clone());
    with_space(FaultPath::Handler, Some(50), work);
}

fn random(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}
