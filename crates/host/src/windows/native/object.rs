//! What the object manager tells of a handle.

use super::status::NtStatus;
use crate::windows::answer::Answer;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use windows_sys::Wdk::Foundation::NtQueryObject;

/// What it tells in a class whose answer has no more than `room` bytes.
pub(crate) fn query(
    handle: BorrowedHandle<'_>,
    class: i32,
    room: usize,
) -> Result<Answer, NtStatus> {
    let mut answer = Answer::with_room(room);
    let (length, mut written) = (u32::try_from(room).unwrap_or(u32::MAX), 0);
    // SAFETY: the handle is open, and the buffer has room for as many bytes as are told.
    let status = unsafe {
        NtQueryObject(handle.as_raw_handle(), class, answer.as_mut_ptr(), length, &mut written)
    };
    NtStatus::check(status)?;
    Ok(answer)
}
