//! `working-sets`: pages that programs have mapped.
//!
//! All of them are emptied by one command, which needs a privilege and cannot be stopped midway.
//! Where programs are excluded or named, each of the others is emptied on its own
//! (EmptyWorkingSet). What leaves a working set stays in memory: on the standby list, or, where it
//! was changed, on the modified list.

use super::selection::Selection;
use super::{Outcome, Reins, Scene, Status, memory_list, missing};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Stop};
use crate::windows::native::privilege::{Privilege, enable};
use crate::windows::native::process::{Access, ProcessHandle, is_gone};
use crate::windows::processes;
use memtide_core::ListCommand;
use memtide_core::units::{ByteDelta, Bytes};

const NEEDS: &str = "SeDebugPrivilege, for processes of other users: an administrator's elevated \
                     process has it";

fn mechanism(scene: &Scene) -> Mechanism {
    match scene.names_processes() {
        true => Mechanism { name: "EmptyWorkingSet".to_owned(), evidence: Evidence::Blind },
        false => memory_list::mechanism(ListCommand::EmptyWorkingSets),
    }
}

fn select(scene: &Scene) -> Result<Selection, Error> {
    let there = processes::records()?;
    Ok(Selection::new(there, std::process::id(), &scene.pids, &scene.exclude))
}

pub(super) fn predict(scene: &Scene) -> Prediction {
    let (estimate, basis) = match select(scene) {
        Ok(selection) => {
            let count = count(selection.chosen.len());
            let basis = format!("{count}; pages that several share count in each");
            (Estimate::AtMost(selection.working_sets()), basis)
        }
        Err(error) => (Estimate::Unknown, error.to_string()),
    };
    let needs = match scene.names_processes() {
        true => missing(Privilege::Debug).then(|| NEEDS.to_owned()),
        false => memory_list::needs(),
    };
    Prediction {
        region: Region::WorkingSets,
        estimate,
        effect: Effect::MovedToStandby,
        basis,
        mechanism: Some(mechanism(scene)),
        needs,
    }
}

fn count(processes: usize) -> String {
    if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") }
}

pub(super) fn carry_out(scene: &mut Scene, reins: &mut Reins<'_>) -> Outcome {
    if !scene.names_processes() {
        return memory_list::carry_out(ListCommand::EmptyWorkingSets, reins);
    }
    let selection = match select(scene) {
        Ok(selection) => selection,
        Err(error) => return Outcome::refused(error, "the list of processes"),
    };
    // Without it, processes of other users refuse one by one, and are told of.
    let _privilege = enable(Privilege::Debug).ok();
    let before = scene.gauges.gauge();
    let mut tally = Tally::default();
    for (place, process) in selection.chosen.iter().enumerate() {
        tally.stopped = reins.stop();
        let made_free = scene.gauges.gauge().made_free_since(&before);
        tally.limited = reins.room(made_free) == Some(Bytes::ZERO);
        if tally.stopped.is_some() || tally.limited {
            break;
        }
        let name = process.name.as_deref().unwrap_or_default();
        let of = selection.chosen.len();
        reins.tell(&format!("{name} ({}), {} of {of}", process.pid, place + 1));
        tally.add(process.pid, name, empty(process.pid));
    }
    let left = tally.left(&selection);
    tally.outcome(&selection, left, mechanism(scene))
}

fn empty(pid: u32) -> Result<(), Error> {
    ProcessHandle::open(pid, Access::Empty)?.empty_working_set()
}

/// What became of all processes.
#[derive(Default)]
struct Tally {
    emptied: Vec<u32>,
    gone: usize,
    refused: Vec<(String, Error)>,
    stopped: Option<Stop>,
    limited: bool,
}

impl Tally {
    fn add(&mut self, pid: u32, name: &str, emptied: Result<(), Error>) {
        match emptied {
            Ok(()) => self.emptied.push(pid),
            Err(error) if is_gone(&error) => self.gone += 1,
            Err(error) => self.refused.push((format!("{name} ({pid})"), error)),
        }
    }

    /// What left the working sets that were emptied; `None` where they cannot be read again.
    fn left(&self, selection: &Selection) -> Option<ByteDelta> {
        let now = processes::records().ok()?;
        let size = |records: &[processes::Record]| {
            let emptied = records.iter().filter(|record| self.emptied.contains(&record.pid));
            Bytes(emptied.fold(0, |sum, record| record.working_set.saturating_add(sum)))
        };
        Some(size(&selection.chosen).since(size(&now)))
    }

