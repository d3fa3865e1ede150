//! The memory that each system gives.

use super::mapped_file::MappedFile;
use super::memtide::{Faults, with_space};
use super::task::Task;
use crate::System;
use crate::content::PAGE;
use memtide_live::FaultPath;

/// A slice, and what counts the faults that the kernel does not.
pub(super) type Run<'a> = &'a mut dyn FnMut(&mut [u8], Option<Faults<'_>>);

/// Has a slice of a task's bytes, all zeros, given to `run` by the task's system.
///
/// # Errors
/// Why it cannot give it.
pub(super) fn with_memory(task: &Task, run: Run<'_>) -> Result<(), String> {
    let bytes = usize::try_from(task.data().0)
        .map_err(|_| format!("{} of data do not fit into the addresses here", task.data()))?;
    let mut in_space = |path, compresses| {
        let space = with_space(task, path, compresses, &mut |slice, faults| {
            run(slice, Some(faults));
        });
        space.map_err(|error| error.to_string())
    };
    match task.system {
        System::MemtideInThread => in_space(FaultPath::InThread, false),
        System::MemtideInThreadLz4 => in_space(FaultPath::InThread, true),
        System::MemtideHandler => in_space(FaultPath::Handler, false),
        System::MemtideHandlerLz4 => in_space(FaultPath::Handler, true),
        System::MappedFile => mapped(task, bytes, run),
        System::SwapFile | System::SwapZram | System::Memory => {
            anonymous(bytes, run);
            Ok(())
        }
    }
}

fn mapped(task: &Task, bytes: usize, run: Run<'_>) -> Result<(), String> {
    let told = |error| format!("{}: {error}", task.directory.display());
    let mut file = MappedFile::new(&task.directory, bytes).map_err(told)?;
    if task.pattern.is_random() {
        // As a careful program does: reading around would be some megabytes a page.
        file.is_used_at_random().map_err(told)?;
    }
    run(&mut file, None);
    Ok(())
}

/// Anonymous memory of the kernel, beginning with a page.
fn anonymous(bytes: usize, run: Run<'_>) {
    // So much comes from the kernel untouched.
    let mut memory = vec![0; bytes + PAGE];
    let before = memory.as_ptr().align_offset(PAGE).min(PAGE);
    run(&mut memory[before..before + bytes], None);
}
