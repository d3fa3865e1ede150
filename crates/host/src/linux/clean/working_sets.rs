//! `working-sets`: pages that programs have mapped.
//!
//! Each process is advised, mapping by mapping, to page out (process_madvise with MADV_PAGEOUT).
//! The kernel leaves alone what several processes map, and anonymous memory where there is no
//! swap; what the call returns is bytes *advised*, so the resident memory is measured before and
//! after. What goes to swap stays in memory until it is written and the kernel needs the room: it
//! moves to standby, and is made free only later.

use super::processes::{Process, Selection, select};
use super::{Outcome, Reach, Reins, Scene, Status, read_or_empty, sum};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Stop};
use crate::linux::smaps::{self, Backing, Mapping};
use crate::linux::system_calls;
use memtide_core::units::{ByteDelta, Bytes, PAGE_SIZE};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::ops::Range;
use std::path::Path;

/// What one call may have to page out, so that a limit, a timeout and a cancel hold.
const BATCH: Bytes = Bytes::from_mib(64);

/// The most ranges one call takes (UIO_MAXIOV).
const MOST_RANGES: usize = 1024;

const NEEDS: &str = "CAP_SYS_NICE, and the right to trace each process (CAP_SYS_PTRACE): root";

fn mechanism() -> Mechanism {
    let name = "process_madvise(MADV_PAGEOUT)".to_owned();
    Mechanism { name, evidence: Evidence::Refaults }
}

/// What became of one process.
enum Trimmed {
    /// Its resident memory before and after, and what of it can't leave.
    Done {
        before: Bytes,
        after: Bytes,
        stuck: Bytes,
    },
    /// It ended before its turn, or has no memory.
    Gone,
    Refused(Error),
    Stopped(Stop),
}

/// What became of all processes.
#[derive(Default)]
struct Tally {
    trimmed: usize,
    left: i64,
    stuck: Bytes,
    gone: usize,
    refused: Vec<(Process, Error)>,
    stopped: Option<Stop>,
    limited: bool,
}

pub(super) fn predict(scene: &mut Scene) -> Prediction {
    let selection = select(scene);
    let swap_free = scene.gauges.meminfo().swap_free.unwrap_or_default();
    let swap = swap_free > Bytes::ZERO;
    let (mut files, mut anonymous, mut hidden) = (Bytes::ZERO, Bytes::ZERO, 0);
    for process in &selection.chosen {
        let Ok(mappings) = mappings(scene, process.pid) else {
            hidden += 1;
            continue;
        };
        let free = || mappings.iter().filter(|m| !m.pinned && m.backing != Backing::Kernel);
        let of_files = free().filter(|m| m.backing == Backing::File).map(|m| m.private_clean);
        files = files.saturating_add(sum(of_files));
        anonymous = anonymous.saturating_add(sum(free().map(|m| m.anonymous)));
    }
    let count = processes(selection.chosen.len());
    let basis = format!("{count}: {files} of files that one process alone maps");
    let basis = match swap {
        true => format!("{basis}, {anonymous} anonymous, {swap_free} of swap free"),
        false => format!("{basis}; there is no swap, so {anonymous} anonymous can't leave"),
    };
    let total = if swap { files.saturating_add(anonymous.min(swap_free)) } else { files };
    let all_hidden = hidden > 0 && hidden == selection.chosen.len();
    let basis = match hidden {
        0 => basis,
        _ => format!("{basis}; {hidden} can't be looked into"),
    };
    Prediction {
        region: Region::WorkingSets,
        estimate: if all_hidden { Estimate::Unknown } else { Estimate::About(total) },
        effect: Effect::MadeFree,
        basis,
        mechanism: Some(mechanism()),
        needs: (!may_advise()).then(|| NEEDS.to_owned()),
    }
}

fn processes(count: usize) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// Whether this process has CAP_SYS_NICE; the right to trace is a matter of each process.
fn may_advise() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_NICE))
}

pub(super) fn carry_out(scene: &mut Scene, reins: &mut Reins<'_>) -> Outcome {
    let swap = scene.gauges.meminfo().swap_free.unwrap_or_default() > Bytes::ZERO;
    let before = scene.gauges.gauge(Reach::Cgroup);
    let selection = select(scene);
    let of = selection.chosen.len();
    let mut tally = Tally::default();
    for (index, process) in selection.chosen.iter().enumerate() {
        tally.stopped = reins.stop();
        let made_free = scene.gauges.gauge(Reach::Cgroup).made_free_since(&before);
        tally.limited = reins.room(made_free) == Some(Bytes::ZERO);
        if tally.stopped.is_some() || tally.limited {
            break;
        }
        reins.tell(&format!("{} ({}), {} of {of}", process.name, process.pid, index + 1));
        let mut enough = |scene: &mut Scene, reins: &Reins<'_>| {
            let made_free = scene.gauges.gauge(Reach::Cgroup).made_free_since(&before);
            reins.room(made_free) == Some(Bytes::ZERO)
        };
        tally.add(process, trim(scene, process, swap, reins, &mut enough));
        if tally.stopped.is_some() {
            break;
        }
    }
    tally.outcome(&selection, swap)
}

