//! `modified`: changed pages, written back file system by file system.
//!
//! A child process waits for the disks (see [`system_calls::write_back`]), so that the wait can be
//! given up at any time; the kernel goes on writing then.

use super::{Outcome, Reins, Scene, Status, read_or_empty, sum};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Stop};
use crate::linux::mounts::{self, Mount};
use crate::linux::system_calls::{self, EVERYTHING};
use memtide_core::units::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The length of a record the child writes: an index and an error, of four bytes each.
const RECORD: usize = 8;

/// File systems without a disk: writing them back does nothing.
const KEPT_IN_MEMORY: [&str; 18] = [
    "autofs",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "proc",
    "ramfs",
    "securityfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "pstore",
];

fn mechanism() -> Mechanism {
    Mechanism { name: "syncfs".to_owned(), evidence: Evidence::TakesNothing }
}

fn waiting(scene: &mut Scene) -> Option<Bytes> {
    let meminfo = scene.gauges.meminfo();
    Some(sum([meminfo.dirty?, meminfo.writeback?]))
}

pub(super) fn predict(scene: &mut Scene) -> Prediction {
    let waiting = waiting(scene);
    let count = file_systems(scene).len();
    Prediction {
        region: Region::Modified,
        estimate: waiting.map_or(Estimate::Unknown, Estimate::About),
        effect: Effect::MovedToStandby,
        basis: format!("Dirty and Writeback; as much is written to {count} file systems"),
        mechanism: Some(mechanism()),
        needs: None,
    }
}

/// Where each file system that can be written is mounted, once each.
fn file_systems(scene: &Scene) -> Vec<PathBuf> {
    let mounts = mounts::parse(&read_or_empty(&scene.path("proc/self/mountinfo")));
    choose(mounts)
}

/// Of a mount upon a mount only the upper one can be reached, so the last one of a point counts.
fn choose(mounts: Vec<Mount>) -> Vec<PathBuf> {
    let mut devices = Vec::new();
    let mut covered: Vec<PathBuf> = Vec::new();
    let mut points = Vec::new();
    for mount in mounts.into_iter().rev().filter(|mount| mount.writable) {
        let hidden = covered.contains(&mount.point) || devices.contains(&mount.device);
        covered.push(mount.point.clone());
        if !hidden && !KEPT_IN_MEMORY.contains(&mount.kind.as_str()) {
            devices.push(mount.device);
            points.push(mount.point);
        }
    }
    points.reverse();
    points
}

/// The child's word on the file systems it is through with.
#[derive(Default)]
struct Heard {
    through: usize,
    everything: bool,
    failed: Vec<(PathBuf, io::Error)>,
}

pub(super) fn carry_out(scene: &mut Scene, reins: &mut Reins<'_>) -> Outcome {
    let points = file_systems(scene);
    let before = waiting(scene);
    let started = start(&points);
    let (child, records) = match started {
        Ok(started) => started,
        Err(error) => return Outcome::refused(error, "a process more than there are"),
    };
    let mut heard = Heard::default();
    let ended = listen(&records, &points, &mut heard, reins);
    let left = waiting(scene);
    let left_words = left.map_or("an unknown amount".to_owned(), |left| left.to_string());
    let status = match ended {
        Ok(()) => {
            let _ = waitpid(Some(child), WaitOptions::empty());
            heard.status()
        }
        Err(stop) => {
            reap_later(child);
            let at = points.get(heard.through).map(|point| format!(" ({})", point.display()));
            let at = at.unwrap_or_default();
            Status::stopped(stop, format!("still writing{at}: {left_words} is left"))
        }
    };
    let outcome = Outcome::ended(status, mechanism());
    match before {
        Some(before) => outcome.note(format!(
            "waiting to be written: {before} before, {left_words} after, on {} file systems",
            points.len()
        )),
        None => outcome,
    }
}

fn start(points: &[PathBuf]) -> Result<(Pid, OwnedFd), Error> {
    let strings = points.iter().filter_map(|point| CString::new(point.as_os_str().as_bytes()).ok());
    let strings: Vec<_> = strings.collect();
    let (records, report) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| Error::call("pipe", e))?;
    let child = system_calls::write_back(&strings, report).map_err(|e| Error::call("fork", e))?;
    Ok((child, records))
}

/// Hears the child out, or until the reins say stop.
fn listen(
    records: &OwnedFd,
    points: &[PathBuf],
    heard: &mut Heard,
    reins: &mut Reins<'_>,
) -> Result<(), Stop> {
    let mut pending = Vec::new();
    let mut buffer = [0; 64 * RECORD];
    loop {
        if let Some(stop) = reins.stop() {
            return Err(stop);
        }
        let at = points.get(heard.through).map(|point| point.display().to_string());
        reins.tell(&format!("writing back {}", at.unwrap_or_else(|| "everything".to_owned())));
        let patience = Timespec::try_from(reins.patience()).ok();
        match poll(&mut [PollFd::new(records, PollFlags::IN)], patience.as_ref()) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            // Without a word from the child there is nothing more to hear.
            Err(_) => return Ok(()),
        }
        match read(records, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => pending.extend_from_slice(&buffer[..length]),
            Err(Errno::INTR) => {}
            Err(_) => return Ok(()),
        }
        while let Some((record, rest)) = pending.split_first_chunk::<RECORD>() {
            heard.hear(*record, points);
            pending = rest.to_vec();
        }
    }
}

