//! The memory manager's system variables, by the names that a debugger knows them by.
//!
//! Source: *Windows Internals*, table 7-22.

use crate::manager::Manager;
use crate::pfn::PageState;

/// A system variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemVariable {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its value, in pages unless the help says otherwise.
    pub value: u64,
}

impl Manager {
    /// The system variables as they are at this moment.
    #[must_use]
    pub fn system_variables(&self) -> [SystemVariable; 14] {
        let count = |state| u64::from(self.frames.count(state));
        let variable = |name, help, value| SystemVariable { name, help, value };
        [
            variable("MmNumberOfPhysicalPages", "physical pages", u64::from(self.frames.len())),
            variable(
                "MmAvailablePages",
                "zeroed, free and standby pages",
                u64::from(self.frames.available()),
            ),
            variable(
                "MmResidentAvailablePages",
                "pages that are not promised to be resident",
                self.resident_available,
            ),
            variable("MmTotalCommittedPages", "pages promised", self.commit.charged()),
            variable("MmTotalCommitLimit", "pages that can be promised now", self.commit.limit()),
            variable(
                "MmTotalCommitLimitMaximum",
                "pages that can be promised with page files grown",
                self.commit.maximum(),
            ),
            variable("MmPeakCommitment", "the most pages ever promised", self.commit.peak()),
            variable("MmZeroedPageListHead", "zeroed pages", count(PageState::Zeroed)),
            variable("MmFreePageListHead", "free pages", count(PageState::Free)),
            variable("MmStandbyPageListHead", "standby pages", count(PageState::Standby)),
            variable("MmModifiedPageListHead", "modified pages", count(PageState::Modified)),
            variable(
                "MmModifiedNoWritePageListHead",
                "modified pages that must not be written yet",
                count(PageState::ModifiedNoWrite),
            ),
            variable("MmLowestPhysicalPage", "the lowest page frame number", 0),
            variable(
                "MmHighestPhysicalPage",
                "the highest page frame number",
                u64::from(self.frames.len() - 1),
            ),
        ]
    }
}
