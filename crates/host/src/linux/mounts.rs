//! /proc/self/mountinfo: where file systems are mounted.

use super::proc_file::lines;
use std::path::PathBuf;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The device, as `major:minor`; mounts of one file system share it.
    pub device: String,
    /// Whether it can be written through this mount.
    pub writable: bool,
    /// The directory of the file system that is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// The kind of file system, such as `cgroup2`.
    pub kind: String,
    /// The options of the file system itself.
    pub options: String,
}

impl Mount {
    /// Whether the file system has this option.
    #[must_use]
    pub fn has_option(&self, wanted: &str) -> bool {
        self.options.split(',').any(|option| option == wanted)
    }
}

/// Reads the text of /proc/self/mountinfo; lines that are not mounts are left out.
///
/// Source: proc_pid_mountinfo(5).
#[must_use]
pub fn parse(text: &[u8]) -> Vec<Mount> {
    lines(text).filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let device = left.next()?.to_owned();
    let (root, point) = (unescape(left.next()?), unescape(left.next()?));
    let writable = left.next()?.split(',').any(|option| option == "rw");
    let mut right = right.split(' ');
    let kind = right.next()?.to_owned();
    let options = right.nth(1)?.to_owned();
    Some(Mount { device, writable, root, point, kind, options })
}

/// Turns the octal escapes of /proc (`\040` for a space) back into characters.
pub(crate) fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| first == b'\\');
        let octal = octal.and_then(|o| std::str::from_utf8(o).ok());
        match octal.and_then(|o| u8::from_str_radix(o, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_reads_with_its_escapes() {
        let text = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - cgroup /dev/x rw,memory\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].point, PathBuf::from("/mnt 2"));
        assert_eq!(mounts[0].kind, "cgroup");
        assert_eq!((mounts[0].device.as_str(), mounts[0].writable), ("98:0", true));
        assert!(mounts[0].has_option("memory") && !mounts[0].has_option("mem"));
    }

    #[test]
    fn lines_that_are_no_mounts_are_left_out() {
        assert_eq!(parse(b"\n - \n1 2 3\n1 2 3 / /x rw -cgroup a b\n"), vec![]);
    }
}
