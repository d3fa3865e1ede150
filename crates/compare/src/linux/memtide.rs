//! The memory of a space.

use super::task::Task;
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{Error, FaultPath, Machine, MachineOptions, PagedVec, SpaceOptions};

/// The most that compressed pages take of a budget, in percent.
const COMPRESSED_MOST: u8 = 75;

/// What counts faults.
pub(super) type Faults<'a> = &'a dyn Fn() -> u64;

/// Has a slice of a space given to `run`, with what counts the faults of its machine that had to
/// wait for the page file or for decompression.
///
/// # Errors
/// Why there is no such space.
pub(super) fn with_space(
    task: &Task,
    path: FaultPath,
    compresses: bool,
    run: &mut dyn FnMut(&mut [u8], Faults<'_>),
) -> Result<(), Error> {
    let page_file = PageFileOptions {
        directory: task.directory.clone(),
        // Room for all of it, and for pages in memory that keep their place there.
        maximum: Bytes(task.data().0.saturating_mul(2)),
        ..PageFileOptions::default()
    };
    let options = MachineOptions {
        page_file: Some(page_file),
        compression: compresses.then_some(COMPRESSED_MOST),
        ..MachineOptions::new(task.budget())
    };
    let machine = Machine::new(&options)?;
    let space = machine.create_space(&SpaceOptions { path, ..SpaceOptions::default() })?;
    let bytes = usize::try_from(task.data().0).unwrap_or(usize::MAX);
    let mut memory = PagedVec::<u8>::zeroed(&space, bytes)?;
    let faults = || {
        let counters = machine.counters();
        counters.hard + counters.decompressed
    };
    run(&mut memory, &faults);
    Ok(())
}
