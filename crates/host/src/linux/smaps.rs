//! /proc/PID/smaps: what a process has mapped, and how much of it is in memory.

use super::proc_file::lines;
use memtide_core::units::Bytes;

/// What is behind a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A file, or shared memory, which the kernel keeps as a file.
    File,
    /// Nothing but memory and swap.
    Anonymous,
    /// The kernel itself: vdso, vvar, vsyscall.
    Kernel,
}

/// One mapping of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// The address after its last.
    pub end: u64,
    /// What is behind it.
    pub backing: Backing,
    /// What of it is in memory.
    pub resident: Bytes,
    /// What of that is anonymous, such as private copies of a file's pages.
    pub anonymous: Bytes,
    /// What of it is unchanged and mapped here only.
    pub private_clean: Bytes,
    /// What of it is in swap.
    pub swapped: Bytes,
    /// Whether the kernel must keep it: locked, huge pages, or the memory of a device.
    pub pinned: bool,
    /// Whether its pages are offered for merging (MADV_MERGEABLE).
    pub mergeable: bool,
}

impl Mapping {
    /// Its length.
    #[must_use]
    pub const fn length(&self) -> Bytes {
        Bytes(self.end.saturating_sub(self.start))
    }
}

/// Reads the text of /proc/PID/smaps; what is no mapping is left out.
///
/// Source: proc_pid_smaps(5).
#[must_use]
pub fn parse(text: &[u8]) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in lines(text) {
        if let Some(mapping) = parse_header(line) {
            mappings.push(mapping);
        } else if let Some(mapping) = mappings.last_mut() {
            parse_field(line, mapping);
        }
    }
    mappings
}

/// What is in memory by the text of /proc/PID/smaps_rollup.
#[must_use]
pub fn parse_rollup(text: &[u8]) -> Option<Bytes> {
    lines(text).find_map(|line| kib(line.strip_prefix("Rss:")?))
}

fn parse_header(line: &str) -> Option<Mapping> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok().filter(|end| *end > start)?;
    let inode = words.nth(3)?;
    let name = words.next().unwrap_or_default();
    let backing = match name {
        "[vvar]" | "[vvar_vclock]" | "[vdso]" | "[vsyscall]" | "[sigpage]" | "[vectors]" => {
            Backing::Kernel
        }
        _ if inode == "0" => Backing::Anonymous,
        _ => Backing::File,
    };
    Some(Mapping {
        start,
        end,
        backing,
        resident: Bytes::ZERO,
        anonymous: Bytes::ZERO,
        private_clean: Bytes::ZERO,
        swapped: Bytes::ZERO,
        pinned: false,
        mergeable: false,
    })
}

fn parse_field(line: &str, mapping: &mut Mapping) {
    let Some((name, value)) = line.split_once(':') else { return };
    let amount = match name {
        "Rss" => &mut mapping.resident,
        "Anonymous" => &mut mapping.anonymous,
        "Private_Clean" => &mut mapping.private_clean,
        "Swap" => &mut mapping.swapped,
        "VmFlags" => {
            let has = |wanted: &[&str]| value.split_ascii_whitespace().any(|f| wanted.contains(&f));
            mapping.pinned = has(&["lo", "ht", "pf", "io"]);
            mapping.mergeable = has(&["mg"]);
            return;
        }
        _ => return,
    };
    *amount = kib(value).unwrap_or(*amount);
}

fn kib(value: &str) -> Option<Bytes> {
    let mut words = value.split_ascii_whitespace();
    let kib = words.next()?.parse().ok()?;
    (words.next() == Some("kB")).then_some(Bytes::from_kib(kib))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"55f0c8a00000-55f0c8b00000 r-xp 00001000 fe:00 1234   /usr/bin/a b\n\
        Size:               1024 kB\nRss:                 400 kB\nPrivate_Clean:       300 kB\n\
        Anonymous:            20 kB\nSwap:                  0 kB\nVmFlags: rd ex mr mw me sd \n\
        7f00-8f00 rw-p 00000000 00:00 0 [heap]\nRss: 4 kB\nVmFlags: rd wr mg lo \n\
        7ffd1000-7ffd2000 r--p 00000000 00:00 0 [vvar]\nRss: 0 kB\n";

    #[test]
    fn mappings_read_with_what_is_behind_them() {
        let mappings = parse(TEXT);
        assert_eq!(mappings.len(), 3);
        let first = mappings[0];
        assert_eq!((first.start, first.end), (0x55f0_c8a0_0000, 0x55f0_c8b0_0000));
        assert_eq!((first.backing, first.length()), (Backing::File, Bytes::from_mib(1)));
        assert_eq!(first.resident, Bytes::from_kib(400));
        assert_eq!(first.private_clean, Bytes::from_kib(300));
        assert_eq!((first.anonymous, first.pinned), (Bytes::from_kib(20), false));
        assert_eq!(mappings[1].backing, Backing::Anonymous);
        assert!(mappings[1].pinned && mappings[1].mergeable);
        assert_eq!(mappings[2].backing, Backing::Kernel);
    }

    #[test]
    fn what_is_no_mapping_is_left_out() {
        let text = b"Rss: 4 kB\nzz-10 r\n20-10 r-xp 0 0 0\n-\n10-20\n\xff-\xff\nRss: 1 kB\n";
        assert_eq!(parse(text), []);
        assert_eq!(parse_rollup(b"1-2 [rollup]\nRss:  12 kB\n"), Some(Bytes::from_kib(12)));
        assert_eq!(parse_rollup(b""), None, "a process that has ended");
    }
}
