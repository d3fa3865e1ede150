//! What the manager's own databases weigh.

use memtide_core::page::{Access, PAGE_SIZE, ThreadId, Tick};
use memtide_core::{Allocation, Config, Input, Manager, SpaceConfig};

/// Bytes of one entry of the PFN database; tests/allocations.rs proves it.
const ENTRY_BYTES: u64 = 32;

/// Bytes of one page table.
const TABLE_BYTES: u64 = 4096;

#[test]
fn page_tables_cost_at_most_16_bytes_a_touched_page() {
    const PAGES: u64 = 16 * 512;
    let mut manager = Manager::new(Config::new(1 << 15)).expect("a machine");
    let space = manager.create_space(SpaceConfig::default()).expect("a space");
    let allocation = Allocation::committed(PAGES * PAGE_SIZE);
    let base = manager.allocate(space, &allocation).expect("memory");
    for page in 0..PAGES {
        let (thread, address, access) = (ThreadId(1), base + page * PAGE_SIZE, Access::Write);
        manager.handle(Tick(0), Input::Fault { thread, space, address, access });
        while manager.poll_output().is_some() {}
    }
    let view = manager.snapshot().space(space).expect("the space exists");
    assert_eq!(u64::from(view.working_set), PAGES);
    let bytes = view.page_tables * TABLE_BYTES;
    assert!(bytes <= 16 * PAGES, "{bytes} bytes of page tables for {PAGES} pages");
}

#[test]
fn a_machine_of_1_tib_costs_little_before_it_is_used() {
    const FRAMES: u32 = 1 << 28;
    assert!(ENTRY_BYTES * u64::from(FRAMES) <= 8_600_000_000);
    let before = resident();
    let manager = Manager::new(Config::new(FRAMES)).expect("a machine");
    assert_eq!(manager.snapshot().frames(), FRAMES);
    if let (Some(before), Some(after)) = (before, resident()) {
        let grown = after.saturating_sub(before);
        assert!(grown <= 64 << 20, "{grown} bytes are resident for an unused machine");
    }
}

/// Bytes of this process that are in memory, where the system tells.
fn resident() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes << 10)
}
