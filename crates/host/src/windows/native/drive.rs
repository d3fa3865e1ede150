//! The drives that have a letter.

use super::text::wide;
use windows_sys::Win32::Storage::FileSystem::{GetDriveTypeW, GetLogicalDrives};

/// Kinds of drives that keep what is written: removable, fixed, and of memory.
///
/// Source: Microsoft's documentation of `GetDriveTypeW`.
const KEEPING: [u32; 3] = [2, 3, 6];

/// The letters of the drives of this machine that can keep what is written to them.
pub(crate) fn letters() -> impl Iterator<Item = char> {
    // SAFETY: the call takes nothing.
    let present = unsafe { GetLogicalDrives() };
    let letters = ('A'..='Z').enumerate().filter(move |(place, _)| present & (1 << place) != 0);
    letters.map(|(_, letter)| letter).filter(|letter| keeps(*letter))
}

fn keeps(letter: char) -> bool {
    let root = wide(format!("{letter}:\\"));
    // SAFETY: the text ends in a zero.
    KEEPING.contains(&unsafe { GetDriveTypeW(root.as_ptr()) })
}
