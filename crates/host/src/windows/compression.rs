//! The pages that hold Windows' compressed pages.

use super::native::system_information::query_list;
use memtide_core::units::Bytes;
use std::mem::offset_of;
use windows_sys::Win32::Foundation::UNICODE_STRING;
use windows_sys::Win32::System::WindowsProgramming::SYSTEM_PROCESS_INFORMATION;

/// SystemProcessInformation.
const PROCESSES: i32 = 5;

/// The process whose working set is the compression store, since Windows 10.
const STORE: &str = "Memory Compression";

/// The working set of the compression store; `None` where there is none that can be seen.
pub(super) fn compressed() -> Option<Bytes> {
    let words = query_list(PROCESSES).ok()?;
    let list = ProcessList { bytes: bytemuck::cast_slice(&words), address: words.as_ptr().addr() };
    list.working_set(STORE)
}

/// A list of processes as Windows gives it: entries that tell where the next begins, and names that
/// lie among them, told by their addresses.
struct ProcessList<'a> {
    bytes: &'a [u8],
    address: usize,
}

impl ProcessList<'_> {
    fn working_set(&self, name: &str) -> Option<Bytes> {
        let mut entry = 0_usize;
        loop {
            if self.name(entry)? == name {
                let size =
                    self.word(entry + offset_of!(SYSTEM_PROCESS_INFORMATION, WorkingSetSize));
                return size.map(|size| Bytes(size as u64));
            }
            let next = self.array(entry + offset_of!(SYSTEM_PROCESS_INFORMATION, NextEntryOffset));
            match u32::from_ne_bytes(next?) {
                0 => return None,
                next => entry = entry.checked_add(next as usize)?,
            }
        }
    }

    /// The name of the entry; empty for the idle process, which has none.
    fn name(&self, entry: usize) -> Option<String> {
        let name = entry + offset_of!(SYSTEM_PROCESS_INFORMATION, ImageName);
        let length = u16::from_ne_bytes(self.array(name + offset_of!(UNICODE_STRING, Length))?);
        if length == 0 {
            return Some(String::new());
        }
        let address = self.word(name + offset_of!(UNICODE_STRING, Buffer))?;
        let begin = address.checked_sub(self.address)?;
        let bytes = self.bytes.get(begin..begin.checked_add(length.into())?)?;
        let units = bytes.chunks_exact(2).map(|unit| u16::from_ne_bytes([unit[0], unit[1]]));
        Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }

    fn word(&self, at: usize) -> Option<usize> {
        self.array(at).map(usize::from_ne_bytes)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_set_of_a_process_is_found_by_its_name() {
        let words = query_list(PROCESSES).expect("every Windows lists its processes");
        let bytes = bytemuck::cast_slice(&words);
        let list = ProcessList { bytes, address: words.as_ptr().addr() };
        let own = std::env::current_exe().expect("a path");
        let own = own.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(list.working_set(own).is_some_and(|size| size > Bytes::ZERO), "{own}");
        assert_eq!(list.working_set("no such tide.exe"), None);
    }

    #[test]
    fn a_list_that_ends_early_ends_the_search() {
        let words = query_list(PROCESSES).expect("every Windows lists its processes");
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        for end in 0..bytes.len().min(4096) {
            let list = ProcessList { bytes: &bytes[..end], address: words.as_ptr().addr() };
            assert_eq!(list.working_set("no such tide.exe"), None);
        }
    }
}
