//! The processes whose working sets are taken.

use super::{Scene, read_or_empty};
use crate::linux::cgroup::Location;
use crate::linux::proc_file::lines;
use memtide_core::units::Bytes;
use std::path::Path;

/// A process whose working set may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
    /// What of it is in memory, about.
    pub(super) resident: Bytes,
}

/// Whom a request means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// The processes, largest first: a limit is then reached with the fewest disturbed.
    pub(super) chosen: Vec<Process>,
    /// How many were left alone by name.
    pub(super) excluded: usize,
    /// Names that no process has.
    pub(super) unmatched: Vec<String>,
    /// Process ids that don't exist, or not in the cgroup.
    pub(super) missing: Vec<u32>,
}

/// Chooses the processes; this one, kernel threads and the excluded are left out.
pub(super) fn select(scene: &Scene) -> Selection {
    let there = match &scene.cgroup {
        Some(location) => in_cgroup(location),
        None => in_proc(&scene.root),
    };
    let named = &scene.pids;
    let wanted = |pid: &u32| named.is_empty() || named.contains(pid);
    let mut selection = Selection {
        missing: named.iter().copied().filter(|pid| !there.contains(pid)).collect(),
        unmatched: scene.exclude.clone(),
        ..Selection::default()
    };
    for pid in there.into_iter().filter(wanted) {
        let directory = scene.root.join("proc").join(pid.to_string());
        let names = names(&directory);
        let excluded = scene.exclude.iter().any(|name| names.contains(name));
        selection.unmatched.retain(|name| !names.contains(name));
        let Some(resident) = resident(&directory) else { continue };
        if excluded {
            selection.excluded += 1;
        } else if pid != std::process::id() {
            let name = names.into_iter().next().unwrap_or_default();
            selection.chosen.push(Process { pid, name, resident });
        }
    }
    selection.chosen.sort_by(|a, b| b.resident.cmp(&a.resident).then(a.pid.cmp(&b.pid)));
    selection
}

/// The processes of a cgroup and of those below it.
fn in_cgroup(location: &Location) -> Vec<u32> {
    let mut directories = vec![location.directory.clone()];
    let mut pids = Vec::new();
    while let Some(directory) = directories.pop() {
        let text = read_or_empty(&directory.join("cgroup.procs"));
        pids.extend(lines(&text).filter_map(|line| line.parse::<u32>().ok()));
        let Ok(below) = std::fs::read_dir(&directory) else { continue };
        let is_directory = |e: &std::fs::DirEntry| e.file_type().is_ok_and(|t| t.is_dir());
        directories.extend(below.flatten().filter(is_directory).map(|entry| entry.path()));
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn in_proc(root: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(root.join("proc")) else { return Vec::new() };
    let pid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(pid).collect()
}

/// What a process is called: its own name, its program's file, and how it was called.
fn names(directory: &Path) -> Vec<String> {
    let base = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
    let own = std::fs::read(directory.join("comm")).ok().map(|name| text(&name));
    let file = std::fs::read_link(directory.join("exe")).ok().and_then(|path| base(&path));
    let command = read_or_empty(&directory.join("cmdline"));
    let first = command.split(|b| *b == 0).next().filter(|first| !first.is_empty());
    let called = first.and_then(|first| base(Path::new(&text(first))));
    [own, file, called].into_iter().flatten().collect()
}

/// What of a process is in memory; `None` for one that has none: a kernel thread, or ended.
fn resident(directory: &Path) -> Option<Bytes> {
    let text = std::fs::read_to_string(directory.join("statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (pages > 0).then(|| Bytes::from_pages(pages))
}