fn mappings(scene: &Scene, pid: u32) -> io::Result<Vec<Mapping>> {
    let path = scene.path("proc").join(pid.to_string()).join("smaps");
    std::fs::read(path).map(|text| smaps::parse(&text))
}

fn resident(scene: &Scene, pid: u32) -> Option<Bytes> {
    let path = scene.path("proc").join(pid.to_string()).join("smaps_rollup");
    smaps::parse_rollup(&read_or_empty(&path))
}

/// Takes the working set of one process.
fn trim(
    scene: &mut Scene,
    process: &Process,
    swap: bool,
    reins: &mut Reins<'_>,
    enough: &mut dyn FnMut(&mut Scene, &Reins<'_>) -> bool,
) -> Trimmed {
    // The descriptor comes first: should the id be given to another process while its mappings
    // are read, the advice still goes to the one that has ended.
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else { return Trimmed::Gone };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(Errno::SRCH) => return Trimmed::Gone,
        Err(error) => return Trimmed::Refused(Error::call("pidfd_open", error)),
    };
    let mappings = match mappings(scene, process.pid) {
        Ok(mappings) if mappings.is_empty() => return Trimmed::Gone,
        Ok(mappings) => mappings,
        Err(error) if is_gone(&error) => return Trimmed::Gone,
        Err(error) => {
            let path = Path::new("/proc").join(process.pid.to_string()).join("smaps");
            return Trimmed::Refused(Error::file("reading", &path, error));
        }
    };
    for batch in batches(&mappings, swap) {
        if let Some(stop) = reins.stop() {
            return Trimmed::Stopped(stop);
        }
        if enough(scene, reins) {
            break;
        }
        match advise(handle.as_fd(), &batch) {
            Ok(()) => {}
            Err(error) if is_gone(&error) => return Trimmed::Gone,
            Err(error) => return Trimmed::Refused(Error::call("process_madvise", error)),
        }
    }
    let before = sum(mappings.iter().map(|m| m.resident));
    let stuck = if swap { Bytes::ZERO } else { sum(mappings.iter().map(|m| m.anonymous)) };
    match resident(scene, process.pid) {
        Some(after) => Trimmed::Done { before, after, stuck },
        None => Trimmed::Gone,
    }
}

fn is_gone(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    number == Some(Errno::SRCH.raw_os_error()) || number == Some(Errno::NOENT.raw_os_error())
}

/// Advises every range, passing over those the kernel refuses (they may have been unmapped).
///
/// The first refusal of permission ends it: it is the process' and not the range's.
fn advise(process: BorrowedFd<'_>, mut ranges: &[Range<u64>]) -> io::Result<()> {
    while !ranges.is_empty() {
        let mut advised = match system_calls::page_out(process, ranges) {
            Ok(advised) => advised,
            Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::INVAL | Errno::NOMEM | Errno::FAULT) => 0,
                _ => return Err(error),
            },
        };
        let taken = |range: &Range<u64>| {
            let length = range.end - range.start;
            let whole = advised >= length;
            advised = advised.saturating_sub(length);
            whole
        };
        let done = ranges.iter().map(taken).take_while(|whole| *whole).count();
        // The range after those that were taken is the one that was refused.
        ranges = ranges.get(done + 1..).unwrap_or_default();
    }
    Ok(())
}

