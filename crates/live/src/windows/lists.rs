//! Memory lists: the commands that one process may give, and what the system counts.

use memtide_core::lists::STANDBY_PRIORITIES;
use memtide_core::page::PAGE_SIZE;
use memtide_core::{ListCommand, ListCounts};

use super::native::{newer, process};
use super::status::SystemError;
use crate::error::Error;
use crate::machine::Machine;

/// `SystemMemoryListInformation`.
const MEMORY_LISTS: u32 = 80;

/// Words of `SYSTEM_MEMORY_LIST_INFORMATION`: five counts, twice eight priorities, and since
/// Windows 8 the modified pages that go to page files.
const WORDS: usize = 5 + 2 * STANDBY_PRIORITIES + 1;

const _: () = assert!(WORDS * 8 == 176 && WORDS * 4 == 88);

/// `STATUS_INFO_LENGTH_MISMATCH`.
const LENGTH_MISMATCH: SystemError = SystemError::NtStatus(0xC000_0004);

impl Machine {
    /// Carries out a memory-list command; by how many pages the working set is smaller. The lists
    /// are the system's, so that emptying working sets, and only that of this process, is all that
    /// a machine can do.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other command; [`Error::System`].
    pub fn command(&self, command: ListCommand) -> Result<u64, Error> {
        match command {
            ListCommand::EmptyWorkingSets => self.empty_working_set(),
            _ => Err(Error::Unsupported {
                what: "a command on page lists",
                reason: "the lists are the system's, not a machine's: `memtide clean` has them",
            }),
        }
    }

    pub(super) fn empty_working_set(&self) -> Result<u64, Error> {
        let before = self.process_memory()?.working_set;
        process::empty_working_set().map_err(Error::system("emptying the working set"))?;
        let after = self.process_memory()?.working_set;
        Ok(before.saturating_sub(after).0 / PAGE_SIZE)
    }

    /// The lists of the system, in pages: no machine has lists of its own.
    ///
    /// # Errors
    /// [`Error::System`] where this user may not see them.
    pub fn lists(&self) -> Result<ListCounts, Error> {
        let mut words = [0; WORDS];
        let query = |words: &mut [usize]| {
            let unsupported =
                Error::Unsupported { what: "the page lists", reason: "they take Windows Vista" };
            newer::query_system(MEMORY_LISTS, words).ok_or(unsupported)
        };
        let mut answer = query(&mut words)?;
        if answer == Err(LENGTH_MISMATCH) {
            answer = query(&mut words[..WORDS - 1])?;
        }
        answer.map_err(Error::system("the page lists"))?;
        Ok(counts(&words))
    }
}

fn counts(words: &[usize; WORDS]) -> ListCounts {
    let count = |at: usize| u32::try_from(words[at]).unwrap_or(u32::MAX);
    let standby = std::array::from_fn(|priority| count(5 + priority));
    let repurposed =
        std::array::from_fn(|priority| words[5 + STANDBY_PRIORITIES + priority] as u64);
    ListCounts {
        zeroed: count(0),
        free: count(1),
        modified: count(2),
        modified_no_write: count(3),
        bad: count(4),
        standby,
        repurposed,
        modified_page_file: count(WORDS - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_where_windows_has_them() {
        let found = counts(&std::array::from_fn(|place| place + 100));
        assert_eq!((found.zeroed, found.bad), (100, 104));
        assert_eq!((found.standby[0], found.standby[7]), (105, 112));
        assert_eq!((found.repurposed[0], found.repurposed[7]), (113, 120));
        assert_eq!(found.modified_page_file, 121);
    }
}
