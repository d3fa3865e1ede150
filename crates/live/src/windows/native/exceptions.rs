//! Vectored exception handlers.

use std::sync::OnceLock;

use windows_sys::Win32::Foundation::NTSTATUS;
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH,
    EXCEPTION_POINTERS,
};

use super::last;
use crate::windows::status::SystemError;

/// An exception as Windows raises it: its code, and the words that the code has.
#[derive(Clone, Copy, Debug)]
pub(in crate::windows) struct Raised {
    pub(in crate::windows) code: NTSTATUS,
    /// How many of the words there are.
    pub(in crate::windows) count: u32,
    pub(in crate::windows) words: [usize; 3],
}

/// Whether the access is to be made again.
type Decide = fn(&Raised) -> bool;

/// What decides about the exceptions of this process; it is put here before Windows may ask.
static DECIDES: OnceLock<Decide> = OnceLock::new();

/// Lets every exception of this process be decided about, before those who were there already; what
/// makes nothing be made again passes on. The first to call stays for ever.
pub(in crate::windows) fn install(decide: Decide) -> Result<(), SystemError> {
    static INSTALLED: OnceLock<Result<(), SystemError>> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        DECIDES.get_or_init(|| decide);
        // SAFETY: a function of this program, of the type asked for, that stays for ever.
        let handler = unsafe { AddVectoredExceptionHandler(1, Some(answer)) };
        if handler.is_null() { Err(last()) } else { Ok(()) }
    })
}

/// # Safety
/// Windows calls it, with pointers to a record and a context that live through the call.
unsafe extern "system" fn answer(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: as above.
    let record = unsafe { &*(*pointers).ExceptionRecord };
    let [one, two, three, ..] = record.ExceptionInformation;
    let (code, count) = (record.ExceptionCode, record.NumberParameters);
    let raised = Raised { code, count, words: [one, two, three] };
    match DECIDES.get() {
        Some(decide) if decide(&raised) => EXCEPTION_CONTINUE_EXECUTION,
        _ => EXCEPTION_CONTINUE_SEARCH,
    }
}
