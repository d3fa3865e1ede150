//! The memory that each system gives.

use super::mapped_file::MappedFile;
use super::task::Task;
use crate::System;
use crate::content::PAGE;

/// Has a slice of a task's bytes, all zeros, given to `run` by the task's system.
///
/// # Errors
/// Why it cannot give it.
pub(super) fn with_memory(task: &Task, run: &mut dyn FnMut(&mut [u8])) -> Result<(), String> {
    let bytes = usize::try_from(task.data().0)
        .map_err(|_| format!("{} of data do not fit into the addresses here", task.data()))?;
    match task.system {
        System::SwapFile | System::SwapZram | System::Memory => anonymous(bytes, run),
        System::MappedFile => {
            let told = |error| format!("{}: {error}", task.directory.display());
            let mut file = MappedFile::new(&task.directory, bytes).map_err(told)?;
            if task.pattern.is_random() {
                // As a careful program does: reading around would be some megabytes a page.
                file.is_used_at_random().map_err(told)?;
            }
            run(&mut file);
        }
        System::MemtideInThread
        | System::MemtideInThreadLz4
        | System::MemtideHandler
        | System::MemtideHandlerLz4 => {
            return Err("spaces are not built into this program yet".into());
        }
    }
    Ok(())
}

/// Anonymous memory of the kernel, beginning with a page.
fn anonymous(bytes: usize, run: &mut dyn FnMut(&mut [u8])) {
    // So much comes from the kernel untouched.
    let mut memory = vec![0; bytes + PAGE];
    let before = memory.as_ptr().align_offset(PAGE).min(PAGE);
    run(&mut memory[before..before + bytes]);
}
