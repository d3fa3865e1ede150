//! Where a new region finds room.

use super::{DescriptorTree, Link, Node};
use core::ops::Range;

/// Which of the places that fit is wanted.
#[derive(Clone, Copy)]
enum Wanted {
    Lowest,
    Highest,
}

/// What is asked of a gap.
struct Room {
    size: u64,
    align: u64,
    within: Range<u64>,
    wanted: Wanted,
}

impl Room {
    fn in_gap(&self, gap: Range<u64>) -> Option<u64> {
        let from = gap.start.max(self.within.start);
        let to = gap.end.min(self.within.end);
        match self.wanted {
            Wanted::Lowest => {
                let start = from.checked_next_multiple_of(self.align)?;
                (start.checked_add(self.size)? <= to).then_some(start)
            }
            Wanted::Highest => {
                let latest = to.checked_sub(self.size)?;
                let start = latest - latest % self.align;
                (start >= from).then_some(start)
            }
        }
    }
}

impl DescriptorTree {
    /// The lowest multiple of `align` from which `size` units are free and inside `within`.
    ///
    /// No size fits nowhere; no alignment is an alignment of one unit. With a larger alignment,
    /// the work grows with the gaps that are long enough and lie wrong.
    #[must_use]
    pub(crate) fn lowest_gap(&self, size: u64, align: u64, within: Range<u64>) -> Option<u64> {
        self.gap(&Room { size, align: align.max(1), within, wanted: Wanted::Lowest })
    }

    /// The highest multiple of `align` from which `size` units are free and inside `within`.
    ///
    /// As [`Self::lowest_gap`] in all else.
    #[must_use]
    pub(crate) fn highest_gap(&self, size: u64, align: u64, within: Range<u64>) -> Option<u64> {
        self.gap(&Room { size, align: align.max(1), within, wanted: Wanted::Highest })
    }

    fn gap(&self, room: &Room) -> Option<u64> {
        if room.size == 0 {
            return None;
        }
        let Some(root) = self.node(self.root) else { return room.in_gap(0..u64::MAX) };
        let below = || room.in_gap(0..root.subtree.first_start);
        let inside = || self.gap_below(self.root, room);
        let above = || room.in_gap(root.subtree.last_end..u64::MAX);
        match room.wanted {
            Wanted::Lowest => below().or_else(inside).or_else(above),
            Wanted::Highest => above().or_else(inside).or_else(below),
        }
    }

    /// Among the gaps between the descriptors of a subtree.
    fn gap_below(&self, link: Link, room: &Room) -> Option<u64> {
        let Node { descriptor, left, right, subtree } = *self.node(link)?;
        // A subtree that lies inside `within` and passes here holds a gap that is long enough:
        // only alignment, and the few subtrees across the ends of `within`, can disappoint.
        if subtree.largest_gap < room.size
            || subtree.last_end <= room.within.start
            || subtree.first_start >= room.within.end
        {
            return None;
        }
        let in_left = || self.gap_below(left, room);
        let before =
            || self.node(left).and_then(|l| room.in_gap(l.subtree.last_end..descriptor.start));
        let after =
            || self.node(right).and_then(|r| room.in_gap(descriptor.end..r.subtree.first_start));
        let in_right = || self.gap_below(right, room);
        match room.wanted {
            Wanted::Lowest => in_left().or_else(before).or_else(after).or_else(in_right),
            Wanted::Highest => in_right().or_else(after).or_else(before).or_else(in_left),
        }
    }
}
