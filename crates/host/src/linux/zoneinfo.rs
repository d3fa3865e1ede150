//! /proc/zoneinfo: free pages that each processor holds for itself.

use super::proc_file::lines;
use memtide_core::units::Bytes;

/// Free memory on the processors' own lists, which MemFree leaves out: some MiB a processor.
///
/// `None` where the text tells of none, which a kernel always does. Source: the kernel's
/// mm/vmstat.c, zoneinfo_show_print.
#[must_use]
pub fn parse_held_by_processors(text: &[u8]) -> Option<Bytes> {
    let counts = lines(text).filter_map(|line| line.trim_start().strip_prefix("count:"));
    let counts = counts.filter_map(|count| count.trim().parse::<u64>().ok());
    counts.reduce(u64::saturating_add).map(Bytes::from_pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_all_processors_and_zones_add_up() {
        let text = b"Node 0, zone    DMA32\n  pages free     100\n  pagesets\n    cpu: 0\n\
            \x20             count:    7\n              high:     30\n    cpu: 1\n\
            \x20             count:    5\nNode 0, zone   Normal\n    cpu: 0\n        count: 1\n";
        assert_eq!(parse_held_by_processors(text), Some(Bytes::from_pages(13)));
        assert_eq!(parse_held_by_processors(b"count\ncount: x\n\xff"), None);
    }
}
