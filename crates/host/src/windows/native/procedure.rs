//! Functions that not every Windows has, found at run time.

use crate::Error;
use std::ffi::CStr;
use std::sync::OnceLock;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};

/// The library of native calls, which every process has loaded before its first instruction.
const LIBRARY: &CStr = c"ntdll.dll";

/// A native call, looked up once.
#[derive(Debug)]
pub(crate) struct Procedure<F> {
    name: &'static CStr,
    found: OnceLock<Option<F>>,
}

impl<F: Copy> Procedure<F> {
    /// The function of this name, not looked up yet.
    ///
    /// # Safety
    /// `F` is the type of the function that has this name, an `unsafe extern "system" fn`.
    pub(crate) const unsafe fn new(name: &'static CStr) -> Self {
        const { assert!(size_of::<F>() == size_of::<unsafe extern "system" fn() -> isize>()) };
        Self { name, found: OnceLock::new() }
    }

    /// The function.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where this Windows lacks it.
    pub(crate) fn get(&self) -> Result<F, Error> {
        self.found.get_or_init(|| self.find()).ok_or_else(|| Error::Unsupported {
            what: "a function of Windows",
            why: format!("ntdll.dll of this Windows has no {}", self.name.to_string_lossy()),
        })
    }

    fn find(&self) -> Option<F> {
        // SAFETY: the name ends in zero, and the call only reads it.
        let module = unsafe { GetModuleHandleA(LIBRARY.as_ptr().cast()) };
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

    type NtYieldExecution = unsafe extern "system" fn() -> i32;

    #[test]
    fn a_function_that_is_there_is_found_and_works() {
        // SAFETY: `NTSTATUS NtYieldExecution(void)`.
        let procedure: Procedure<NtYieldExecution> = unsafe { Procedure::new(c"NtYieldExecution") };
        let function = procedure.get().expect("every Windows has it");
        // SAFETY: the call takes nothing, and lets other threads run.
        assert!(unsafe { function() } >= 0);
    }

    #[test]
    fn a_function_that_is_missing_is_named() {
        // SAFETY: there is no such function, so it has every type.
        let procedure: Procedure<NtYieldExecution> = unsafe { Procedure::new(c"NtMeasureTheTide") };
        let error = procedure.get().expect_err("no Windows has it").to_string();
        assert!(error.contains("ntdll.dll of this Windows has no NtMeasureTheTide"), "{error}");
    }
}
