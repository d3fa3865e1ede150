//! Spaces: what a program gets whose data outgrows its budget.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

use memtide_core::units::Bytes;
use memtide_core::{Allocation, MEM_RELEASE};
use memtide_live::{FaultPath, Machine, MachineOptions, PagedVec, Space, SpaceOptions};

const MIB: u64 = 1 << 20;

fn scrambled(place: u64) -> u64 {
    place.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

fn machine(budget_mib: u64, compression: Option<u8>) -> Machine {
    let mut options = MachineOptions::new(Bytes(budget_mib * MIB));
    options.compression = compression;
    Machine::new(&options).expect("a machine")
}

fn space(machine: &Machine, path: FaultPath) -> Space {
    machine.create_space(&SpaceOptions { path, ..SpaceOptions::default() }).expect("a space")
}

fn writes_and_reads(path: FaultPath, compression: Option<u8>) {
    let machine = machine(16, compression);
    let space = space(&machine, path);
    let words = 64 * MIB / 8;
    let mut numbers = PagedVec::<u64>::zeroed(&space, words as usize).expect("memory");
    for (place, number) in (0..).zip(numbers.iter_mut()) {
        assert_eq!(*number, 0, "fresh memory is zeros, word {place}");
        *number = scrambled(place);
    }
    for _ in 0..2 {
        for (place, number) in (0..).zip(numbers.iter()) {
            assert_eq!(*number, scrambled(place), "word {place}");
        }
    }
    machine.verify().expect("a sound machine");
    assert!(machine.counters().hard + machine.counters().decompressed > 0);
}

#[test]
fn four_times_the_budget_comes_back_whole_in_the_faulting_thread() {
    writes_and_reads(FaultPath::InThread, None);
}

#[test]
fn four_times_the_budget_comes_back_whole_through_handler_threads() {
    writes_and_reads(FaultPath::Handler, None);
}

#[test]
fn four_times_the_budget_comes_back_whole_with_compression() {
    writes_and_reads(FaultPath::InThread, Some(50));
}

#[test]
fn a_machine_that_cannot_be_is_told_with_what_was_expected() {
    let tell =
        |options: &MachineOptions| Machine::new(options).expect_err("no machine").to_string();
    let small = MachineOptions::new(Bytes(3 * MIB));
    assert_eq!(tell(&small), "a budget of 3 MiB: expected at least 4 MiB");
    let mut much = MachineOptions::new(Bytes(16 * MIB));
    much.compression = Some(101);
    assert_eq!(tell(&much), "compressed pages of 101% of the budget: expected at most 100%");
}

/// Pages that nobody may reach stand ahead of a stream of first writes, while every page is wanted:
/// their frames are those that others have just left.
#[test]
fn pages_that_were_out_of_reach_are_zeros_once_they_can_be_read() {
    const PAGE: u64 = 4096;
    let machine = machine(4, None);
    let space = space(&machine, FaultPath::InThread);
    let allocate = |pages| space.allocate(&Allocation::committed(pages * PAGE)).expect("memory");
    let store = |address: u64, word: u64| {
        // SAFETY: committed memory of the test's own, which may be written.
        unsafe { (address as *mut u64).write_volatile(word) }
    };
    let load = |address: u64| {
        // SAFETY: as above.
        unsafe { (address as *const u64).read_volatile() }
    };
    let full = allocate(2048);
    for round in 0..20 {
        (0..2048).for_each(|page| store(full + page * PAGE, scrambled(page)));
        (0..2048).for_each(|page| assert_eq!(load(full + page * PAGE), scrambled(page)));
        let fresh = allocate(1024);
        // So that each fault of the stream has a window of pages out of reach behind it.
        let is_in_reach = |page: &u64| *page < 32 || page % 64 == 63;
        for page in (0..1024).filter(|page| !is_in_reach(page)) {
            space.protect(fresh + page * PAGE, PAGE, 0x01).expect("out of reach");
        }
        (0..1024).filter(is_in_reach).for_each(|page| store(fresh + page * PAGE, 1));
        space.protect(fresh, 1024 * PAGE, 0x04).expect("within reach");
        for page in (0..1024).filter(|page| !is_in_reach(page)) {
            assert_eq!(load(fresh + page * PAGE), 0, "round {round}, page {page}");
        }
        space.free(fresh, 0, MEM_RELEASE).expect("memory of ours");
        machine.verify().expect("a sound machine");
    }
}
