//! The open files of every process: who listens for memory conditions.

mod link;

pub use link::parse_fdinfo_flags;

use super::process_files::{FIRST_PID, FileReader, Missing, ProcDirectory, pids};
use super::processes::Status;
use super::shared_work::share_work;
use crate::Error;
use crate::objects::Waiters;
use crate::objects::{Access, Channel, Domain, Judged, Listener, Listeners, WAITERS_LENGTH};
use link::{Candidate, FileSystem};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Dir, Mode, OFlags};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(crate) fn find() -> Result<Listeners, Error> {
    let root = Path::new("/");
    let proc = ProcDirectory::open(root)?;
    let pids = pids(root)?;
    let searched = share_work(&pids, |files, pid| {
        let found = search(files, &proc, *pid);
        let closed = found == Err(Missing::Closed) && !is_kernel_thread(files, &proc, *pid);
        (found, closed)
    });
    let others_hidden = !pids.contains(&FIRST_PID);
    let mut listeners = Listeners { others_hidden, ..Listeners::default() };
    for (found, closed) in searched {
        listeners.closed += usize::from(closed);
        if let Ok(found) = found {
            listeners.searched += 1;
            listeners.found.extend(found);
        }
    }
    listeners.found.sort_by(|a, b| (a.pid, &a.file).cmp(&(b.pid, &b.file)));
    Ok(listeners)
}

/// Threads of the kernel listen to nothing, whether they may be looked into or not.
fn is_kernel_thread(files: &mut FileReader, proc: &ProcDirectory, pid: u32) -> bool {
    let status = files.read(proc, format!("{pid}/status")).map(Status::parse);
    status.is_ok_and(|s| s.kernel_thread.unwrap_or(s.resident.is_none()))
}

fn search(
    files: &mut FileReader,
    proc: &ProcDirectory,
    pid: u32,
) -> Result<Vec<Listener>, Missing> {
    let process = proc.process(pid)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&process, c"fd", flags, Mode::empty())?;
    let mut found: Vec<Listener> = Vec::new();
    let mut link = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let number = entry.file_name();
        // A file that was closed meanwhile is no longer held; `.` and `..` are no links.
        let Ok(text) = rustix::fs::readlinkat(&directory, number, link) else {
            link = Vec::new();
            continue;
        };
        if let Some(candidate) = link::candidate(text.as_bytes())
            && let Some(mut listener) = confirm(files, &process, &directory, number, candidate)
        {
            listener.pid = pid;
            listener.file = PathBuf::from(OsStr::from_bytes(text.as_bytes()));
            add(&mut found, listener);
        }
        link = text.into_bytes();
    }
    if !found.is_empty() {
        let name = files.read(&process, c"comm").ok();
        let name = name.map(|n| String::from_utf8_lossy(n.trim_ascii_end()).into_owned());
        found.iter_mut().for_each(|listener| listener.name.clone_from(&name));
    }
    Ok(found)
}

/// A second handle of the same kind on the same file adds to the first.
fn add(found: &mut Vec<Listener>, listener: Listener) {
    let same = |l: &&mut Listener| {
        (&l.file, l.channel, l.access) == (&listener.file, listener.channel, listener.access)
    };
    match found.iter_mut().find(same) {
        Some(known) => known.handles += 1,
        None => found.push(listener),
    }
}

/// Confirms by the file itself what its name says, and learns how it was opened.
fn confirm(
    files: &mut FileReader,
    process: &OwnedFd,
    directory: &OwnedFd,
    number: &CStr,
    candidate: Candidate,
) -> Option<Listener> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, number, flags, Mode::empty()).ok()?;
    if !is_on(&file, candidate.on) {
        return None;
    }
    let (mut channel, mut domain) = (candidate.channel, candidate.domain);
    let mut access = Access::Reads;
    if matches!(channel, Channel::Memtide(_)) {
        let waiters = waiters(directory, number)?;
        channel = Channel::Memtide(waiters);
        domain = match waiters.judged {
            Judged::Machine => Domain::Machine,
            Judged::Container => Domain::Container,
        };
    } else {
        let info = format!("fdinfo/{}", number.to_string_lossy());
        let flags = files.read(process, info).ok().and_then(parse_fdinfo_flags);
        access = link::access(flags);
    }
    let (name, file) = (None, PathBuf::new());
    Some(Listener { pid: 0, name, channel, access, domain, file, handles: 1 })
}

fn is_on(file: &OwnedFd, wanted: FileSystem) -> bool {
    let Ok(statfs) = rustix::fs::fstatfs(file) else { return false };
    let kind = statfs.f_type;
    match wanted {
        FileSystem::Proc => kind == libc::PROC_SUPER_MAGIC,
        FileSystem::Cgroup => kind == libc::CGROUP_SUPER_MAGIC || kind == libc::CGROUP2_SUPER_MAGIC,
        FileSystem::Tmpfs => kind == libc::TMPFS_MAGIC,
    }
}

fn waiters(directory: impl AsFd, number: &CStr) -> Option<Waiters> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, number, flags, Mode::empty()).ok()?;
    // One byte more, so that a longer file is not taken for one of ours.
    let mut bytes = [0; WAITERS_LENGTH + 1];
    let length = rustix::io::pread(&file, &mut bytes, 0).ok()?;
    Waiters::decode(&bytes[..length])
}
