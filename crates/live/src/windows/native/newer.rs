//! Calls that not every Windows has, found by their names.

use std::ffi::{CStr, c_void};
use std::mem::transmute;
use std::sync::OnceLock;

use windows_sys::Win32::Foundation::FARPROC;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Memory::WIN32_MEMORY_RANGE_ENTRY;
use windows_sys::Win32::System::Threading::GetCurrentProcess;
use windows_sys::core::BOOL;
use windows_sys::w;

use super::{checked, pointer, size};
use crate::windows::status::SystemError;

type Offer = unsafe extern "system" fn(*mut c_void, usize, u32) -> u32;
type Contents = unsafe extern "system" fn(*mut c_void, usize) -> u32;
type Prefetch =
    unsafe extern "system" fn(*mut c_void, usize, *const WIN32_MEMORY_RANGE_ENTRY, u32) -> BOOL;
type QuerySystem = unsafe extern "system" fn(u32, *mut c_void, u32, *mut u32) -> u32;

/// Those that this Windows has.
#[derive(Clone, Copy, Debug, Default)]
struct Newer {
    offer: Option<Offer>,
    reclaim: Option<Contents>,
    discard: Option<Contents>,
    prefetch: Option<Prefetch>,
    query_system: Option<QuerySystem>,
}

fn newer() -> &'static Newer {
    static FOUND: OnceLock<Newer> = OnceLock::new();
    FOUND.get_or_init(|| {
        let find = |module, name: &CStr| {
            // SAFETY: a module that every process has, by its name, and a name that ends in zero.
            unsafe { GetProcAddress(GetModuleHandleW(module), name.as_ptr().cast()) }
        };
        let (kernel, nt) = (w!("kernel32.dll"), w!("ntdll.dll"));
        // SAFETY: each is documented to have the type that it is given here.
        unsafe {
            Newer {
                offer: transmute::<FARPROC, Option<Offer>>(find(kernel, c"OfferVirtualMemory")),
                reclaim: transmute::<FARPROC, Option<Contents>>(find(
                    kernel,
                    c"ReclaimVirtualMemory",
                )),
                discard: transmute::<FARPROC, Option<Contents>>(find(
                    kernel,
                    c"DiscardVirtualMemory",
                )),
                prefetch: transmute::<FARPROC, Option<Prefetch>>(find(
                    kernel,
                    c"PrefetchVirtualMemory",
                )),
                query_system: transmute::<FARPROC, Option<QuerySystem>>(find(
                    nt,
                    c"NtQuerySystemInformation",
                )),
            }
        }
    })
}

/// Zero is success, anything else a Win32 error.
const fn coded(code: u32) -> Result<(), SystemError> {
    if code == 0 { Ok(()) } else { Err(SystemError::Win32(code)) }
}

/// `OfferVirtualMemory`; `None` where there is none.
pub(in crate::windows) fn offer(
    address: u64,
    bytes: u64,
    priority: u32,
) -> Option<Result<(), SystemError>> {
    let call = newer().offer?;
    // SAFETY: the caller owns the pages, and nobody accesses them until they are reclaimed.
    Some(coded(unsafe { call(pointer(address), size(bytes), priority) }))
}

/// `ReclaimVirtualMemory`; `None` where there is none.
pub(in crate::windows) fn reclaim(address: u64, bytes: u64) -> Option<Result<(), SystemError>> {
    let call = newer().reclaim?;
    // SAFETY: the caller owns the pages, which it has offered.
    Some(coded(unsafe { call(pointer(address), size(bytes)) }))
}

/// `DiscardVirtualMemory`; `None` where there is none.
pub(in crate::windows) fn discard(address: u64, bytes: u64) -> Option<Result<(), SystemError>> {
    let call = newer().discard?;
    // SAFETY: the caller owns the pages, and has no interest in their bytes.
    Some(coded(unsafe { call(pointer(address), size(bytes)) }))
}

/// `PrefetchVirtualMemory`; `None` where there is none.
pub(in crate::windows) fn prefetch(address: u64, bytes: u64) -> Option<Result<(), SystemError>> {
    let call = newer().prefetch?;
    let range =
        WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: pointer(address), NumberOfBytes: size(bytes) };
    // SAFETY: the pseudo handle of this process, and one range, which lives through the call.
    Some(checked(unsafe { call(GetCurrentProcess(), 1, &range, 0) }))
}

/// `NtQuerySystemInformation` of a class that fills words; `None` where there is none.
pub(in crate::windows) fn query_system(
    class: u32,
    words: &mut [usize],
) -> Option<Result<(), SystemError>> {
    let call = newer().query_system?;
    let length = u32::try_from(size_of_val(words)).unwrap_or(u32::MAX);
    let mut written = 0;
    // SAFETY: at most `length` bytes are written, to words of ours.
    let status = unsafe { call(class, words.as_mut_ptr().cast(), length, &mut written) };
    Some(if status == 0 { Ok(()) } else { Err(SystemError::NtStatus(status)) })
}