    fn outcome(
        mut self,
        selection: &Selection,
        left: Option<ByteDelta>,
        mechanism: Mechanism,
    ) -> Outcome {
        let mut notes = Vec::new();
        if let Some(left) = left.filter(|_| !self.emptied.is_empty()) {
            let count = count(self.emptied.len());
            notes.push(format!("{left} left the working sets of {count}"));
        }
        if selection.excluded > 0 {
            notes.push(format!("{} left alone by name", selection.excluded));
        }
        for name in &selection.unmatched {
            notes.push(format!("no process is called '{name}'"));
        }
        if self.gone > 0 {
            notes.push(format!("{} ended before their turn", self.gone));
        }
        if self.limited {
            notes.push("stopped at the limit".to_owned());
        }
        let of = selection.chosen.len();
        let status = match self.stopped {
            Some(stop) => {
                let left = of - self.emptied.len() - self.gone - self.refused.len();
                Status::stopped(stop, format!("{left} of {of} processes are left"))
            }
            None => self.status(selection),
        };
        Outcome { status, mechanism: Some(mechanism), notes }
    }

    fn status(&mut self, selection: &Selection) -> Status {
        let refused = self.refused.len();
        if refused > 0 && self.emptied.is_empty() {
            let (_, error) = self.refused.swap_remove(0);
            return Status::Refused { error, needs: NEEDS.to_owned() };
        }
        let mut why = Vec::new();
        if let Some((process, error)) = self.refused.first() {
            let others = match refused {
                1 => String::new(),
                _ => format!(", and {} more", refused - 1),
            };
            why.push(format!("{process}: {error}{others}"));
        }
        for pid in &selection.missing {
            why.push(format!("there is no process {pid}"));
        }
        if why.is_empty() { Status::Done } else { Status::Partial { why: why.join("; ") } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::processes::Record;
    use std::io;

    fn selection(count: u32) -> Selection {
        let chosen = (1..=count).map(|place| Record { pid: place * 4, ..Record::default() });
        Selection { chosen: chosen.collect(), ..Selection::default() }
    }

    fn denied() -> Result<(), Error> {
        Err(Error::call("OpenProcess", io::Error::from_raw_os_error(5)))
    }

    fn told(tally: Tally, selection: &Selection) -> Outcome {
        let mechanism = Mechanism { name: "x".to_owned(), evidence: Evidence::Blind };
        tally.outcome(selection, Some(ByteDelta(-4096)), mechanism)
    }

    #[test]
    fn one_refused_is_partial_with_its_name_and_all_are_a_refusal() {
        let mut tally = Tally::default();
        tally.add(4, "a.exe", Ok(()));
        tally.add(8, "b.exe", denied());
        let partial = told(tally, &selection(2));
        let why = partial.status.reason().expect("a reason");
        assert!(why.starts_with("b.exe (8): OpenProcess: "), "{why}");
        assert!(partial.notes[0].starts_with("-4"), "a loss keeps its sign: {:?}", partial.notes);
        let mut tally = Tally::default();
        tally.add(8, "b.exe", denied());
        let refused = told(tally, &selection(1));
        assert!(refused.status.reason().is_some_and(|why| why.contains("SeDebugPrivilege")));
    }

    #[test]
    fn one_that_has_ended_is_no_refusal_and_a_stop_tells_what_is_left() {
        let mut tally = Tally::default();
        let gone = Error::call("OpenProcess", io::Error::from_raw_os_error(87));
        tally.add(4, "a.exe", Err(gone));
        tally.stopped = Some(Stop::TimedOut);
        let late = told(tally, &selection(3));
        assert_eq!(late.status.reason().as_deref(), Some("2 of 3 processes are left"));
        assert_eq!(late.notes, ["1 ended before their turn"]);
    }

    #[test]
    fn a_process_that_is_missing_makes_it_partial() {
        let selection = Selection { missing: vec![99], ..selection(0) };
        let partial = told(Tally::default(), &selection);
        assert_eq!(partial.status.reason().as_deref(), Some("there is no process 99"));
    }
}
