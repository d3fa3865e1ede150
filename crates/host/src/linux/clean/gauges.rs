//! The counters and levels a clean is measured by.

use super::Reach;
use crate::clean::{Counters, Gauge};
use crate::linux::cgroup::{Location, MemoryStat, Version, parse_limit};
use crate::linux::meminfo::Meminfo;
use crate::linux::vmstat::Vmstat;
use crate::linux::zoneinfo::parse_held_by_processors;
use crate::linux::{Machine, ProcFile};
use crate::{Error, Scope};
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The kernel folds what its processors have counted into a cgroup's counts this often.
const CGROUP_FLUSH: Duration = Duration::from_millis(2100);

/// How often it folds the machine's, where vm.stat_interval can't be read.
const DEFAULT_INTERVAL_S: u64 = 1;

/// The open files of the machine's counters, and where the cgroup's are.
pub(super) struct Gauges {
    meminfo: ProcFile,
    vmstat: ProcFile,
    zoneinfo: Option<ProcFile>,
    machine: Machine,
    cgroup: Option<Location>,
    refresh: PathBuf,
    interval: PathBuf,
}

impl Gauges {
    pub(super) fn open(root: &Path, cgroup: Option<&Location>) -> Result<Self, Error> {
        let scope = cgroup.map_or(Scope::Machine, |at| Scope::Cgroup(at.directory.clone()));
        Ok(Self {
            meminfo: ProcFile::open(root.join("proc/meminfo"))?,
            vmstat: ProcFile::open(root.join("proc/vmstat"))?,
            zoneinfo: ProcFile::open_if_there(root.join("proc/zoneinfo")),
            machine: Machine::open_at(root, &scope)?,
            cgroup: cgroup.cloned(),
            refresh: root.join("proc/sys/vm/stat_refresh"),
            interval: root.join("proc/sys/vm/stat_interval"),
        })
    }

    /// /proc/meminfo as it is now; what cannot be read is unknown.
    pub(super) fn meminfo(&mut self) -> Meminfo {
        self.meminfo.read().map(Meminfo::parse).unwrap_or_default()
    }

    /// /proc/vmstat as it is now; what cannot be read is unknown.
    pub(super) fn vmstat(&mut self) -> Vmstat {
        self.vmstat.read().map(Vmstat::parse).unwrap_or_default()
    }

    /// The cgroup's memory.stat as it is now.
    pub(super) fn cgroup_stat(&self) -> Option<MemoryStat> {
        let location = self.cgroup.as_ref()?;
        let text = std::fs::read(location.directory.join("memory.stat")).ok()?;
        Some(MemoryStat::parse(&text, location.version))
    }

    pub(super) fn gauge(&mut self, reach: Reach) -> Gauge {
        self.fold();
        let meminfo = self.meminfo();
        // Swap writes pass the same counter: adding pswpout would count them twice.
        let written = self.vmstat().pgpgout.map(Bytes::from_kib);
        let commit = meminfo.committed_as;
        let (occupied, standby) = match (&self.cgroup, reach) {
            (Some(_), Reach::Cgroup) => {
                let stat = self.cgroup_stat();
                (self.charge(), stat.and_then(|stat| standby(&stat)))
            }
            _ => {
                let total = meminfo.total.zip(meminfo.free);
                let used = total.map(|(total, free)| total.saturating_sub(free));
                let held = self.held_by_processors();
                (used.map(|used| used.saturating_sub(held)), meminfo.lists().standby)
            }
        };
        Gauge { occupied, standby, written, commit }
    }

    /// What is freed lands on the processor's own list first, which MemFree leaves out.
    fn held_by_processors(&mut self) -> Bytes {
        let text = self.zoneinfo.as_mut().and_then(|file| file.read().ok());
        text.and_then(parse_held_by_processors).unwrap_or_default()
    }

    fn charge(&self) -> Option<Bytes> {
        let location = self.cgroup.as_ref()?;
        let file = location.directory.join(location.version.usage_file());
        parse_limit(&std::fs::read(file).ok()?).flatten()
    }

    /// What tells of pages coming back; `settled` waits where the kernel can't be told to fold.
    pub(super) fn counters(&mut self, settled: bool) -> Counters {
        let folded = self.fold();
        if settled && self.cgroup.is_some() {
            std::thread::sleep(CGROUP_FLUSH);
        } else if settled && !folded {
            let seconds = super::read_number(&self.interval).unwrap_or(DEFAULT_INTERVAL_S);
            // A machine set to fold once in minutes is not waited for.
            std::thread::sleep(Duration::from_secs(seconds.clamp(1, 5)) * 11 / 10);
        }
        let vmstat = self.vmstat();
        let levels = self.machine.levels().ok();
        let stall = levels.as_ref().and_then(|(_, _, stall)| *stall);
        let machine = Counters {
            refault_file: vmstat.workingset_refault_file,
            refault_anonymous: vmstat.workingset_refault_anon,
            records_lost: vmstat.workingset_nodereclaim,
            major_faults: vmstat.pgmajfault,
            swap_ins: vmstat.pswpin,
            read: vmstat.pgpgin.map(Bytes::from_kib),
            stall: stall.map(|stall| Duration::from_micros(stall.total_us)),
            available: levels.and_then(|(levels, ..)| levels.available),
            ..Counters::default()
        };
        match (&self.cgroup, self.cgroup_stat()) {
            (None, _) => machine,
            (Some(_), stat) => of_cgroup(machine, &stat.unwrap_or_default()),
        }
    }

    /// Tells the kernel to fold what each processor has counted into the machine's counts, which
    /// root may; without it they are a few hundred pages late.
    fn fold(&self) -> bool {
        std::fs::read(&self.refresh).is_ok()
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(location) = &self.cgroup {
            remarks.push(
                "bytes read from disks and made free by regions without a cgroup of their own \
                 are the whole machine's"
                    .to_owned(),
            );
            if location.version == Version::V1 {
                remarks.push("version 1 cgroups don't count stalls".to_owned());
            }
        }
        remarks
    }
}

/// The cgroup's own counts in place of the machine's; what it doesn't count is unknown.
fn of_cgroup(machine: Counters, stat: &MemoryStat) -> Counters {
    Counters {
        refault_file: stat.refault_file,
        refault_anonymous: stat.refault_anonymous,
        records_lost: stat.records_lost,
        major_faults: stat.major_faults,
        swap_ins: stat.swap_ins,
        ..machine
    }
}

/// The standby list of a cgroup, by the formula of the machine's: file pages that are clean and
/// mapped by no program, and pages in swap that are still in memory.
fn standby(stat: &MemoryStat) -> Option<Bytes> {
    let files = stat.active_file?.saturating_add(stat.inactive_file?);
    let busy = super::sum([stat.dirty, stat.writeback, stat.mapped].into_iter().flatten());
    Some(files.saturating_sub(busy).saturating_add(stat.clean_swap_cache()))
}
