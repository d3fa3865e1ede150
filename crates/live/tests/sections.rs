//! Sections: memory in several places at once, and copies made on write.
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use memtide_core::units::Bytes;
use memtide_core::{Exception, Refusal};
use memtide_live::{Disposition, Error, FaultPath, Machine, Section, Space};
use support::{
    GUARD, MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, bounded, check, committed, dies_by,
    load, machine, mark, scrambled, space, store, succeeds,
};

const WRITE_COPY: u32 = 0x08;
const BUDGET_MIB: u64 = 16;

fn section(machine: &Machine, bytes: u64) -> Section {
    machine.create_section(Bytes(bytes), READ_WRITE).expect("a section")
}

fn view(space: &Space, section: &Section, protection: u32) -> u64 {
    space.map_view(section, 0, 0, protection).expect("a view")
}

/// Each machine that the promises are kept on: with and without compression, by each fault path.
fn everywhere(test: impl Fn(&Machine, FaultPath) + Send + Sync + 'static) {
    let test = std::sync::Arc::new(test);
    for path in PATHS {
        for compression in [None, Some(50)] {
            let test = std::sync::Arc::clone(&test);
            bounded(move || {
                let machine = machine(BUDGET_MIB, compression);
                test(&machine, path);
                machine.verify().expect("a sound machine");
            });
        }
    }
}

#[test]
fn two_views_see_each_others_writes_in_one_space_and_in_two() {
    everywhere(|machine, path| {
        let bytes = MIB;
        let section = section(machine, bytes);
        let (one, two) = (space(machine, path), space(machine, path));
        let views =
            [view(&one, &section, READ_WRITE), view(&one, &section, READ_WRITE), view(&two, &section, READ_WRITE)];
        check_zeros(views[2], bytes);
        for (round, from) in (1..).zip(views) {
            mark(from, bytes, round);
            for to in views {
                check(to, bytes, round);
            }
        }
    });
}

fn check_zeros(base: u64, bytes: u64) {
    for page in 0..bytes / PAGE {
        assert_eq!(load(base + page * PAGE), 0, "page {page} of a section is zeros at first");
    }
}

#[test]
fn a_section_of_four_times_the_budget_keeps_every_page() {
    everywhere(|machine, path| {
        let bytes = 4 * BUDGET_MIB * MIB;
        let section = section(machine, bytes);
        let (one, two) = (space(machine, path), space(machine, path));
        let (write, read) = (view(&one, &section, READ_WRITE), view(&two, &section, READ_ONLY));
        for round in 0..2 {
            mark(write, bytes, round);
            check(read, bytes, round);
            check(write, bytes, round);
        }
        let counters = machine.counters();
        assert!(counters.hard + counters.decompressed > 0, "nothing left memory: {counters:?}");
    });
}
