//! What is compared.

use crate::{Content, Multiple, Pattern, System};
use memtide_core::units::Bytes;
use std::path::PathBuf;

/// What is compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The memory that each system may use, in bytes.
    pub budget: Bytes,
    /// How much data there is; several sizes are compared in turn.
    pub data: Vec<Multiple>,
    /// The work.
    pub patterns: Vec<Pattern>,
    /// What does it.
    pub systems: Vec<System>,
    /// Runs of each pattern under each system.
    pub runs: u32,
    /// What pages hold.
    pub content: Content,
    /// What decides all that is random.
    pub seed: u64,
    /// Where page files, swap files and mapped files are made.
    pub directory: PathBuf,
}

/// A plan that cannot be carried out, by the one who made it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// The budget is out of range.
    #[error("a budget of {0}: expected {least} to {most}", least = Plan::BUDGET_LEAST,
            most = Plan::BUDGET_MOST)]
    Budget(Bytes),
    /// The number of runs is out of range.
    #[error("{0} runs: expected 1 to {most}", most = Plan::RUNS_MOST)]
    Runs(u32),
    /// There is no such directory.
    #[error("{}: expected a directory for page files and swap files", .0.display())]
    Directory(PathBuf),
}

impl Plan {
    /// The smallest budget: below, a process' own needs decide.
    pub const BUDGET_LEAST: Bytes = Bytes::from_mib(8);

    /// The largest budget.
    pub const BUDGET_MOST: Bytes = Bytes::from_mib(1 << 20);

    /// The most runs.
    pub const RUNS_MOST: u32 = 1000;

    /// Looks whether it can be carried out.
    ///
    /// # Errors
    /// What is wrong, with its value and what was expected.
    pub fn check(&self) -> Result<(), BadPlan> {
        if !(Self::BUDGET_LEAST..=Self::BUDGET_MOST).contains(&self.budget) {
            return Err(BadPlan::Budget(self.budget));
        }
        if !(1..=Self::RUNS_MOST).contains(&self.runs) {
            return Err(BadPlan::Runs(self.runs));
        }
        if !self.directory.is_dir() {
            return Err(BadPlan::Directory(self.directory.clone()));
        }
        Ok(())
    }

    /// How many runs there are in all.
    #[must_use]
    pub fn runs_in_all(&self) -> u64 {
        let sets = self.data.len() * self.patterns.len() * self.systems.len();
        sets as u64 * u64::from(self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            budget: Bytes::from_mib(16),
            data: Vec::new(),
            patterns: Pattern::ALL.to_vec(),
            systems: System::ALL.to_vec(),
            runs: 5,
            content: Content::Compressible,
            seed: 1,
            directory: std::env::temp_dir(),
        }
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_with_value_and_bounds() {
        assert_eq!(plan().check(), Ok(()));
        let refused = |plan: Plan| plan.check().expect_err("refused").to_string();
        let budget = refused(Plan { budget: Bytes(4096), ..plan() });
        assert_eq!(budget, "a budget of 4 KiB: expected 8 MiB to 1 TiB");
        assert_eq!(refused(Plan { runs: 0, ..plan() }), "0 runs: expected 1 to 1000");
        let nowhere = refused(Plan { directory: "nowhere".into(), ..plan() });
        assert!(nowhere.starts_with("nowhere: expected a directory"), "{nowhere}");
    }
}
