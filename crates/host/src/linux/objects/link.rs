//! What the link of an open file says of it.

use crate::objects::{Access, Channel, Domain, WAITERS_NAME, Waiters};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The kind of file system that a file must be on to be what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    Proc,
    /// Either version of cgroups.
    Cgroup,
    /// The kernel's own, where memory files live.
    Tmpfs,
}

/// What a file is by its name, before the file system that it is on confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) channel: Channel,
    pub(super) domain: Domain,
    pub(super) on: FileSystem,
}

/// What the kernel adds to the name of a file that was removed.
const REMOVED: &[u8] = b" (deleted)";

/// What an open file may be, by the text of its link in /proc/PID/fd.
///
/// A file of another mount namespace is named from the root of its own mount, so only the end of
/// the name is compared.
pub(super) fn candidate(link: &[u8]) -> Option<Candidate> {
    let path = link.strip_suffix(REMOVED).unwrap_or(link);
    let memory_file = path.strip_prefix(b"/memfd:");
    if memory_file == Some(WAITERS_NAME.as_bytes()) {
        let channel = Channel::Memtide(Waiters::default());
        return Some(Candidate { channel, domain: Domain::Machine, on: FileSystem::Tmpfs });
    }
    let slash = path.iter().rposition(|b| *b == b'/')?;
    let (directory, name) = (&path[..slash], &path[slash + 1..]);
    let channel = match name {
        b"memory" if directory.ends_with(b"/pressure") => {
            let (channel, domain) = (Channel::Pressure, Domain::Machine);
            return Some(Candidate { channel, domain, on: FileSystem::Proc });
        }
        b"memory.pressure" => Channel::Pressure,
        b"memory.events" | b"memory.events.local" => Channel::Events,
        b"cgroup.event_control"
        | b"memory.pressure_level"
        | b"memory.oom_control"
        | b"memory.usage_in_bytes"
        | b"memory.memsw.usage_in_bytes" => Channel::EventControl,
        _ => return None,
    };
    let directory = if directory.is_empty() { b"/" } else { directory };
    let domain = Domain::Cgroup(Path::new(OsStr::from_bytes(directory)).to_path_buf());
    Some(Candidate { channel, domain, on: FileSystem::Cgroup })
}

/// The flags a file was opened with, from the text of /proc/PID/fdinfo/N.
///
/// Source: proc_pid_fdinfo(5).
#[must_use]
pub fn parse_fdinfo_flags(text: &[u8]) -> Option<u32> {
    let mut lines = text.split(|b| *b == b'\n');
    let flags = lines.find_map(|line| line.strip_prefix(b"flags:"))?;
    u32::from_str_radix(std::str::from_utf8(flags).ok()?.trim(), 8).ok()
}

/// What may be done with a file opened with these flags.
pub(super) fn access(flags: Option<u32>) -> Access {
    // The two lowest bits: 0 read, 1 write, 2 both.
    match flags.map(|flags| flags & 0b11) {
        Some(0) => Access::Reads,
        Some(1 | 2) => Access::Registers,
        _ => Access::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(link: &str) -> Option<(Channel, Domain)> {
        candidate(link.as_bytes()).map(|c| (c.channel, c.domain))
    }

    #[test]
    fn files_that_tell_of_memory_are_known_by_their_names() {
        let group = |path: &str| Domain::Cgroup(path.into());
        for (link, expected) in [
            ("/proc/pressure/memory", (Channel::Pressure, Domain::Machine)),
            ("/pressure/memory", (Channel::Pressure, Domain::Machine)),
            ("/sys/fs/cgroup/a/memory.pressure", (Channel::Pressure, group("/sys/fs/cgroup/a"))),
            ("/memory.events", (Channel::Events, group("/"))),
            ("/a b/memory.events.local (deleted)", (Channel::Events, group("/a b"))),
            ("/x/cgroup.event_control", (Channel::EventControl, group("/x"))),
            ("/x/memory.pressure_level", (Channel::EventControl, group("/x"))),
            ("/x/memory.oom_control", (Channel::EventControl, group("/x"))),
            ("/x/memory.usage_in_bytes", (Channel::EventControl, group("/x"))),
            (
                "/memfd:memtide-conditions (deleted)",
                (Channel::Memtide(Waiters::default()), Domain::Machine),
            ),
        ] {
            assert_eq!(found(link), Some(expected), "{link}");
        }
    }

    #[test]
    fn other_files_are_not() {
        for link in [
            "",
            "/",
            "socket:[1]",
            "anon_inode:[eventfd]",
            "/proc/pressure/cpu",
            "/proc/pressure",
            "/home/memory",
            "/x/memory.events.old",
            "/x/memory.stat",
            "/memfd:memtide-conditions2 (deleted)",
            "/x/memfd:memtide-conditions",
            "memory.events",
        ] {
            assert_eq!(found(link), None, "{link}");
        }
    }

    #[test]
    fn a_file_that_may_be_written_registers() {
        let flags = |text: &[u8]| access(parse_fdinfo_flags(text));
        assert_eq!(flags(b"pos:\t0\nflags:\t02100002\nmnt_id:\t3\n"), Access::Registers);
        assert_eq!(flags(b"flags:\t0100001\n"), Access::Registers);
        assert_eq!(flags(b"pos:\t0\nflags:\t02100000\n"), Access::Reads);
        for text in ["", "flags:", "flags: 9", "flags:\t7777777777777777"] {
            assert_eq!(flags(text.as_bytes()), Access::Unknown, "{text:?}");
        }
    }
}
