//! The processes whose working sets are taken.

use crate::windows::processes::Record;
use memtide_core::units::Bytes;

/// The idle process and the system process.
const KERNEL: [u32; 2] = [0, 4];

/// Whom a request means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// The processes, largest first: a limit is then reached with the fewest disturbed.
    pub(super) chosen: Vec<Record>,
    /// How many were left alone by name.
    pub(super) excluded: usize,
    /// Names that no process has.
    pub(super) unmatched: Vec<String>,
    /// Process ids that don't exist.
    pub(super) missing: Vec<u32>,
}

impl Selection {
    /// Chooses among those there; `this` process, the kernel's own and the excluded are left out.
    pub(super) fn new(there: Vec<Record>, this: u32, pids: &[u32], exclude: &[String]) -> Self {
        let is_there = |pid: &u32| there.iter().any(|record| record.pid == *pid);
        let mut selection = Self {
            missing: pids.iter().copied().filter(|pid| !is_there(pid)).collect(),
            unmatched: exclude.to_vec(),
            ..Self::default()
        };
        let wanted = |record: &Record| pids.is_empty() || pids.contains(&record.pid);
        for record in there.into_iter().filter(wanted) {
            let excluded = exclude.iter().any(|name| is_called(&record, name));
            selection.unmatched.retain(|name| !is_called(&record, name));
            if excluded {
                selection.excluded += 1;
            } else if record.pid != this && !KERNEL.contains(&record.pid) && record.working_set > 0
            {
                selection.chosen.push(record);
            }
        }
        selection.chosen.sort_by(|a, b| (b.working_set, a.pid).cmp(&(a.working_set, b.pid)));
        selection
    }

    /// The working sets of the chosen; what several share counts in each.
    pub(super) fn working_sets(&self) -> Bytes {
        Bytes(self.chosen.iter().fold(0, |sum, record| record.working_set.saturating_add(sum)))
    }
}

/// Windows' names are the same in capitals, and people leave `.exe` out.
fn is_called(record: &Record, wanted: &str) -> bool {
    let Some(name) = &record.name else { return false };
    let (name, wanted) = (name.to_lowercase(), wanted.to_lowercase());
    name == wanted || name.strip_suffix(".exe") == Some(wanted.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pid: u32, name: &str, working_set: u64) -> Record {
        Record { pid, name: Some(name.to_owned()), working_set, ..Record::default() }
    }

    fn there() -> Vec<Record> {
        vec![
            record(0, "System Idle Process", 8192),
            record(4, "System", 100),
            record(8, "small.exe", 10),
            record(12, "Browser.exe", 500),
            record(16, "large.exe", 900),
            record(20, "ended.exe", 0),
            record(24, "this.exe", 700),
        ]
    }

    #[test]
    fn the_largest_come_first_and_the_kernels_the_ended_and_this_one_are_left_out() {
        let all = Selection::new(there(), 24, &[], &[]);
        let pids: Vec<_> = all.chosen.iter().map(|record| record.pid).collect();
        assert_eq!(pids, [16, 12, 8]);
        assert_eq!((all.working_sets(), all.excluded), (Bytes(1410), 0));
    }

    #[test]
    fn an_excluded_name_is_known_in_capitals_and_without_its_ending() {
        let exclude = ["browser", "LARGE.EXE", "nobody"].map(str::to_owned);
        let some = Selection::new(there(), 24, &[], &exclude);
        assert_eq!(some.chosen, [record(8, "small.exe", 10)]);
        assert_eq!((some.excluded, some.unmatched), (2, vec!["nobody".to_owned()]));
    }

    #[test]
    fn processes_that_are_named_are_the_only_ones() {
        let named = Selection::new(there(), 24, &[12, 99], &[]);
        assert_eq!(named.chosen, [record(12, "Browser.exe", 500)]);
        assert_eq!(named.missing, [99]);
    }
}
