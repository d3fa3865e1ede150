//! Tries every capability of this Windows without changing it: one file a kind.
//!
//! Privileges are enabled for a query and given up again.

mod events;
mod lists;
mod page_files;
mod privileges;
mod system;

use super::native::version::{Version, is_wine};
use crate::doctor::Capability;

/// What would permit what a user may not.
const ELEVATED: &str = "run elevated (as administrator)";

/// What is told of Wine, whose calls to the memory manager prove nothing.
const HOLLOW: &str = "this is Wine: its answer would be hollow, for it says yes and does nothing";

pub(crate) fn examine() -> Vec<Capability> {
    let (version, wine) = (Version::here(), is_wine());
    [
        system::examine(version, wine),
        events::examine(),
        privileges::examine(),
        lists::examine(version, wine),
        page_files::examine(),
    ]
    .concat()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
