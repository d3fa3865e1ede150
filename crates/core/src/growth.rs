//! How lists grow that there is an entry in for each page.

use alloc::vec::Vec;

/// The fewest entries that a list grows by.
const LEAST: usize = 64;

/// Makes room for more entries, by an eighth of what there are: to double would leave up to half of
/// the list unused, for good.
pub(crate) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(LEAST));
    }
}
