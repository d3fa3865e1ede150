//! `NtQuerySystemInformation` and `NtSetSystemInformation`.

use super::procedure::Procedure;
use super::status::NtStatus;
use crate::Error;
use bytemuck::AnyBitPattern;
use std::ffi::c_void;
use windows_sys::Wdk::System::SystemInformation::NtQuerySystemInformation;

/// More than a list of all processes or handles needs on the largest machine: what wants more is an
/// error, and does not take all of memory.
const LIST_BYTES_MAX: usize = 1 << 30;

/// Where a list begins to be asked for, in bytes.
const LIST_BYTES_FIRST: usize = 256 << 10;

type NtSetSystemInformation =
    unsafe extern "system" fn(class: i32, information: *mut c_void, length: u32) -> i32;

// SAFETY: `NTSTATUS NtSetSystemInformation(SYSTEM_INFORMATION_CLASS, PVOID, ULONG)`, which no
// header names.
static NT_SET_SYSTEM_INFORMATION: Procedure<NtSetSystemInformation> =
    unsafe { Procedure::new(c"NtSetSystemInformation") };

/// Information of a fixed size.
pub(crate) fn query<T: AnyBitPattern>(class: i32) -> Result<T, NtStatus> {
    query_first::<T>(class, size_of::<T>())
}

/// Information that a Windows knows the first `length` bytes of; the rest is zero.
pub(crate) fn query_first<T: AnyBitPattern>(class: i32, length: usize) -> Result<T, NtStatus> {
    let mut information = T::zeroed();
    let length = length.min(size_of::<T>());
    // SAFETY: the call writes at most `length` bytes at the address, which `T` has, and whatever it
    // writes is a `T`.
    let answered = unsafe { query_at(class, (&raw mut information).cast(), length) };
    answered.map(|_| information).map_err(|(status, _)| status)
}

/// Information whose size nobody knows before, such as a list of processes: words that begin with
/// it. The list may have grown by the time it is looked at.
pub(crate) fn query_list(class: i32) -> Result<Vec<u64>, NtStatus> {
    let mut bytes = LIST_BYTES_FIRST;
    loop {
        let mut words = vec![0_u64; bytes.div_ceil(size_of::<u64>())];
        let length = words.len() * size_of::<u64>();
        // SAFETY: the call writes at most `length` bytes, which the vector has.
        match unsafe { query_at(class, words.as_mut_ptr().cast(), length) } {
            Ok(_) => return Ok(words),
            Err((NtStatus::INFO_LENGTH_MISMATCH, wanted)) if bytes < LIST_BYTES_MAX => {
                // More than was wanted: what is listed goes on growing meanwhile.
                let grown = wanted.saturating_add(wanted / 8).max(bytes * 2);
                bytes = grown.min(LIST_BYTES_MAX);
            }
            Err((status, _)) => return Err(status),
        }
    }
}

/// Carries out a command, or makes a setting, that takes an argument and may answer in it.
///
/// # Errors
/// The outer error where this Windows lacks the call; the inner one is the call's own.
pub(crate) fn set<T: Copy>(class: i32, argument: &mut T) -> Result<Result<(), NtStatus>, Error> {
    // SAFETY: the argument lives through the call, which reads it and may write into it.
    unsafe { set_at(class, std::ptr::from_mut(argument).cast(), size_of::<T>()) }
}

/// The same without an argument.
///
/// # Errors
/// As [`set`].
pub(crate) fn set_nothing(class: i32) -> Result<Result<(), NtStatus>, Error> {
    // SAFETY: no bytes at no address.
    unsafe { set_at(class, std::ptr::null_mut(), 0) }
}

/// The bytes written; or the status, with the bytes that the whole answer would take.
///
/// # Safety
/// The memory at the address may be written for `length` bytes, with any values.
unsafe fn query_at(
    class: i32,
    address: *mut c_void,
    length: usize,
) -> Result<usize, (NtStatus, usize)> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let mut answered = 0_u32;
    // SAFETY: the caller gives the memory; the count is ours.
    let returned = unsafe { NtQuerySystemInformation(class, address, length, &raw mut answered) };
    let answered = answered as usize;
    NtStatus::check(returned).map(|()| answered).map_err(|status| (status, answered))
}

/// # Safety
/// The memory at the address is what the class takes, and may be read and written for `length`
/// bytes.
unsafe fn set_at(
    class: i32,
    address: *mut c_void,
    length: usize,
) -> Result<Result<(), NtStatus>, Error> {
    let call = NT_SET_SYSTEM_INFORMATION.get()?;
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    // SAFETY: the caller gives the memory.
    Ok(NtStatus::check(unsafe { call(class, address, length) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SystemProcessInformation: a list that every Windows has and that never fits a page.
    const PROCESSES: i32 = 5;

    #[test]
    fn a_list_is_had_whole_however_long_it_is() {
        let words = query_list(PROCESSES).expect("every Windows lists its processes");
        // The first entry tells where the second begins; ours alone make two.
        assert_ne!(words[0] & 0xFFFF_FFFF, 0);
    }

    #[test]
    fn a_class_that_is_unknown_is_a_status() {
        let status = query::<u64>(0x7FFF).expect_err("no Windows has it");
        assert_eq!(status, NtStatus::INVALID_INFO_CLASS);
    }
}
