//! Functions that not every Windows has, found at run time.

use crate::Error;
use std::ffi::CStr;
use std::sync::OnceLock;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};

/// A library that every process has loaded before its first instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library {
    /// `ntdll.dll`.
    Ntdll,
    /// `kernel32.dll`.
    Kernel32,
}

impl Library {
    const fn name(self) -> &'static CStr {
        match self {
            Self::Ntdll => c"ntdll.dll",
            Self::Kernel32 => c"kernel32.dll",
        }
    }
}

/// A function of a library, looked up once.
#[derive(Debug)]
pub(crate) struct Procedure<F> {
    library: Library,
    name: &'static CStr,
    found: OnceLock<Option<F>>,
}

impl<F: Copy> Procedure<F> {
    /// The function of this name, not looked up yet.
    ///
    /// # Safety
    /// `F` is the type of the function that has this name, an `unsafe extern "system" fn`.
    pub(crate) const unsafe fn new(library: Library, name: &'static CStr) -> Self {
        const { assert!(size_of::<F>() == size_of::<unsafe extern "system" fn() -> isize>()) };
        Self { library, name, found: OnceLock::new() }
    }

    /// The function.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where this Windows lacks it.
    pub(crate) fn get(&self) -> Result<F, Error> {
        self.found.get_or_init(|| self.find()).ok_or_else(|| Error::Unsupported {
            what: "a function of Windows",
            why: format!(
                "{} of this Windows has no {}",
                self.library.name().to_string_lossy(),
                self.name.to_string_lossy()
            ),
        })
    }

    fn find(&self) -> Option<F> {
        // SAFETY: the name ends in zero, and the call only reads it.
        let module = unsafe { GetModuleHandleA(self.library.name().as_ptr().cast()) };
        if module.is_null() {
            return None;
        }
        // SAFETY: the module stays loaded as long as the process; the name ends in zero.
        let found = unsafe { GetProcAddress(module, self.name.as_ptr().cast()) }?;
        // SAFETY: both are function pointers of the same size, and whoever made this procedure
        // said that `F` is the type of the function.
        Some(unsafe { std::mem::transmute_copy::<unsafe extern "system" fn() -> isize, F>(&found) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type GetCurrentProcessId = unsafe extern "system" fn() -> u32;

    #[test]
    fn a_function_that_is_there_is_found_and_works() {
        // SAFETY: `DWORD GetCurrentProcessId(void)`.
        let procedure: Procedure<GetCurrentProcessId> =
            unsafe { Procedure::new(Library::Kernel32, c"GetCurrentProcessId") };
        let function = procedure.get().expect("every Windows has it");
        // SAFETY: the function takes nothing and changes nothing.
        assert_eq!(unsafe { function() }, std::process::id());
    }

    #[test]
    fn a_function_that_is_missing_is_named() {
        // SAFETY: there is no such function, so it has every type.
        let procedure: Procedure<GetCurrentProcessId> =
            unsafe { Procedure::new(Library::Ntdll, c"NtMeasureTheTide") };
        let error = procedure.get().expect_err("no Windows has it").to_string();
        assert!(error.contains("ntdll.dll of this Windows has no NtMeasureTheTide"), "{error}");
    }
}
