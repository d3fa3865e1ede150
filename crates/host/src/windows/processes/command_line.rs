//! How a process was called.
//!
//! Since Windows 8.1 the system tells it of a process that may be looked at. Before, it lies in the
//! process' own memory, in the parameters that its environment block points to, and a process of
//! another word size than ours cannot be read there.

use crate::windows::answer::{Answer, UnicodeString};
use crate::windows::native::process::{Access, ProcessHandle};
use std::mem::offset_of;

/// ProcessBasicInformation.
const BASIC: i32 = 0;
/// ProcessCommandLineInformation.
const COMMAND_LINE: i32 = 60;

/// A UNICODE_STRING holds no more.
const LONGEST: usize = u16::MAX as usize;

/// PROCESS_BASIC_INFORMATION.
#[repr(C)]
struct Basic {
    status: i32,
    environment: usize,
    affinity: usize,
    priority: i32,
    pid: usize,
    parent: usize,
}

const _: () = assert!(size_of::<Basic>() == 6 * size_of::<usize>());
const _: () = assert!(offset_of!(Basic, environment) == size_of::<usize>());

/// Where the environment block (PEB) has the address of the parameters, and where they have the
/// command line.
const PARAMETERS: usize = if cfg!(target_pointer_width = "64") { 0x20 } else { 0x10 };
const OF_PARAMETERS: usize = if cfg!(target_pointer_width = "64") { 0x70 } else { 0x40 };

/// The command line of a process; `None` where it may not be known.
pub(super) fn of(handle: &ProcessHandle, pid: u32) -> Option<String> {
    let told = told(handle);
    told.or_else(|| {
        let reader = ProcessHandle::open(pid, Access::Read).ok()?;
        from_memory(&reader)
    })
}

fn told(handle: &ProcessHandle) -> Option<String> {
    let room = size_of::<UnicodeString>() + LONGEST;
    handle.query(COMMAND_LINE, room).ok()?.text_at(0)
}

fn from_memory(reader: &ProcessHandle) -> Option<String> {
    let basic = reader.query(BASIC, size_of::<Basic>()).ok()?;
    let environment = basic.word_at(offset_of!(Basic, environment))?;
    let word = size_of::<usize>();
    let parameters = reader.read(environment.checked_add(PARAMETERS)?, word).ok()?.word_at(0)?;
    let string = parameters.checked_add(OF_PARAMETERS)?;
    let string = reader.read(string, size_of::<UnicodeString>()).ok()?;
    let length = usize::from(string.u16_at(0)?);
    let text: Answer = reader.read(string.word_at(word)?, length).ok()?;
    let units: Vec<u16> = (0..length / 2).map_while(|unit| text.u16_at(unit * 2)).collect();
    (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_tell_the_same_of_this_process() {
        let pid = std::process::id();
        let look = ProcessHandle::open(pid, Access::Look).expect("our own");
        let read = ProcessHandle::open(pid, Access::Read).expect("our own");
        let from_memory = from_memory(&read).expect("our own memory");
        let program = std::env::args().next().expect("a program");
        assert!(from_memory.contains(&program), "{from_memory}");
        if let Some(told) = told(&look) {
            assert_eq!(told, from_memory);
        }
        assert_eq!(of(&look, pid), Some(from_memory));
    }
}
