//! The commit charge and its limits under the three overcommit modes.

use super::meminfo::Meminfo;
use super::mounts::unescape;
use super::proc_file::lines;
use crate::{Commit, CommitRule};
use memtide_core::units::Bytes;
use std::path::{Path, PathBuf};

/// The rule that /proc/sys/vm/overcommit_memory names, or `None` for a mode unknown to us.
#[must_use]
pub fn parse_overcommit(text: &[u8]) -> Option<CommitRule> {
    match text.trim_ascii() {
        b"0" => Some(CommitRule::Heuristic),
        b"1" => Some(CommitRule::Always),
        b"2" => Some(CommitRule::Strict),
        _ => None,
    }
}

/// The page files in use, from the text of /proc/swaps.
#[must_use]
pub fn parse_swaps(text: &[u8]) -> Vec<PathBuf> {
    let name = |line: &str| line.split_ascii_whitespace().next().map(unescape);
    lines(text).skip(1).filter_map(name).collect()
}

/// The page files that are configured, from the text of /etc/fstab.
///
/// Entries by label or UUID are given as the link under /dev/disk that leads to the device.
#[must_use]
pub fn parse_fstab(text: &[u8]) -> Vec<PathBuf> {
    let swap = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let source = words.next().filter(|s| !s.starts_with('#'))?;
        let kind = words.nth(1)?;
        (kind == "swap").then(|| source_path(source))
    };
    lines(text).filter_map(swap).collect()
}

fn source_path(source: &str) -> PathBuf {
    for (tag, directory) in [
        ("UUID=", "by-uuid"),
        ("LABEL=", "by-label"),
        ("PARTUUID=", "by-partuuid"),
        ("PARTLABEL=", "by-partlabel"),
    ] {
        if let Some(value) = source.strip_prefix(tag) {
            return Path::new("/dev/disk").join(directory).join(value.trim_matches('"'));
        }
    }
    unescape(source)
}

/// What the configured page files that are not in use would add.
///
/// `None` where one of them cannot be measured, so that the sum would be a guess.
pub(crate) fn swap_to_add(in_use: &[PathBuf], configured: &[PathBuf]) -> Option<Bytes> {
    let real = |path: &PathBuf| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let in_use: Vec<PathBuf> = in_use.iter().map(real).collect();
    let mut sum = Bytes::ZERO;
    for path in configured.iter().map(real).filter(|path| !in_use.contains(path)) {
        match size(&path) {
            Ok(bytes) => sum = sum.saturating_add(bytes),
            // A page file that isn't there can't be added.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return None,
        }
    }
    Some(sum)
}

fn size(path: &Path) -> std::io::Result<Bytes> {
    use std::os::unix::fs::FileTypeExt;
    let metadata = std::fs::metadata(path)?;
    if !metadata.file_type().is_block_device() {
        return Ok(Bytes(metadata.len()));
    }
    let name = path.file_name().unwrap_or_default();
    let sectors = Path::new("/sys/class/block").join(name).join("size");
    let text = std::fs::read_to_string(sectors)?;
    let sectors: u64 = text.trim().parse().map_err(std::io::Error::other)?;
    Ok(Bytes(sectors.saturating_mul(512)))
}

/// The commit charge and its limits.
///
/// Under mode 2 the kernel's own limit holds. Under modes 0 and 1 it enforces none, and the limit
/// is what can be had: the memory and the swap that could ever back a promise.
pub(crate) fn commit(meminfo: &Meminfo, rule: Option<CommitRule>, to_add: Option<Bytes>) -> Commit {
    let limit = match rule {
        Some(CommitRule::Strict) => meminfo.commit_limit,
        Some(CommitRule::Heuristic | CommitRule::Always) => backable(meminfo),
        None => None,
    };
    Commit {
        charge: meminfo.committed_as,
        limit,
        maximum: limit.zip(to_add).map(|(limit, more)| limit.saturating_add(more)),
        peak: None,
        rule,
    }
}

fn backable(meminfo: &Meminfo) -> Option<Bytes> {
    let (total, swap) = (meminfo.total?, meminfo.swap_total?);
    // Huge pages are set aside: no ordinary promise can be kept with them.
    Some(total.saturating_sub(meminfo.hugetlb.unwrap_or_default()).saturating_add(swap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_page_files_read_from_fstab() {
        let text = b"# swap swap swap\n/dev/sda1 / ext4 rw 0 1\nUUID=ab-c none swap sw 0 0\n\
            /swap\\040file none swap noauto 0 0\nproc\n";
        let expected = vec![PathBuf::from("/dev/disk/by-uuid/ab-c"), PathBuf::from("/swap file")];
        assert_eq!(parse_fstab(text), expected);
    }

    #[test]
    fn page_files_in_use_read_from_swaps() {
        let text = b"Filename Type Size Used Priority\n/dev/vdb  partition 262140 0 -2\n";
        assert_eq!(parse_swaps(text), vec![PathBuf::from("/dev/vdb")]);
        assert_eq!(parse_swaps(b""), Vec::<PathBuf>::new());
    }

    #[test]
    fn only_page_files_not_in_use_are_added() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for (name, size) in [("used", 3 << 20), ("unused", 5 << 20)] {
            let file = std::fs::File::create(path(name)).expect("a file");
            file.set_len(size).expect("a size");
        }
        let configured = [path("used"), path("unused"), path("absent")];
        assert_eq!(swap_to_add(&[path("used")], &configured), Some(Bytes(5 << 20)));
    }

    #[test]
    fn each_overcommit_mode_has_its_limit() {
        let text = b"MemTotal: 1000 kB\nSwapTotal: 100 kB\nHugetlb: 200 kB\n\
            CommitLimit: 500 kB\nCommitted_AS: 50 kB\n";
        let meminfo = Meminfo::parse(text);
        let limit = |mode: &[u8]| {
            let commit = commit(&meminfo, parse_overcommit(mode), Some(Bytes::from_kib(10)));
            (commit.limit, commit.maximum)
        };
        let kib = |n| Some(Bytes::from_kib(n));
        assert_eq!(limit(b"0\n"), (kib(900), kib(910)));
        assert_eq!(limit(b"1\n"), (kib(900), kib(910)));
        assert_eq!(limit(b"2\n"), (kib(500), kib(510)));
        assert_eq!(limit(b"7\n"), (None, None));
    }
}
