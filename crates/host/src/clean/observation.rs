//! What came back after a clean, and what that cost.

use super::verdict::{Case, Harm};
use super::{Counters, Report, Verdict};
use memtide_core::conditions::Permille;
use memtide_core::lists::STANDBY_PRIORITIES;
use memtide_core::units::{ByteDelta, Bytes};
use std::time::Duration;

/// What the amount that came back was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The kernel's refaults: pages that were taken and are back.
    Refaults,
    /// Everything read from disks, because a mechanism was used that refaults are blind to; it
    /// includes what was read for the first time.
    DiskReads,
}

impl Basis {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refaults => "refaults",
            Self::DiskReads => "disk-reads",
        }
    }

    /// The words for it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Refaults => "counted as refaults",
            Self::DiskReads => {
                "at most: all reads from disks, as refaults are blind to what was used"
            }
        }
    }
}

/// What was seen in the time after a clean; `None` is what cannot be known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// How long it was watched; shorter than asked for when the user stopped it.
    pub window: Duration,
    /// What the clean had made free.
    pub made_free: Option<ByteDelta>,
    /// What the clean had moved to standby: it was reusable, and no program had it any more.
    pub moved_to_standby: Option<ByteDelta>,
    /// What came back of files.
    pub returned_file: Option<Bytes>,
    /// What came back of anonymous memory.
    pub returned_anonymous: Option<Bytes>,
    /// What came back, by `basis`.
    pub returned: Option<Bytes>,
    /// What `returned` was learned from.
    pub basis: Basis,
    /// What more may have come back uncounted: the kernel has dropped its records of so much, and
    /// no more than this was read from disks beyond what was counted.
    pub uncounted: Option<Bytes>,
    /// Pages that programs took back from standby or modified without I/O; only Windows counts.
    pub transition_faults: Option<u64>,
    /// Standby memory that got another owner, by priority; only Windows counts.
    pub repurposed: Option<[Bytes; STANDBY_PRIORITIES]>,
    /// Faults that had to wait for a disk.
    pub major_faults: Option<u64>,
    /// What was read from disks, for whatever reason.
    pub read_from_disk: Option<Bytes>,
    /// Pages read from swap, in bytes.
    pub swapped_in: Option<Bytes>,
    /// Time in which at least one thread waited for memory.
    pub stall: Option<Duration>,
    /// That time as a share of the window.
    pub stall_share: Option<Permille>,
    /// Available memory before the clean.
    pub available_before: Option<Bytes>,
    /// Available memory right after the clean.
    pub available_after: Option<Bytes>,
    /// Available memory at the end of the window.
    pub available_at_end: Option<Bytes>,
    /// What it amounts to.
    pub verdict: Verdict,
    /// What a reader of these numbers must know, a sentence each.
    pub remarks: Vec<String>,
}

impl Observation {
    pub(crate) fn new(
        report: &Report,
        window: Duration,
        from: &Counters,
        to: &Counters,
        remarks: Vec<String>,
    ) -> Self {
        let count = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
        let returned_file = count(from.refault_file, to.refault_file).map(Bytes::from_pages);
        let returned_anonymous =
            count(from.refault_anonymous, to.refault_anonymous).map(Bytes::from_pages);
        let read_from_disk = from.read.zip(to.read).map(|(from, to)| to.saturating_sub(from));
        let basis = if report.is_blind() { Basis::DiskReads } else { Basis::Refaults };
        let returned = match basis {
            Basis::Refaults => returned_file
                .map(|file| file.saturating_add(returned_anonymous.unwrap_or_default())),
            Basis::DiskReads => read_from_disk,
        };
        let uncounted = match basis {
            Basis::Refaults => count(from.records_lost, to.records_lost).map(|lost| {
                let lost = Bytes::from_pages(lost.saturating_mul(Counters::PAGES_A_RECORD));
                // What comes back is read from a disk, so the reads beyond what was counted bound
                // it; those of a network file system are no reads from a disk.
                let beyond = read_from_disk.zip(returned).map(|(r, back)| r.saturating_sub(back));
                beyond.map_or(lost, |beyond| lost.min(beyond))
            }),
            Basis::DiskReads => Some(Bytes::ZERO),
        };
        let major_faults = count(from.major_faults, to.major_faults);
        let swap_ins = count(from.swap_ins, to.swap_ins);
        let stall = from.stall.zip(to.stall).map(|(from, to)| to.saturating_sub(from));
        let stall_share = stall.map(|stall| share(stall, window));
        let hard_faults = major_faults.unwrap_or_default() + swap_ins.unwrap_or_default();
        let verdict = Verdict::on(&Case {
            freed: report.made_free(),
            returned,
            uncounted: uncounted.unwrap_or_default(),
            hard_faults,
            stall: stall_share,
        });
        Self {
            window,
            made_free: report.made_free(),
            moved_to_standby: report.moved_to_standby(),
            returned_file,
            returned_anonymous,
            returned,
            basis,
            uncounted,
            transition_faults: count(from.transition_faults, to.transition_faults),
            repurposed: repurposed(from, to),
            major_faults,
            read_from_disk,
            swapped_in: swap_ins.map(Bytes::from_pages),
            stall,
            stall_share,
            available_before: report.available_before,
            available_after: report.available_after,
            available_at_end: to.available,
            verdict,
            remarks,
        }
    }

