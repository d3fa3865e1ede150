//! A program of 1 MiB on a machine of 256 KiB: `cargo run -p memtide-core --example small_machine`.
//!
//! The world here has no bytes and its disk is done at once; a real one maps, reads and writes.

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId, Tick};
use memtide_core::{Allocation, Config, Input, Manager, Output, SpaceConfig};

/// Carries outputs out until there is none.
fn drain(manager: &mut Manager) {
    while let Some(output) = manager.poll_output() {
        let result = Ok(());
        match output {
            Output::Read { operation } => {
                manager.handle(Tick(0), Input::ReadDone { operation, result });
            }
            Output::Write { operation } => {
                manager.handle(Tick(0), Input::WriteDone { operation, result });
            }
            _ => {}
        }
    }
}

/// An access: it faults until it passes.
fn access(manager: &mut Manager, space: SpaceId, address: u64, access: Access) {
    while !manager.touch(space, address, access) {
        let thread = ThreadId(1);
        manager.handle(Tick(0), Input::Fault { thread, space, address, access });
        drain(manager);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut manager = Manager::new(Config::new(64).with_page_file(512, 512))?;
    let space = manager.create_space(SpaceConfig::default())?;
    let base = manager.allocate(space, &Allocation::committed(1 << 20))?;
    drain(&mut manager);

    for page in 0..256 {
        access(&mut manager, space, base + page * PAGE_SIZE, Access::Write);
    }
    access(&mut manager, space, base, Access::Read);

    let (lists, counters) = (manager.list_counts(), manager.counters());
    println!("standby {}, free {}, modified {}", lists.standby[5], lists.free, lists.modified);
    let (demand_zero, hard, soft) = (counters.demand_zero, counters.hard, counters.soft);
    println!("demand-zero {demand_zero}, hard {hard}, soft {soft}");
    println!("written {} pages in {} writes", counters.pages_written, counters.writes);
    for page in [0, 1, 255] {
        let address = base + page * PAGE_SIZE;
        println!("{address:#x}: {:?}", manager.snapshot().pte(space, address)?);
    }
    manager.verify()?;
    Ok(())
}
