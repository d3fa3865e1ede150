//! A cgroup's memory.stat and its limit files.

use super::Version;
use crate::linux::proc_file::lines;
use memtide_core::units::Bytes;

/// The counters of a memory.stat that Memtide uses; `None` is one this kernel lacks.
///
/// Source: the kernel's admin guide, "Control Group v2" and "Memory Resource Controller".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// Anonymous memory.
    pub anonymous: Option<Bytes>,
    /// Anonymous pages and shared memory on both lists, mapped or not.
    pub listed_anonymous: Option<Bytes>,
    /// Shared memory: pages without a file that several programs may map.
    pub shared: Option<Bytes>,
    /// Pages that are also in swap; version 1 tells since 6.8.
    pub swap_cached: Option<Bytes>,
    /// File pages on the active list.
    pub active_file: Option<Bytes>,
    /// File pages on the inactive list.
    pub inactive_file: Option<Bytes>,
    /// Reclaimable slab; version 1 doesn't tell.
    pub reclaimable_slab: Option<Bytes>,
    /// File pages that must be written.
    pub dirty: Option<Bytes>,
    /// File pages being written.
    pub writeback: Option<Bytes>,
    /// File pages that are mapped into programs.
    pub mapped: Option<Bytes>,
    /// File pages read again after they were reclaimed.
    pub refault_file: Option<u64>,
    /// Anonymous pages read again after they were reclaimed.
    pub refault_anonymous: Option<u64>,
    /// Records of reclaimed pages that were themselves reclaimed, each of up to 64 pages.
    pub records_lost: Option<u64>,
    /// Page faults that read from a disk.
    pub major_faults: Option<u64>,
    /// Pages read from swap; many kernels do not tell.
    pub swap_ins: Option<u64>,
}

impl MemoryStat {
    /// Reads the text of a memory.stat; lines it doesn't know are left out.
    ///
    /// In version 1 the counters with `total_` before their name include the cgroups below, as
    /// those of version 2 always do.
    #[must_use]
    pub fn parse(text: &[u8], version: Version) -> Self {
        let mut stat = Self::default();
        for line in lines(text) {
            let Some((name, value)) = line.split_once(' ') else { continue };
            let Ok(value) = value.trim().parse::<u64>() else { continue };
            let name = match version {
                Version::V2 => name,
                Version::V1 => match name.strip_prefix("total_") {
                    Some(name) => name,
                    None => continue,
                },
            };
            stat.set(name, value);
        }
        stat
    }

    fn set(&mut self, name: &str, value: u64) {
        match name {
            "anon" | "rss" => self.anonymous = Some(Bytes(value)),
            "inactive_anon" | "active_anon" => {
                let sum = self.listed_anonymous.unwrap_or_default();
                self.listed_anonymous = Some(sum.saturating_add(Bytes(value)));
            }
            "shmem" => self.shared = Some(Bytes(value)),
            "swapcached" => self.swap_cached = Some(Bytes(value)),
            "active_file" => self.active_file = Some(Bytes(value)),
            "inactive_file" => self.inactive_file = Some(Bytes(value)),
            "slab_reclaimable" => self.reclaimable_slab = Some(Bytes(value)),
            "file_dirty" | "dirty" => self.dirty = Some(Bytes(value)),
            "file_writeback" | "writeback" => self.writeback = Some(Bytes(value)),
            "file_mapped" | "mapped_file" => self.mapped = Some(Bytes(value)),
            "workingset_refault_file" => self.refault_file = Some(value),
            "workingset_refault_anon" => self.refault_anonymous = Some(value),
            "workingset_nodereclaim" => self.records_lost = Some(value),
            "pgmajfault" => self.major_faults = Some(value),
            "pswpin" => self.swap_ins = Some(value),
            _ => {}
        }
    }

    /// Pages that are in swap, still in memory and mapped by no program: ready to be reused.
    #[must_use]
    pub fn clean_swap_cache(&self) -> Bytes {
        let (Some(listed), Some(anonymous), Some(shared), Some(cached)) =
            (self.listed_anonymous, self.anonymous, self.shared, self.swap_cached)
        else {
            return Bytes::ZERO;
        };
        listed.saturating_sub(anonymous).saturating_sub(shared).min(cached)
    }

    /// The memory in the charge that the kernel can take back: page cache and reclaimable slab.
    #[must_use]
    pub fn reclaimable(&self) -> Option<Bytes> {
        let files = self.active_file?.saturating_add(self.inactive_file?);
        Some(files.saturating_add(self.reclaimable_slab.unwrap_or_default()))
    }
}

/// Reads a limit file: `Some(None)` is "no limit", `None` is not a limit.
#[must_use]
pub fn parse_limit(text: &[u8]) -> Option<Option<Bytes>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if text == "max" {
        return Some(None);
    }
    let bytes: u64 = text.parse().ok()?;
    // Version 1 writes "no limit" as the largest count of whole pages.
    let none = i64::MAX.unsigned_abs() & !0xffff;
    Some((bytes < none).then_some(Bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_counts_the_cgroups_below() {
        let text = b"inactive_file 1\nactive_file 2\ntotal_inactive_file 10\n\
            total_active_file 20\ntotal_pgmajfault 3\n";
        let stat = MemoryStat::parse(text, Version::V1);
        assert_eq!(stat.reclaimable(), Some(Bytes(30)));
        assert_eq!(stat.major_faults, Some(3));
    }

    #[test]
    fn version_2_counts_slab_too() {
        let text = b"inactive_file 10\nactive_file 20\nslab_reclaimable 5\nanon 7\n";
        let stat = MemoryStat::parse(text, Version::V2);
        assert_eq!(stat.reclaimable(), Some(Bytes(35)));
        assert_eq!(MemoryStat::parse(b"", Version::V2).reclaimable(), None);
    }

    #[test]
    fn what_is_in_swap_and_in_memory_is_reusable_where_nobody_maps_it() {
        let text = b"anon 10\nshmem 5\nswapcached 30\ninactive_anon 25\nactive_anon 15\n";
        assert_eq!(MemoryStat::parse(text, Version::V2).clean_swap_cache(), Bytes(25));
        let without = MemoryStat::parse(b"anon 10\ninactive_anon 25\n", Version::V2);
        assert_eq!(without.clean_swap_cache(), Bytes::ZERO);
    }

    #[test]
    fn limits_read_in_both_versions() {
        assert_eq!(parse_limit(b"max\n"), Some(None));
        assert_eq!(parse_limit(b"9223372036854771712\n"), Some(None));
        assert_eq!(parse_limit(b"1048576\n"), Some(Some(Bytes(1 << 20))));
        assert_eq!(parse_limit(b"lots\n"), None);
    }
}