/// Waits for a child that is left behind, so that it doesn't stay as a zombie while this process
/// lives; when this process ends first, the system does it.
fn reap_later(child: Pid) {
    let _ = std::thread::Builder::new()
        .name("memtide-reap".into())
        .spawn(move || waitpid(Some(child), WaitOptions::empty()));
}

impl Heard {
    fn hear(&mut self, record: [u8; RECORD], points: &[PathBuf]) {
        let [a, b, c, d, e, f, g, h] = record;
        let (index, error) = (u32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h]));
        if index == EVERYTHING {
            self.everything = true;
            return;
        }
        self.through += 1;
        let point = usize::try_from(index).ok().and_then(|index| points.get(index));
        if let Some(point) = point.filter(|_| error != 0) {
            self.failed.push((point.clone(), io::Error::from_raw_os_error(error)));
        }
    }

    fn status(mut self) -> Status {
        if self.everything {
            // What could not be opened was written back with everything else.
            self.failed.retain(|(_, error)| error.kind() != io::ErrorKind::PermissionDenied);
        }
        match self.failed.first() {
            None => Status::Done,
            Some((point, error)) => {
                let more = self.failed.len() - 1;
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                Status::Partial { why: format!("syncfs {}: {error}{more}", point.display()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    const MOUNTS: &[u8] = b"20 1 254:0 / / rw - ext4 /dev/vda rw\n\
        21 20 0:5 / /dev rw - devtmpfs dev rw\n\
        22 20 254:0 /home /home rw - ext4 /dev/vda rw\n\
        23 20 254:1 / /cd ro - iso9660 /dev/sr0 ro\n\
        24 20 0:9 / /net rw - autofs systemd-1 rw\n\
        25 20 254:2 / /usb rw - vfat /dev/sda1 rw\n\
        26 20 254:3 / /usb rw - vfat /dev/sdb1 rw\n";

    #[test]
    fn each_file_system_is_written_back_once_where_it_can_be_reached() {
        let points = choose(mounts::parse(MOUNTS));
        let points: Vec<_> = points.iter().filter_map(|point| point.to_str()).collect();
        assert_eq!(points, ["/home", "/usb"]);
    }

    fn record(index: u32, error: i32) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[..4].copy_from_slice(&index.to_ne_bytes());
        record[4..].copy_from_slice(&error.to_ne_bytes());
        record
    }

    #[test]
    fn an_error_is_told_and_a_refusal_is_made_up_for() {
        let points = [PathBuf::from("/a"), PathBuf::from("/b")];
        let refused = Errno::ACCESS.raw_os_error();
        let mut heard = Heard::default();
        heard.hear(record(0, refused), &points);
        heard.hear(record(1, 0), &points);
        heard.hear(record(EVERYTHING, 0), &points);
        assert_eq!(heard.through, 2);
        assert!(matches!(heard.status(), Status::Done));

        let mut heard = Heard::default();
        heard.hear(record(1, Errno::IO.raw_os_error()), &points);
        let reason = heard.status().reason().expect("a reason");
        assert!(reason.starts_with("syncfs /b: "), "{reason}");
    }

    #[test]
    fn a_child_that_never_answers_is_not_waited_for() {
        let (records, _report) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let (cancel, began) = (AtomicBool::new(false), Instant::now());
        let deadline = began.checked_add(Duration::from_millis(120));
        let mut reins = Reins { deadline, cancel: &cancel, limit: None, tell: &mut |_| () };
        let ended = listen(&records, &[], &mut Heard::default(), &mut reins);
        assert_eq!(ended, Err(Stop::TimedOut));
        cancel.store(true, Ordering::Relaxed);
        let ended = listen(&records, &[], &mut Heard::default(), &mut reins);
        assert_eq!(ended, Err(Stop::Cancelled));
    }

    #[test]
    fn a_real_file_system_is_written_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let points = [directory.path().to_path_buf(), PathBuf::from("/nowhere/at/all")];
        let (child, records) = start(&points).expect("a child");
        let cancel = AtomicBool::new(false);
        let mut heard = Heard::default();
        let mut reins = Reins { deadline: None, cancel: &cancel, limit: None, tell: &mut |_| () };
        assert_eq!(listen(&records, &points, &mut heard, &mut reins), Ok(()));
        waitpid(Some(child), WaitOptions::empty()).expect("the child ended");
        assert_eq!(heard.through, 2);
        assert_eq!(heard.failed.len(), 1);
        assert_eq!(heard.failed[0].1.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn no_record_makes_it_panic() {
        let mut heard = Heard::default();
        heard.hear([0xfe; RECORD], &[]);
        assert!(matches!(heard.status(), Status::Done));
    }
}
