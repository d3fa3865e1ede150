//! The budget, as the kernel counts it from outside.
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use memtide_live::FaultPath;
use support::{
    MIB, PAGE, PATHS, check, committed, load, machine, mark, scrambled, space, succeeds,
};

const BUDGET_MIB: u64 = 16;

/// Bytes in memory of all that a machine manages: its mappings are those that a child of fork
/// does not get.
fn resident() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("the mappings");
    let (mut all, mut kib) = (0, 0);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Rss:") => {
                let number = words.next().and_then(|word| word.parse::<u64>().ok());
                kib = number.expect("a number of KiB");
            }
            Some("VmFlags:") if words.any(|flag| flag == "dc") => all += kib,
            _ => {}
        }
    }
    all * 1024
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
    let most = AtomicU64::new(0);
    let (looks, ends) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Acquire) {
                // A page that moved while they are counted would be counted twice.
                most.fetch_max(machine.inspect(|_| resident()), Ordering::AcqRel);
                looks.fetch_add(1, Ordering::AcqRel);
                // The manager stands still meanwhile: the work must get on too.
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
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
        ends.store(true, Ordering::Release);
    });
    assert!(looks.into_inner() > 20, "too few looks");
    let (most, budget) = (most.into_inner(), BUDGET_MIB * MIB);
    println!("{path:?} {compression:?}: {most} of {budget} bytes");
    assert!(most > budget / 2, "nothing is measured: {most} bytes");
    assert!(most <= budget + budget / 50, "{most} bytes of {budget}");
    machine.verify().expect("a sound machine");
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
