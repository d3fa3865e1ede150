//! Values of the registry.

use super::text::wide;
use std::io;
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_DWORD, RegGetValueW};

/// A DWORD below `HKEY_LOCAL_MACHINE`; `None` where there is no such value or key.
///
/// # Errors
/// Where the value is of another type, or may not be read.
pub(crate) fn local_machine_dword(key: &str, value: &str) -> io::Result<Option<u32>> {
    let (key, value) = (wide(key), wide(value));
    let mut dword = 0_u32;
    let mut size = u32::try_from(size_of::<u32>()).unwrap_or(u32::MAX);
    // SAFETY: both names end in zero; the call writes at most `size` bytes, which a u32 has.
    let error = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_DWORD,
            std::ptr::null_mut(),
            (&raw mut dword).cast(),
            &raw mut size,
        )
    };
    match error {
        ERROR_SUCCESS => Ok(Some(dword)),
        ERROR_FILE_NOT_FOUND => Ok(None),
        error => Err(io::Error::from_raw_os_error(error.cast_signed())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY_MANAGEMENT: &str =
        r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management";

    #[test]
    fn what_is_not_there_is_none_and_what_is_no_number_is_an_error() {
        let read = local_machine_dword;
        assert_eq!(read(MEMORY_MANAGEMENT, "HowHighTheTideIs").expect("readable"), None);
        assert_eq!(read(r"SOFTWARE\Memtide\No such key", "Value").expect("readable"), None);
        let environment = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment";
        assert!(read(environment, "PATH").is_err(), "a text is no DWORD");
    }
}
