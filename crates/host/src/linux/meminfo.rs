//! /proc/meminfo, and the page lists it amounts to.

use super::proc_file::lines;
use memtide_core::lists::{InUse, MemoryLists};
use memtide_core::units::Bytes;

macro_rules! meminfo {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// The fields of /proc/meminfo that Memtide uses; `None` is a field this kernel lacks.
        ///
        /// Source: proc_meminfo(5).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Meminfo {
            $($(#[$doc])* pub $field: Option<Bytes>,)*
        }

        impl Meminfo {
            fn field(&mut self, name: &str) -> Option<&mut Option<Bytes>> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

meminfo! {
    /// Memory the kernel manages.
    total = "MemTotal",
    /// Free pages.
    free = "MemFree",
    /// The kernel's estimate of what can be had without swapping.
    available = "MemAvailable",
    /// Page cache of block devices.
    buffers = "Buffers",
    /// Page cache of files, tmpfs included.
    cached = "Cached",
    /// Anonymous pages that are also in swap.
    swap_cached = "SwapCached",
    /// Anonymous and shmem pages on the active list.
    active_anon = "Active(anon)",
    /// Anonymous and shmem pages on the inactive list.
    inactive_anon = "Inactive(anon)",
    /// File pages on the active list.
    active_file = "Active(file)",
    /// File pages on the inactive list.
    inactive_file = "Inactive(file)",
    /// Swap space.
    swap_total = "SwapTotal",
    /// Unused swap space.
    swap_free = "SwapFree",
    /// File pages that must be written.
    dirty = "Dirty",
    /// File pages being written.
    writeback = "Writeback",
    /// Dirty pages in the temporary buffers of FUSE.
    writeback_tmp = "WritebackTmp",
    /// Private pages mapped into programs.
    anon_pages = "AnonPages",
    /// File and shmem pages mapped into programs.
    mapped = "Mapped",
    /// tmpfs, shared memory and memfd pages.
    shmem = "Shmem",
    /// Kernel memory that can be reclaimed: reclaimable slab and other caches.
    k_reclaimable = "KReclaimable",
    /// Reclaimable slab.
    s_reclaimable = "SReclaimable",
    /// Unreclaimable slab.
    s_unreclaim = "SUnreclaim",
    /// Kernel stacks.
    kernel_stack = "KernelStack",
    /// Page tables.
    page_tables = "PageTables",
    /// Page tables of virtual machines and devices.
    sec_page_tables = "SecPageTables",
    /// Per-CPU memory.
    percpu = "Percpu",
    /// The commit limit under strict overcommit.
    commit_limit = "CommitLimit",
    /// Memory promised to programs.
    committed_as = "Committed_AS",
    /// Failed pages.
    hardware_corrupted = "HardwareCorrupted",
    /// Huge pages set aside.
    hugetlb = "Hugetlb",
}

impl Meminfo {
    /// Reads the text of /proc/meminfo; lines it doesn't know or understand are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut meminfo = Self::default();
        for line in lines(text) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let Some(field) = meminfo.field(name) else { continue };
            let mut words = value.split_ascii_whitespace();
            let kib = words.next().and_then(|n| n.parse().ok());
            if words.next() == Some("kB") {
                *field = kib.map(Bytes::from_kib);
            }
        }
        meminfo
    }

    /// Memory on the paged pool: kernel memory that can be reclaimed.
    #[must_use]
    pub fn paged_pool(&self) -> Option<Bytes> {
        self.k_reclaimable.or(self.s_reclaimable)
    }

    /// Memory on the nonpaged pool: unreclaimable slab, kernel stacks, page tables, per-CPU.
    #[must_use]
    pub fn nonpaged_pool(&self) -> Option<Bytes> {
        let slab = self.s_unreclaim?;
        let rest = [self.kernel_stack, self.page_tables, self.sec_page_tables, self.percpu];
        Some(rest.into_iter().flatten().fold(slab, Bytes::saturating_add))
    }

    /// The page lists in Windows' words; the formulas stand in CONTRACT.md.
    #[must_use]
    pub fn lists(&self) -> MemoryLists {
        let sum = |parts: &[Option<Bytes>]| {
            parts.iter().flatten().copied().fold(Bytes::ZERO, Bytes::saturating_add)
        };
        let modified = self
            .dirty
            .zip(self.writeback)
            .map(|(dirty, writeback)| sum(&[Some(dirty), Some(writeback), self.writeback_tmp]));
        // Pages of files, without tmpfs, which meminfo counts with them.
        let files = self.cached.zip(self.shmem).map(|(cached, shmem)| {
            cached.saturating_add(self.buffers.unwrap_or_default()).saturating_sub(shmem)
        });
        let clean = files.map(|files| files.saturating_sub(modified.unwrap_or_default()));
        // "Mapped" counts mapped tmpfs pages too, and no counter tells them apart; it can't be
        // more than the files there are.
        let mapped = self.mapped.zip(clean).map(|(mapped, clean)| mapped.min(clean));
        let standby = clean.zip(mapped).map(|(clean, mapped)| {
            clean.saturating_sub(mapped).saturating_add(self.clean_swap_cache())
        });
        MemoryLists {
            total: self.total,
            // Linux keeps one list of free pages and zeroes a page when it hands it out.
            zeroed: self.free.map(|_| Bytes::ZERO),
            free: self.free,
            modified,
            // Dirty anonymous pages are in use on Linux until they are written.
            modified_page_file: None,
            modified_no_write: None,
            standby,
            standby_by_priority: None,
            repurposed_by_priority: None,
            bad: self.hardware_corrupted,
            in_use: InUse {
                anonymous: self.anon_pages,
                shared: self.shmem,
                mapped,
                paged_pool: self.paged_pool(),
                nonpaged_pool: self.nonpaged_pool(),
                large_pages: self.hugetlb,
                ..InUse::default()
            },
        }
    }

    /// Pages that are in swap, still in memory and mapped by no program: ready to be reused.
    fn clean_swap_cache(&self) -> Bytes {
        let (Some(active), Some(inactive), Some(anon), Some(shmem), Some(cached)) =
            (self.active_anon, self.inactive_anon, self.anon_pages, self.shmem, self.swap_cached)
        else {
            return Bytes::ZERO;
        };
        active.saturating_add(inactive).saturating_sub(anon).saturating_sub(shmem).min(cached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"MemTotal:       1000 kB\nMemFree:         300 kB\nMemAvailable:    \
        500 kB\nBuffers:          10 kB\nCached:          290 kB\nDirty:            15 kB\n\
        Writeback:         5 kB\nAnonPages:       200 kB\nMapped:           60 kB\n\
        Shmem:            50 kB\nKReclaimable:     40 kB\nSUnreclaim:       30 kB\n\
        KernelStack:       5 kB\nPageTables:        5 kB\nHugePages_Total:     3\n";

    #[test]
    fn the_lists_follow_the_formulas_and_add_up() {
        let lists = Meminfo::parse(TEXT).lists();
        let kib = |n| Some(Bytes::from_kib(n));
        assert_eq!(lists.modified, kib(20));
        assert_eq!(lists.in_use.mapped, kib(60));
        assert_eq!(lists.standby, kib(10 + 290 - 50 - 20 - 60));
        assert_eq!(lists.in_use.nonpaged_pool, kib(40));
        assert_eq!(lists.bad, None, "a field the kernel lacks is unknown");
        let rest = lists.unattributed().expect("there is a total").0;
        let parts = [lists.free, lists.modified, lists.standby, lists.in_use.total()];
        let parts: u64 = parts.into_iter().flatten().map(|b| b.0).sum();
        assert_eq!(i64::try_from(parts).expect("small") + rest, 1000 << 10);
    }

    #[test]
    fn an_empty_or_masked_file_is_unknown_and_not_zero() {
        let lists = Meminfo::parse(b"").lists();
        assert_eq!(lists, MemoryLists::default());
        assert_eq!(Meminfo::parse(b"MemTotal: many kB\nMemFree: 12\n").total, None);
    }

    #[test]
    fn pages_in_swap_that_nobody_maps_are_standby() {
        let text = b"Cached: 100 kB\nShmem: 0 kB\nMapped: 0 kB\nSwapCached: 30 kB\n\
            Active(anon): 50 kB\nInactive(anon): 50 kB\nAnonPages: 80 kB\n";
        assert_eq!(Meminfo::parse(text).lists().standby, Some(Bytes::from_kib(120)));
    }
}
