//! /proc/buddyinfo: free memory by the size of its blocks.

use super::proc_file::lines;
use memtide_core::units::Bytes;

/// The blocks a huge page of 2 MiB needs: 2⁹ pages.
pub const HUGE_ORDER: usize = 9;

/// Free blocks by order: entry n counts blocks of 2ⁿ pages, over all zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buddyinfo {
    /// The number of blocks of each order.
    pub blocks: Vec<u64>,
}

impl Buddyinfo {
    /// Reads the text of /proc/buddyinfo; `None` where no line of it can be read.
    ///
    /// Source: proc_buddyinfo(5).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut blocks: Vec<u64> = Vec::new();
        for line in lines(text) {
            let Some((_, counts)) = line.split_once("zone") else { continue };
            let counts = counts.split_ascii_whitespace().skip(1).map_while(|n| n.parse().ok());
            for (order, count) in counts.enumerate() {
                match blocks.get_mut(order) {
                    Some(sum) => *sum = u64::saturating_add(*sum, count),
                    None => blocks.push(count),
                }
            }
        }
        (!blocks.is_empty()).then_some(Self { blocks })
    }

    /// Free memory in blocks of at least 2^`order` pages.
    #[must_use]
    pub fn in_blocks_of(&self, order: usize) -> Bytes {
        let pages = self.blocks.iter().enumerate().skip(order).map(|(order, count)| {
            let pages = u32::try_from(order).ok().and_then(|order| 1u64.checked_shl(order));
            count.saturating_mul(pages.unwrap_or(u64::MAX))
        });
        Bytes::from_pages(pages.fold(0, u64::saturating_add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_add_up() {
        let text = b"Node 0, zone      DMA      1      0      2\n\
            Node 0, zone   Normal     10      1      0      3\n";
        let info = Buddyinfo::parse(text).expect("two zones");
        assert_eq!(info.blocks, [11, 1, 2, 3]);
        assert_eq!(info.in_blocks_of(2), Bytes::from_pages(2 * 4 + 3 * 8));
        assert_eq!(info.in_blocks_of(HUGE_ORDER), Bytes::ZERO);
    }

    #[test]
    fn what_is_not_buddyinfo_is_unknown() {
        for text in [&b""[..], b"zone", b"Node 0, zone Normal x", b"\xff zone 1"] {
            assert_eq!(Buddyinfo::parse(text), None);
        }
    }
}
