//! Every handle of every process (SystemExtendedHandleInformation).
//!
//! Source: *Windows Internals* for the class. Since Windows 11 24H2 the addresses are told to those
//! with SeDebugPrivilege alone; everybody else reads zeros.

use crate::windows::answer::Answer;
use std::mem::offset_of;

/// The class that tells them.
pub(super) const HANDLES: i32 = 64;

/// SYSTEM_HANDLE_INFORMATION_EX, without its entries.
#[repr(C)]
struct Head {
    count: usize,
    reserved: usize,
}

/// SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX.
#[repr(C)]
struct Layout {
    object: usize,
    pid: usize,
    handle: usize,
    access: u32,
    creator: u16,
    kind: u16,
    attributes: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<Head>() == 2 * size_of::<usize>());
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Layout>() == 40 && offset_of!(Layout, kind) == 30);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Layout>() == 28 && offset_of!(Layout, kind) == 18);

/// One handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    /// The address of what it is for; 0 where the system hides it.
    pub(super) object: usize,
    pub(super) pid: u32,
    pub(super) handle: usize,
    /// What may be done with it.
    pub(super) access: u32,
    /// The number of the kind of object; another after each start of the system.
    pub(super) kind: u16,
}

/// The handles of an answer; what is cut short is left out.
pub(super) fn parse(answer: &Answer) -> impl Iterator<Item = Handle> {
    let count = answer.word_at(offset_of!(Head, count)).unwrap_or(0);
    (0..count).map_while(|place| entry(answer, place))
}

fn entry(answer: &Answer, place: usize) -> Option<Handle> {
    let start = place.checked_mul(size_of::<Layout>())?.checked_add(size_of::<Head>())?;
    let at = |offset: usize| start.saturating_add(offset);
    // All of it or none.
    answer.u32_at(at(offset_of!(Layout, reserved)))?;
    Some(Handle {
        object: answer.word_at(at(offset_of!(Layout, object)))?,
        pid: u32::try_from(answer.word_at(at(offset_of!(Layout, pid)))?).ok()?,
        handle: answer.word_at(at(offset_of!(Layout, handle)))?,
        access: answer.u32_at(at(offset_of!(Layout, access)))?,
        kind: answer.u16_at(at(offset_of!(Layout, kind)))?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn handles_read_and_a_table_that_is_cut_neither_panics_nor_invents_one() {
        let mut answer = Answer::with_room(size_of::<Head>() + 2 * size_of::<Layout>());
        answer.put(0, &usize::MAX.to_ne_bytes());
        let second = size_of::<Head>() + size_of::<Layout>();
        let mut put = |offset: usize, bytes: &[u8]| answer.put(second + offset, bytes);
        put(offset_of!(Layout, object), &0x7700_usize.to_ne_bytes());
        put(offset_of!(Layout, pid), &12_usize.to_ne_bytes());
        put(offset_of!(Layout, handle), &0x54_usize.to_ne_bytes());
        put(offset_of!(Layout, access), &0x10_0000_u32.to_ne_bytes());
        put(offset_of!(Layout, kind), &16_u16.to_ne_bytes());
        let handles: Vec<_> = parse(&answer).collect();
        let handle = Handle { object: 0x7700, pid: 12, handle: 0x54, access: 0x10_0000, kind: 16 };
        assert_eq!((handles.len(), handles[1]), (2, handle));
        for length in 0..answer.len() {
            let mut cut = answer.clone();
            cut.truncate(length);
            assert!(parse(&cut).count() < 2, "{length} bytes");
        }
    }
}
