//! /proc/PID/smaps_rollup: how a process shares its memory, page by page.

use super::status::kib;
use memtide_core::units::Bytes;

/// What Memtide uses of /proc/PID/smaps_rollup; `None` is a line that isn't there.
///
/// Source: proc_pid_smaps(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmapsRollup {
    /// Memory mapped into it now.
    pub resident: Option<Bytes>,
    /// The same with each page divided by the number of processes that map it.
    pub proportional: Option<Bytes>,
    /// Pages that others map too.
    pub shared_clean: Option<Bytes>,
    /// Pages that others map too and that were written.
    pub shared_dirty: Option<Bytes>,
    /// Pages that it alone maps.
    pub private_clean: Option<Bytes>,
    /// Pages that it alone maps and that were written.
    pub private_dirty: Option<Bytes>,
    /// Anonymous memory in swap.
    pub swap: Option<Bytes>,
}

impl SmapsRollup {
    /// Reads the text of /proc/PID/smaps_rollup; lines it doesn't know are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut rollup = Self::default();
        for line in text.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let value = &line[colon + 1..];
            match &line[..colon] {
                b"Rss" => rollup.resident = kib(value),
                b"Pss" => rollup.proportional = kib(value),
                b"Shared_Clean" => rollup.shared_clean = kib(value),
                b"Shared_Dirty" => rollup.shared_dirty = kib(value),
                b"Private_Clean" => rollup.private_clean = kib(value),
                b"Private_Dirty" => rollup.private_dirty = kib(value),
                b"Swap" => rollup.swap = kib(value),
                _ => {}
            }
        }
        rollup
    }

    /// Pages that it alone maps.
    #[must_use]
    pub fn private(&self) -> Option<Bytes> {
        Some(self.private_clean?.saturating_add(self.private_dirty?))
    }

    /// Pages that others map too.
    #[must_use]
    pub fn shared(&self) -> Option<Bytes> {
        Some(self.shared_clean?.saturating_add(self.shared_dirty?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_reads_and_its_header_is_no_line() {
        let text = b"55f97431f000-7fff92972000 ---p 00000000 00:00 0    [rollup]\n\
            Rss:    1768 kB\nPss:     971 kB\nPss_Dirty:   112 kB\nShared_Clean:  1088 kB\n\
            Shared_Dirty:   0 kB\nPrivate_Clean:  568 kB\nPrivate_Dirty:  112 kB\nSwap: 4 kB\n";
        let rollup = SmapsRollup::parse(text);
        let kib = |n| Some(Bytes::from_kib(n));
        assert_eq!((rollup.resident, rollup.proportional), (kib(1768), kib(971)));
        assert_eq!((rollup.private(), rollup.shared(), rollup.swap), (kib(680), kib(1088), kib(4)));
        assert_eq!(SmapsRollup::parse(b"").private(), None);
    }
}
