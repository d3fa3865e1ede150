//! `combine`: equal pages, kept once (KSM).
//!
//! KSM looks only at memory that a program offers with madvise(MADV_MERGEABLE) or
//! prctl(PR_SET_MEMORY_MERGE). It compares a page once its contents have stayed the same for a
//! full scan, so two full scans are run, and the settings are put back as they were.

use super::{
    Outcome, Reins, Scene, Status, needs, needs_to_write, read_number, read_or_empty, sum,
};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region};
use crate::linux::ksm::parse_mergeable;
use crate::linux::smaps;
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DIRECTORY: &str = "sys/kernel/mm/ksm";

/// The first scan takes note of the pages, the second merges those that are still the same.
const SCANS: u64 = 2;

/// The pace while we wait: 40 MiB at once, then a pause; the default is 20 MiB a second in all.
const PACE: [(&str, &str); 2] = [("pages_to_scan", "10000"), ("sleep_millisecs", "10")];

/// No scan of that pace goes on for so long without getting on.
const STUCK: Duration = Duration::from_secs(10);

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

/// Settings of KSM that are put back when this is dropped.
struct Settings {
    directory: PathBuf,
    saved: Vec<(&'static str, String)>,
}

impl Settings {
    /// Sets one for the time being.
    fn set(&mut self, name: &'static str, value: &str) -> std::io::Result<()> {
        let path = self.directory.join(name);
        let before = std::fs::read_to_string(&path)?;
        std::fs::write(&path, value)?;
        self.saved.push((name, before));
        Ok(())
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        for (name, value) in self.saved.drain(..).rev() {
            // Nobody is left to tell; the report reads `run` again and tells of it.
            let _ = std::fs::write(self.directory.join(name), value);
        }
    }
}

/// The processes that offer pages, by how much of that is in memory; `None` where it can't be told
/// for any.
fn offered(scene: &Scene, stop: &dyn Fn() -> bool) -> Option<Bytes> {
    let mut seen = None;
    let entries = std::fs::read_dir(scene.path("proc")).ok()?;
    let pid = |entry: &std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    for entry in entries.flatten().filter(|entry| pid(entry).is_some()) {
        if stop() {
            return None;
        }
        let answer = parse_mergeable(&read_or_empty(&entry.path().join("ksm_stat")));
        if answer == Some(false) {
            seen = seen.or(Some(Bytes::ZERO));
            continue;
        }
        let Ok(text) = std::fs::read(entry.path().join("smaps")) else { continue };
        let mappings = smaps::parse(&text);
        // A program that offers all it has (prctl) has no mark on its single mappings.
        let all = answer == Some(true) && !mappings.iter().any(|m| m.mergeable);
        let offered = mappings.iter().filter(|m| m.mergeable || all).map(|m| m.anonymous);
        seen = Some(seen.unwrap_or(Bytes::ZERO).saturating_add(sum(offered)));
    }
    seen
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
            _ => "what programs offer for it; equal pages show only when compared".to_owned(),
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
fn scan(directory: &Path, reins: &mut Reins<'_>) -> std::io::Result<Status> {
    let count = |name: &str| read_number(&directory.join(name)).unwrap_or_default();
    let mut settings = Settings { directory: directory.to_path_buf(), saved: Vec::new() };
    for (name, value) in PACE {
        // With an adviser in charge of the pace it can't be set, and needn't.
        let _ = settings.set(name, value);
    }
    let first = count("full_scans");
    // A scan that was broken off goes on where it was, and sees only a part.
    let broken_off = first > 0 || count("pages_scanned") > 0;
    let wanted = if broken_off { SCANS + 1 } else { SCANS };
    settings.set("run", "1")?;
    let mut progress = (Instant::now(), (first, count("pages_scanned")));
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
        } else if progress.0.elapsed() > STUCK {
            return Ok(Status::Partial { why: "KSM stopped scanning".to_owned() });
        }
        reins.tell(&format!("scan {} of {wanted}", scans - first + 1));
        std::thread::sleep(reins.patience());
    }
}
