//! `combine`: equal pages, kept once (KSM).
//!
//! KSM looks only at memory that a program offers with madvise(MADV_MERGEABLE) or
//! prctl(PR_SET_MEMORY_MERGE). It compares a page once its contents have stayed the same for a
//! full scan, so two full scans are run, and the settings are put back as they were.

use super::setting::Setting;
use super::{Outcome, Reins, Scene, Status, needs, needs_to_write, read_number, sum};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region};
use crate::linux::ksm::parse_mergeable;
use crate::linux::smaps;
use memtide_core::units::Bytes;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

const DIRECTORY: &str = "sys/kernel/mm/ksm";

/// The first scan takes note of the pages, the second merges those that are still the same.
const SCANS: u64 = 2;

/// The pace while we wait: 40 MiB at once, then a pause; the default is 20 MiB a second in all.
const PACE: [(&str, &str); 2] = [("pages_to_scan", "10000"), ("sleep_millisecs", "10")];

/// A scan of that pace that looks at no further page for so long has none to look at.
const STUCK: Duration = Duration::from_secs(2);

/// The same for a whole scan, on kernels before 6.6, which don't count pages.
const STUCK_UNCOUNTED: Duration = Duration::from_secs(60);

const NOTHING: &str =
    "no program offers pages for it (madvise MADV_MERGEABLE): there is nothing to combine";

/// What /sys/kernel/mm/ksm/run says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Stopped,
    Scanning,
    /// Somebody has had everything that was merged taken apart, and means it to stay so.
    Unmerged,
    Unknown,
}

impl Run {
    fn read(directory: &Path) -> Self {
        match read_number(&directory.join("run")) {
            Some(0) => Self::Stopped,
            Some(1) => Self::Scanning,
            Some(2) => Self::Unmerged,
            _ => Self::Unknown,
        }
    }
}

fn mechanism() -> Mechanism {
    Mechanism { name: "KSM".to_owned(), evidence: Evidence::TakesNothing }
}

