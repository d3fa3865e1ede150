//! What a machine takes beside its budget, by the kernel's count: at most a hundredth of the memory
//! that it manages.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

mod support;

use memtide_core::Allocation;
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{FaultPath, Machine, MachineOptions};
use support::mappings::mappings;
use support::{MIB, PAGE, READ_WRITE, committed, mark, scrambled, section, space, store, view};

const GIB: u64 = 1024 * MIB;

/// Bytes of the buffers that writes and reads pass through, which are a part of the budget.
const BUFFERS: u64 = 4 * MIB;

/// Bytes in memory that are no pages of spaces or homes.
#[derive(Clone, Copy)]
struct Beside {
    /// What is allocated, as far as it was ever used.
    allocated: u64,
    /// Mappings of ours: buffers, and what is known of each slot of the page file.
    mapped: u64,
}

fn resident() -> Beside {
    let mut found = Beside { allocated: 0, mapped: 0 };
    for mapping in mappings() {
        let is_managed = ["um", "uw", "ui"].iter().any(|flag| mapping.has(flag));
        if mapping.is_of_file || is_managed || mapping.has("sh") {
            continue;
        }
        // What no child of fork is to have is mapped by us.
        let kind = if mapping.has("dc") { &mut found.mapped } else { &mut found.allocated };
        *kind += mapping.resident;
    }
    found
}

/// What the kernel's own page tables of this process take.
fn tables() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPTE:")).expect("VmPTE");
    line.trim().split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") * 1024
}

/// Uses a machine, and returns what it took beside its budget meanwhile.
fn beside(budget: u64, compression: Option<u8>, used: impl FnOnce(&Machine)) -> u64 {
    let (before, tables_before) = (resident(), tables());
    let mut options = MachineOptions::new(Bytes(budget));
    options.compression = compression;
    options.without = support::without();
    let maximum = Bytes(4096 * MIB);
    options.page_file = Some(PageFileOptions { maximum, ..PageFileOptions::default() });
    let machine = Machine::new(&options).expect("a machine");
    used(&machine);
    let slots: u64 = machine
        .inspect(|manager| manager.snapshot().page_files().map(|file| u64::from(file.used)).sum());
    let now = resident();
    // Not every buffer need have been used, but what is known of slots is known of each.
    let mapped = now.mapped.saturating_sub(BUFFERS).max(slots * 8);
    let allocated = now.allocated.saturating_sub(before.allocated);
    eprintln!(
        "{} MiB, compression {compression:?}: {} KiB allocated, {} KiB for {slots} slots, \
         {} KiB of the kernel's own tables",
        budget / MIB,
        allocated / 1024,
        mapped / 1024,
        (tables() - tables_before) / 1024,
    );
    allocated + mapped
}

/// Asserts that it is at most a hundredth.
fn within(taken: u64, managed: u64) {
    let share = taken as f64 * 100.0 / managed as f64;
    eprintln!("{taken} bytes of {managed}: {share:.2}%");
    assert!(taken * 100 <= managed, "{taken} bytes for {managed}: {share:.2}%");
}

/// Pages of which half is noise, so that a compressed one is about half as large.
fn fill(base: u64, bytes: u64) {
    for page in 0..bytes / PAGE {
        let at = base + page * PAGE;
        (0..240).for_each(|word| store(at + word * 8, scrambled(page * 240 + word)));
    }
}

#[test]
fn a_machine_takes_at_most_a_hundredth_of_what_it_manages() {
    const TEST: &str = "a_machine_takes_at_most_a_hundredth_of_what_it_manages";
    support::succeeds(TEST, "", || {
        let taken = beside(GIB / 4, None, |machine| {
            let space = space(machine, FaultPath::InThread);
            fill(committed(&space, GIB), GIB);
            std::mem::forget(space);
        });
        within(taken, GIB);
    });
}

/// Each frame of compressed pages is an entry more, and each of them a word.
#[test]
fn compressed_pages_take_no_more_than_a_hundredth() {
    const TEST: &str = "compressed_pages_take_no_more_than_a_hundredth";
    support::succeeds(TEST, "", || {
        let taken = beside(GIB / 4, Some(50), |machine| {
            let space = space(machine, FaultPath::InThread);
            fill(committed(&space, GIB), GIB);
            std::mem::forget(space);
        });
        within(taken, GIB);
    });
}

#[test]
fn memory_that_is_used_here_and_there_takes_no_more_than_a_hundredth() {
    const TEST: &str = "memory_that_is_used_here_and_there_takes_no_more_than_a_hundredth";
    support::succeeds(TEST, "", || {
        let taken = beside(GIB / 4, None, |machine| {
            let space = space(machine, FaultPath::InThread);
            let base = space.allocate(&Allocation::reserved(64 * GIB)).expect("addresses");
            for part in 0..16 {
                let at = base + part * 4 * GIB;
                space.allocate(&Allocation::commit_at(at, GIB / 16)).expect("memory");
                (0..GIB / 16 / PAGE).step_by(64).for_each(|page| store(at + page * PAGE, page));
            }
            std::mem::forget(space);
        });
        within(taken, GIB);
    });
}

#[test]
fn a_section_takes_no_more_than_a_hundredth_of_its_views() {
    const TEST: &str = "a_section_takes_no_more_than_a_hundredth_of_its_views";
    support::succeeds(TEST, "", || {
        let taken = beside(GIB / 8, None, |machine| {
            let space = space(machine, FaultPath::InThread);
            let section = section(machine, GIB / 2);
            for _ in 0..2 {
                mark(view(&space, &section, READ_WRITE), GIB / 2, 0);
            }
            std::mem::forget((space, section));
        });
        within(taken, GIB);
    });
}

/// What a machine takes that manages next to nothing.
#[test]
fn the_least_machine_takes_less_than_a_mebibyte() {
    const TEST: &str = "the_least_machine_takes_less_than_a_mebibyte";
    support::succeeds(TEST, "", || {
        let taken = beside(4 * MIB, None, |machine| {
            let space = space(machine, FaultPath::InThread);
            store(committed(&space, PAGE), 1);
            std::mem::forget(space);
        });
        assert!(taken < MIB, "{taken} bytes");
    });
}
