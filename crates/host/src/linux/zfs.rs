//! The ARC of ZFS: a cache that /proc/meminfo counts as used.

use super::proc_file::lines;
use memtide_core::units::Bytes;

/// What the ARC would give back: its size less its minimum.
pub(crate) fn reclaimable_arc(arcstats: &[u8]) -> Option<Bytes> {
    let value = |wanted: &str| {
        lines(arcstats).find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(wanted)).then(|| words.nth(1)?.parse().ok()).flatten()
        })
    };
    let (size, minimum): (u64, u64) = (value("size")?, value("c_min")?);
    Some(Bytes(size.saturating_sub(minimum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arc_gives_back_what_is_above_its_minimum() {
        let text = b"13 1 0x01 123 33456 1 2\nname  type data\nc_min 4 1000\nsize   4    5000\n";
        assert_eq!(reclaimable_arc(text), Some(Bytes(4000)));
        assert_eq!(reclaimable_arc(b"size 4 5000\n"), None);
    }
}