    /// The verdict in a sentence, with the numbers it rests on.
    #[must_use]
    pub fn sentence(&self) -> String {
        let freed = self.made_free.unwrap_or_default();
        let freed = Bytes(u64::try_from(freed.0).unwrap_or_default());
        let seconds = self.window.as_secs_f64();
        let more = match self.uncounted {
            Some(uncounted) if uncounted > Bytes::ZERO => {
                format!(", up to {uncounted} more uncounted")
            }
            _ => String::new(),
        };
        let came = self.returned.map_or_else(
            || "an unknown amount came back".to_owned(),
            |returned| {
                let words = self.basis.words();
                format!("{returned} came back in {seconds:.1} s ({words}{more})")
            },
        );
        match self.verdict {
            Verdict::NothingFreed => format!(
                "Nothing freed: the clean changed free memory by {}, and standby by {}.",
                self.made_free.unwrap_or_default(),
                self.moved_to_standby.unwrap_or_default()
            ),
            Verdict::Helped => format!("Helped: {freed} made free, {came}."),
            Verdict::CameBack => format!("Came back: {freed} made free, {came}."),
            Verdict::Hurt(harm) => {
                format!("Hurt: {freed} made free, {came}, and {}.", harm_words(harm))
            }
            Verdict::Unknown => format!("Unknown: {freed} made free, {came}."),
        }
    }
}

fn repurposed(from: &Counters, to: &Counters) -> Option<[Bytes; STANDBY_PRIORITIES]> {
    let (from, to) = from.repurposed.zip(to.repurposed)?;
    Some(std::array::from_fn(|p| to[p].saturating_sub(from[p])))
}

fn harm_words(harm: Harm) -> String {
    match harm {
        Harm::Waited { hard_faults, stall } => format!(
            "programs waited {}.{}% of the time, with {hard_faults} faults on a disk",
            stall.0 / 10,
            stall.0 % 10
        ),
        Harm::Thrashed => "that is more than twice as much: it thrashes".to_owned(),
    }
}

fn share(part: Duration, whole: Duration) -> Permille {
    let permille = part.as_micros().saturating_mul(1000) / whole.as_micros().max(1);
    Permille(u16::try_from(permille.min(1000)).unwrap_or(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{Change, Evidence, Mechanism, Region, Status, StepReport};

    fn report(evidence: Evidence) -> Report {
        let change = Change { made_free: Some(ByteDelta(100 << 20)), ..Change::default() };
        let mechanism = Some(Mechanism { name: "x".into(), evidence });
        let (status, elapsed, notes) = (Status::Done, Duration::ZERO, Vec::new());
        let region = Region::Standby;
        let steps = vec![StepReport { region, status, elapsed, change, mechanism, notes }];
        Report { steps, ..Report::default() }
    }

    fn counters(refaults: u64, read_mib: u64) -> Counters {
        Counters {
            refault_file: Some(refaults),
            refault_anonymous: Some(0),
            read: Some(Bytes::from_mib(read_mib)),
            stall: Some(Duration::from_millis(refaults)),
            ..Counters::default()
        }
    }

    #[test]
    fn refaults_are_pages_and_stall_is_a_share_of_the_window() {
        let (from, to) = (counters(1000, 5), counters(1000 + 25600, 9000));
        let window = Duration::from_secs(30);
        let seen = Observation::new(&report(Evidence::Refaults), window, &from, &to, vec![]);
        assert_eq!(seen.returned, Some(Bytes::from_mib(100)));
        assert_eq!(seen.stall_share, Some(Permille(853)));
        assert_eq!(seen.verdict, Verdict::CameBack);
        let text = seen.sentence();
        assert!(text.contains("Came back: 100 MiB made free, 100 MiB came back in 30.0 s"));
        assert_eq!(seen.major_faults, None, "what is not counted is unknown");
    }

    #[test]
    fn what_was_not_read_from_a_disk_did_not_come_back() {
        let lost = |read_mib, records| {
            let (mut from, mut to) = (counters(0, 0), counters(0, read_mib));
            (from.records_lost, to.records_lost) = (Some(0), Some(records));
            let window = Duration::from_secs(1);
            let seen = Observation::new(&report(Evidence::Refaults), window, &from, &to, vec![]);
            (seen.uncounted, seen.verdict)
        };
        // A record stands for 64 pages: 160 of them are 40 MiB.
        assert_eq!(lost(2, 160), (Some(Bytes::from_mib(2)), Verdict::Helped));
        assert_eq!(lost(90, 160), (Some(Bytes::from_mib(40)), Verdict::Unknown));
    }

    #[test]
    fn transition_faults_and_repurposed_pages_are_differences_and_unknown_where_not_counted() {
        let windows = |transitions, repurposed| Counters {
            transition_faults: Some(transitions),
            repurposed: Some([Bytes::from_pages(repurposed); STANDBY_PRIORITIES]),
            ..Counters::default()
        };
        let window = Duration::from_secs(1);
        let report = report(Evidence::Blind);
        let seen =
            Observation::new(&report, window, &windows(100, 5), &windows(350, 7), Vec::new());
        assert_eq!(seen.transition_faults, Some(250));
        assert_eq!(seen.repurposed, Some([Bytes::from_pages(2); STANDBY_PRIORITIES]));
        let linux = counters(0, 0);
        let seen = Observation::new(&report, window, &linux, &linux, Vec::new());
        assert_eq!((seen.transition_faults, seen.repurposed), (None, None));
    }

    #[test]
    fn where_refaults_are_blind_reads_are_told_instead_and_labelled() {
        let (from, to) = (counters(0, 5), counters(0, 85));
        let window = Duration::from_secs(1);
        let seen = Observation::new(&report(Evidence::Blind), window, &from, &to, vec![]);
        assert_eq!((seen.returned, seen.basis), (Some(Bytes::from_mib(80)), Basis::DiskReads));
        assert!(seen.sentence().contains("at most: all reads from disks"));
    }
}