/// What programs offer, as far as it is in memory; `None` where some can't be looked into and the
/// others offer nothing.
fn offered(scene: &Scene, stop: &dyn Fn() -> bool) -> Option<Bytes> {
    let (mut offered, mut hidden) = (Bytes::ZERO, false);
    let entries = std::fs::read_dir(scene.path("proc")).ok()?;
    let is_process = |name: &std::ffi::OsStr| name.to_str()?.parse::<u32>().ok();
    for entry in entries.flatten().filter(|entry| is_process(&entry.file_name()).is_some()) {
        if stop() {
            return None;
        }
        match offered_by(&entry.path()) {
            Ok(bytes) => offered = offered.saturating_add(bytes),
            // One that ended meanwhile has nothing to offer.
            Err(error) => hidden |= error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
    (offered > Bytes::ZERO || !hidden).then_some(offered)
}

fn offered_by(process: &Path) -> io::Result<Bytes> {
    let answer = match std::fs::read(process.join("ksm_stat")) {
        Ok(text) => parse_mergeable(&text),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        // A kernel older than 6.1 has no such file.
        Err(_) => None,
    };
    if answer == Some(false) {
        return Ok(Bytes::ZERO);
    }
    let mappings = smaps::parse(&std::fs::read(process.join("smaps"))?);
    // A program that offers all it has (prctl) may have no mark on its single mappings.
    let all = answer == Some(true) && !mappings.iter().any(|m| m.mergeable);
    Ok(sum(mappings.iter().filter(|m| m.mergeable || all).map(|m| m.anonymous)))
}

pub(super) fn predict(scene: &Scene) -> Prediction {
    let directory = scene.path(DIRECTORY);
    let offered = offered(scene, &|| false);
    Prediction {
        region: Region::Combine,
        estimate: match offered {
            None => Estimate::Unknown,
            Some(Bytes::ZERO) => Estimate::About(Bytes::ZERO),
            Some(offered) => Estimate::AtMost(offered),
        },
        effect: Effect::MadeFree,
        basis: match offered {
            Some(Bytes::ZERO) => NOTHING.to_owned(),
            None => "not every program can be looked into; those that can offer nothing".to_owned(),
            Some(_) => "what programs offer for it; equal pages show only when compared".to_owned(),
        },
        mechanism: directory.exists().then(mechanism),
        needs: needs_to_write(&directory.join("run")),
    }
}

pub(super) fn carry_out(scene: &Scene, reins: &mut Reins<'_>) -> Outcome {
    let directory = scene.path(DIRECTORY);
    let sharing = || read_number(&directory.join("pages_sharing")).map(Bytes::from_pages);
    if !directory.exists() {
        return Outcome::skipped("this kernel is built without KSM");
    }
    reins.tell("looking for programs that offer pages");
    let offered = offered(scene, &|| reins.stop().is_some());
    if let Some(stop) = reins.stop() {
        return Outcome::ended(Status::stopped(stop, "nothing was tried yet"), mechanism());
    }
    if offered == Some(Bytes::ZERO) {
        return Outcome::ended(Status::Done, mechanism()).note(NOTHING);
    }
    match Run::read(&directory) {
        Run::Stopped => {}
        Run::Scanning => {
            let saved = sharing().unwrap_or_default();
            return Outcome::ended(Status::Done, mechanism())
                .note(format!("KSM runs all the time here; it saves {saved} now"));
        }
        Run::Unmerged => {
            return Outcome::skipped("KSM is set to keep pages apart (run is 2)");
        }
        Run::Unknown => {
            return Outcome::skipped(format!("{}/run can't be read", directory.display()));
        }
    }
    let before = sharing();
    let status = match scan(&directory, reins) {
        Ok(status) => status,
        Err(error) => {
            let run = directory.join("run");
            return Outcome::refused(Error::file("writing", &run, error), needs(&run));
        }
    };
    let outcome = Outcome::ended(status, mechanism());
    let outcome = match Run::read(&directory) {
        Run::Stopped => outcome,
        now => outcome.note(format!("KSM could not be stopped again: it is {now:?}")),
    };
    match before.zip(sharing()) {
        Some((before, after)) => {
            outcome.note(format!("saved by combining: {after} ({})", after.since(before)))
        }
        None => outcome,
    }
}

/// Lets KSM scan everything twice, and puts its settings back.
fn scan(directory: &Path, reins: &mut Reins<'_>) -> io::Result<Status> {
    let count = |name: &str| read_number(&directory.join(name)).unwrap_or_default();
    // With an adviser in charge of the pace it can't be set, and needn't. What is held first is put
    // back last: KSM stops before its pace changes.
    let _pace = PACE.map(|(name, value)| Setting::hold(&directory.join(name), value));
    let first = count("full_scans");
    // A scan that was broken off goes on where it was, and sees only a part.
    let broken_off = first > 0 || count("pages_scanned") > 0;
    let wanted = if broken_off { SCANS + 1 } else { SCANS };
    let _run = Setting::hold(&directory.join("run"), "1")?;
    let counted = directory.join("pages_scanned").exists();
    let patience = if counted { STUCK } else { STUCK_UNCOUNTED };
    let before = (first, count("pages_scanned"));
    let mut progress = (Instant::now(), before);
    loop {
        let scans = count("full_scans");
        if scans >= first + wanted {
            return Ok(Status::Done);
        }
        if let Some(stop) = reins.stop() {
            let done = scans - first;
            return Ok(Status::stopped(stop, format!("{done} of {wanted} scans were finished")));
        }
        let now = (scans, count("pages_scanned"));
        if now != progress.1 {
            progress = (Instant::now(), now);
        } else if progress.0.elapsed() > patience {
            return Ok(match now == before {
                true => Status::Partial { why: "KSM found no page to look at".to_owned() },
                false => Status::Partial { why: "KSM stopped scanning".to_owned() },
            });
        }
        reins.tell(&format!("scan {} of {wanted}", scans - first + 1));
        std::thread::sleep(reins.patience());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{Cleaner, Request};
    use crate::linux::system_calls;
    use memtide_core::units::PAGE_SIZE;
    use std::sync::atomic::AtomicBool;

    #[test]
    #[ignore = "needs root and Linux 6.4: cargo xtask privileged"]
    fn equal_pages_are_kept_once_and_ksm_is_put_back() {
        let settings = || -> Vec<Option<u64>> {
            let number = |name: &str| read_number(&Path::new("/").join(DIRECTORY).join(name));
            ["run", "pages_to_scan", "sleep_millisecs"].map(number).to_vec()
        };
        let before = settings();
        assert_eq!(before[0], Some(0), "this test needs KSM to be stopped");
        system_calls::offer_all_memory().expect("Linux 6.4");
        let equal = vec![0x5a_u8; 64 << 20];
        let request = Request { regions: vec![Region::Combine], ..Request::default() };
        let mut cleaner = Cleaner::open(&request).expect("this machine");
        cleaner.run(&AtomicBool::new(false), &mut |_| ());
        let step = &cleaner.report().steps[0];
        assert!(matches!(step.status, Status::Done), "{step:?}");
        let merged = read_number(Path::new("/proc/self/ksm_merging_pages"));
        let merged = Bytes::from_pages(merged.expect("Linux 5.19"));
        // Large pages are merged only where the kernel splits them.
        assert!(merged >= Bytes::from_mib(48), "{merged} of 64 MiB: {step:?}");
        assert_eq!(settings(), before);
        assert!(
            equal.iter().step_by(usize::try_from(PAGE_SIZE).expect("small")).all(|b| *b == 0x5a)
        );
    }
}
