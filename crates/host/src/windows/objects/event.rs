//! One of the nine events, opened to be known again.

use crate::objects::Holders;
use crate::windows::answer::UnicodeString;
use crate::windows::condition_events::object_name;
use crate::windows::native::object::query;
use crate::windows::native::status::NtStatus;
use memtide_core::conditions::Condition;
use std::mem::offset_of;
use std::os::windows::io::BorrowedHandle;

/// ObjectBasicInformation.
const BASIC: i32 = 0;
/// ObjectNameInformation.
const NAME: i32 = 1;

/// PUBLIC_OBJECT_BASIC_INFORMATION.
#[repr(C)]
struct Basic {
    attributes: u32,
    access: u32,
    handles: u32,
    references: u32,
    reserved: [u32; 10],
}

const _: () = assert!(size_of::<Basic>() == 56 && offset_of!(Basic, references) == 12);

/// Names of our nine are short; one that has no room here is another's.
const NAME_LONGEST: usize = 128;

/// How many hold what a handle is for, this handle not counted.
pub(super) fn holders(handle: BorrowedHandle<'_>) -> Result<Holders, NtStatus> {
    let basic = query(handle, BASIC, size_of::<Basic>())?;
    let count = |offset| basic.u32_at(offset).unwrap_or(0);
    Ok(Holders {
        handles: count(offset_of!(Basic, handles)).saturating_sub(1),
        references: count(offset_of!(Basic, references)),
    })
}

/// Whose name it is, where it is one of the nine.
pub(super) fn condition_of(handle: BorrowedHandle<'_>) -> Option<Condition> {
    let room = size_of::<UnicodeString>() + NAME_LONGEST;
    let name = query(handle, NAME, room).ok()?.text_at(0)?;
    Condition::ALL.into_iter().find(|condition| name == object_name(*condition))
}