/// The ranges worth advising, in batches that hold about [`BATCH`] of resident memory each.
fn batches(mappings: &[Mapping], swap: bool) -> Vec<Vec<Range<u64>>> {
    let mut batches: Vec<Vec<Range<u64>>> = Vec::new();
    let mut held = BATCH;
    for mapping in mappings {
        let can_leave = match swap {
            true => mapping.resident,
            false => mapping.resident.saturating_sub(mapping.anonymous),
        };
        let excepted = mapping.pinned || mapping.backing == Backing::Kernel;
        let lasting = !swap && mapping.backing == Backing::Anonymous;
        if excepted || lasting || can_leave == Bytes::ZERO {
            continue;
        }
        let parts = can_leave.0.div_ceil(BATCH.0);
        let step = mapping.length().0.div_ceil(parts).next_multiple_of(PAGE_SIZE);
        let part = Bytes(can_leave.0.div_ceil(parts));
        let mut start = mapping.start;
        while start < mapping.end {
            let end = start.saturating_add(step).min(mapping.end);
            let full = batches.last().is_none_or(|batch| batch.len() >= MOST_RANGES);
            if full || held.saturating_add(part) > BATCH {
                batches.push(Vec::new());
                held = Bytes::ZERO;
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(start..end);
            }
            held = held.saturating_add(part);
            start = end;
        }
    }
    batches
}

impl Tally {
    fn add(&mut self, process: &Process, trimmed: Trimmed) {
        match trimmed {
            Trimmed::Done { before, after, stuck } => {
                self.trimmed += 1;
                self.left = self.left.saturating_add(before.since(after).0);
                self.stuck = self.stuck.saturating_add(stuck);
            }
            Trimmed::Gone => self.gone += 1,
            Trimmed::Refused(error) => self.refused.push((process.clone(), error)),
            Trimmed::Stopped(stop) => self.stopped = Some(stop),
        }
    }

    fn outcome(mut self, selection: &Selection, swap: bool) -> Outcome {
        let mut notes = Vec::new();
        if self.trimmed > 0 {
            let left = ByteDelta(self.left);
            notes.push(format!("{left} left the working sets of {}", processes(self.trimmed)));
        }
        if self.trimmed > 0 && !swap {
            notes.push(format!("there is no swap: {} of anonymous memory can't leave", self.stuck));
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
        let asked = selection.chosen.len();
        let status = match self.stopped {
            Some(stop) => {
                let left = asked - self.trimmed - self.gone - self.refused.len();
                Status::stopped(stop, format!("{left} of {asked} processes are left"))
            }
            None => self.status(selection),
        };
        Outcome { status, mechanism: Some(mechanism()), notes }
    }

    fn status(&mut self, selection: &Selection) -> Status {
        let refused = self.refused.len();
        if refused > 0 && self.trimmed == 0 {
            let (_, error) = self.refused.swap_remove(0);
            return Status::Refused { error, needs: NEEDS.to_owned() };
        }
        let mut why = Vec::new();
        if let Some((process, error)) = self.refused.first() {
            let others =
                if refused > 1 { format!(", and {} more", refused - 1) } else { "".into() };
            why.push(format!("{} ({}): {error}{others}", process.name, process.pid));
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

    fn mapping(length: u64, resident: Bytes, backing: Backing) -> Mapping {
        Mapping {
            start: 0x10000,
            end: 0x10000 + length,
            backing,
            resident,
            anonymous: if backing == Backing::Anonymous { resident } else { Bytes::ZERO },
            private_clean: resident,
            swapped: Bytes::ZERO,
            pinned: false,
            mergeable: false,
        }
    }

    #[test]
    fn a_large_mapping_is_cut_and_small_ones_share_a_call() {
        let large = mapping(200 << 20, Bytes::from_mib(200), Backing::File);
        let cut = batches(&[large], false);
        assert_eq!(cut.len(), 4);
        assert_eq!(cut[0][0].start, large.start);
        assert_eq!(cut[3][0].end, large.end);
        assert!(cut.windows(2).all(|pair| pair[0][0].end == pair[1][0].start));
        let small = [mapping(4096, Bytes(4096), Backing::File); 3000];
        let lengths: Vec<_> = batches(&small, false).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1024, 1024, 952]);
    }

    #[test]
    fn a_sparse_mapping_is_not_cut_by_its_length() {
        let sparse = mapping(1 << 44, Bytes::from_mib(100), Backing::Anonymous);
        assert_eq!(batches(&[sparse], true).len(), 2);
    }

    #[test]
    fn what_cannot_leave_is_not_asked() {
        let anonymous = mapping(1 << 20, Bytes::from_mib(1), Backing::Anonymous);
        assert!(batches(&[anonymous], false).is_empty(), "there is no swap");
        assert_eq!(batches(&[anonymous], true).len(), 1);
        let locked = Mapping { pinned: true, ..anonymous };
        let kernel = Mapping { backing: Backing::Kernel, ..anonymous };
        let empty = Mapping { resident: Bytes::ZERO, anonymous: Bytes::ZERO, ..anonymous };
        assert!(batches(&[locked, kernel, empty], true).is_empty());
    }
}
