//! The budget, as the kernel counts it from outside.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

mod support;

use memtide_live::FaultPath;
use support::mappings::mappings;
use support::{
    MIB, PAGE, PATHS, check, committed, load, machine, mark, scrambled, space, succeeds,
    within_budget,
};

const BUDGET_MIB: u64 = 16;

/// Bytes in memory of all that a machine manages: its mappings are those that a child of fork
/// does not get.
fn resident() -> u64 {
    mappings().iter().filter(|mapping| mapping.has("dc")).map(|mapping| mapping.resident).sum()
}

/// Numbers that look random.
fn random(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state)
    })
}

/// Works on four times the budget while another thread looks at what is in memory.
fn work(path: FaultPath, compression: Option<u8>) {
    let bytes = 4 * BUDGET_MIB * MIB;
    let machine = machine(BUDGET_MIB, compression);
    let space = space(&machine, path);
    let base = committed(&space, bytes);
    let what = format!("{path:?} {compression:?}");
    within_budget((&machine, BUDGET_MIB * MIB, &what), resident, || {
        for round in 0..2 {
            // Half of each page is noise.
            for (page, noise) in (0..bytes / PAGE).zip(random(round + 1)) {
                let at = base + page * PAGE;
                (64..256).for_each(|word| support::store(at + word * 8, scrambled(noise ^ word)));
            }
            mark(base, bytes, round);
            for number in random(99).take(6000) {
                let page = number % (bytes / PAGE);
                assert_eq!(load(base + page * PAGE), scrambled(page + round), "page {page}");
            }
            check(base, bytes, round);
        }
    });
}

#[test]
fn no_more_than_the_budget_is_ever_in_memory() {
    const TEST: &str = "no_more_than_the_budget_is_ever_in_memory";
    for path in PATHS {
        for compression in [None, Some(50)] {
            succeeds(TEST, &format!("{path:?} {compression:?}"), || {
                work(path, compression);
            });
        }
    }
}
