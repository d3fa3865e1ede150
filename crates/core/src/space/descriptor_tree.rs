//! The tree of an address space's regions, as Windows keeps its virtual address descriptors.
//!
//! An AVL tree whose nodes live in one vector and name each other by index: no region costs an
//! allocation of its own, and a node that was removed is the next one used. Every node knows the
//! extent of its subtree and the largest gap inside it, so room is found without a scan.
//!
//! Addresses are counted in units; what a unit is (64 KiB, for Windows) is the caller's matter.

mod gaps;
mod verify;

use alloc::vec::Vec;
use core::cmp::Ordering;

/// One region's place: the units from `start` up to, but without, `end`.
///
/// The last unit of all, [`u64::MAX`], can belong to no region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Descriptor {
    /// The first unit.
    pub(crate) start: u64,
    /// The unit after the last one.
    pub(crate) end: u64,
    /// What the caller keeps there.
    pub(crate) region: u32,
}

/// The place of a node in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Link(u32);

impl Link {
    /// No node: the arena never grows to this index, so a look-up finds nothing there.
    const NONE: Self = Self(u32::MAX);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node knows of itself and all that hangs below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Subtree {
    height: usize,
    first_start: u64,
    last_end: u64,
    /// Of the gaps between its descriptors; what lies before the first and after the last is not
    /// its own.
    largest_gap: u64,
}

/// A node in use, or, linked by `left`, one that waits to be used again: a line of the processor's
/// cache, so that a step down the tree costs one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(align(64))]
struct Node {
    descriptor: Descriptor,
    left: Link,
    right: Link,
    subtree: Subtree,
}

impl Node {
    const fn leaf(descriptor: Descriptor) -> Self {
        let Descriptor { start, end, .. } = descriptor;
        let subtree = Subtree { height: 1, first_start: start, last_end: end, largest_gap: 0 };
        Self { descriptor, left: Link::NONE, right: Link::NONE, subtree }
    }
}

/// An AVL tree of 2³² nodes is at most this high.
const MAX_HEIGHT: usize = 46;

/// The regions of one address space, by address; no two overlap.
///
/// Work of each operation: logarithmic in the number of regions, unless it says otherwise.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct DescriptorTree {
    nodes: Vec<Node>,
    root: Link,
    /// The first node to use again.
    free: Link,
    len: usize,
}

impl Default for DescriptorTree {
    fn default() -> Self {
        Self::new()
    }
}

impl DescriptorTree {
    /// An address space without regions; allocates nothing.
    #[must_use]
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), root: Link::NONE, free: Link::NONE, len: 0 }
    }

    /// How many regions there are.
    #[must_use]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a region; allocates only when there are more regions than there ever were.
    ///
    /// # Panics
    /// When the descriptor is empty or overlaps another one; the tree is then as it was.
    pub(crate) fn insert(&mut self, new: Descriptor) {
        assert!(new.start < new.end, "{new:x?} is empty");
        let mut path = Path::new();
        let mut link = self.root;
        // The way down passes both neighbours of the new descriptor, so no overlap is missed.
        while let Some(node) = self.node(link) {
            let Node { descriptor, left, right, .. } = *node;
            let is_below = new.end <= descriptor.start;
            assert!(is_below || new.start >= descriptor.end, "{new:x?} overlaps {descriptor:x?}");
            path.push(link, is_below);
            link = if is_below { left } else { right };
        }
        let leaf = self.take_node(new);
        self.set_child(&path, path.count, leaf);
        self.repair(&path, None);
        self.len += 1;
    }

    /// Removes the region that starts at `start`, if one does.
    pub(crate) fn remove(&mut self, start: u64) -> Option<Descriptor> {
        let mut path = Path::new();
        let mut link = self.root;
        let found = loop {
            let Node { descriptor, left, right, .. } = *self.node(link)?;
            match start.cmp(&descriptor.start) {
                Ordering::Equal => break descriptor,
                order => {
                    path.push(link, order == Ordering::Less);
                    link = if order == Ordering::Less { left } else { right };
                }
            }
        };
        let Node { left, right, .. } = self.nodes[link.index()];
        let mut changed = None;
        if left != Link::NONE && right != Link::NONE {
            // The lowest of what lies above takes its place, and its own node goes instead.
            let place = link;
            changed = Some(path.count);
            path.push(place, false);
            link = right;
            while let Some(node) = self.node(link).filter(|node| node.left != Link::NONE) {
                let below = node.left;
                path.push(link, true);
                link = below;
            }
            self.nodes[place.index()].descriptor = self.nodes[link.index()].descriptor;
        }
        let Node { left, right, .. } = self.nodes[link.index()];
        let only = if left == Link::NONE { right } else { left };
        self.set_child(&path, path.count, only);
        self.release_node(link);
        self.repair(&path, changed);
        self.len -= 1;
        Some(found)
    }

    /// The region that `unit` belongs to.
    #[must_use]
    pub(crate) fn containing(&self, unit: u64) -> Option<Descriptor> {
        let mut link = self.root;
        while let Some(node) = self.node(link) {
            if unit < node.descriptor.start {
                link = node.left;
            } else if unit >= node.descriptor.end {
                link = node.right;
            } else {
                return Some(node.descriptor);
            }
        }
        None
    }

    /// The lowest region that starts at `unit` or above.
    #[must_use]
    pub(crate) fn first_at_or_after(&self, unit: u64) -> Option<Descriptor> {
        let mut best = None;
        let mut link = self.root;
        while let Some(node) = self.node(link) {
            if node.descriptor.start >= unit {
                best = Some(node.descriptor);
                link = node.left;
            } else {
                link = node.right;
            }
        }
        best
    }

    /// The highest region that starts below `unit`, even if it reaches beyond it.
    #[must_use]
    pub(crate) fn last_before(&self, unit: u64) -> Option<Descriptor> {
        let mut best = None;
        let mut link = self.root;
        while let Some(node) = self.node(link) {
            if node.descriptor.start < unit {
                best = Some(node.descriptor);
                link = node.right;
            } else {
                link = node.left;
            }
        }
        best
    }

    /// Whether any unit from `start` up to, but without, `end` belongs to a region.
    #[must_use]
    pub(crate) fn overlaps(&self, start: u64, end: u64) -> bool {
        start < end && self.last_before(end).is_some_and(|last| last.end > start)
    }

    /// All regions in ascending order; allocates nothing, and a whole walk is linear.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Descriptor> {
        let mut walk = Ascending { tree: self, above: [Link::NONE; MAX_HEIGHT], count: 0 };
        walk.descend(self.root);
        walk
    }

    /// How many nodes stand above the region that starts at `start`: its level in `!vad`.
    #[must_use]
    pub(crate) fn depth_of(&self, start: u64) -> Option<u32> {
        let mut link = self.root;
        let mut depth = 0;
        loop {
            let node = self.node(link)?;
            link = match start.cmp(&node.descriptor.start) {
                Ordering::Less => node.left,
                Ordering::Greater => node.right,
                Ordering::Equal => return Some(depth),
            };
            depth += 1;
        }
    }

    fn node(&self, link: Link) -> Option<&Node> {
        self.nodes.get(link.index())
    }

    fn height(&self, link: Link) -> usize {
        self.node(link).map_or(0, |node| node.subtree.height)
    }

    /// Repairs the nodes of a path from the lowest up. Above a subtree of which nothing changed
    /// there is nothing to repair; but a descriptor changed at level `changed`, if any did.
    fn repair(&mut self, path: &Path, changed: Option<usize>) {
        for level in (0..path.count).rev() {
            let link = path.links[level];
            let before = self.nodes[link.index()].subtree;
            let top = self.balance(link);
            if top != link {
                self.set_child(path, level, top);
            }
            let is_same = self.nodes[top.index()].subtree == before;
            if is_same && changed.is_none_or(|changed| level <= changed) {
                return;
            }
        }
    }

    /// Hangs a subtree where the path's first `level` steps lead.
    fn set_child(&mut self, path: &Path, level: usize, child: Link) {
        let Some(above) = level.checked_sub(1) else {
            self.root = child;
            return;
        };
        let parent = &mut self.nodes[path.links[above].index()];
        if path.goes_left[above] {
            parent.left = child;
        } else {
            parent.right = child;
        }
    }

    fn take_node(&mut self, descriptor: Descriptor) -> Link {
        let link = self.free;
        if let Some(node) = self.nodes.get_mut(link.index()) {
            self.free = node.left;
            *node = Node::leaf(descriptor);
            return link;
        }
        let link = u32::try_from(self.nodes.len()).map_or(Link::NONE, Link);
        assert!(link != Link::NONE, "{} regions are all there can be", self.nodes.len());
        self.nodes.push(Node::leaf(descriptor));
        link
    }

    fn release_node(&mut self, link: Link) {
        self.nodes[link.index()].left = self.free;
        self.free = link;
    }

    /// Repairs a node whose children are right, with at most two levels between their heights.
    fn balance(&mut self, link: Link) -> Link {
        let Node { left, right, .. } = self.nodes[link.index()];
        if self.height(left) > self.height(right) + 1 {
            let Node { left: outer, right: inner, .. } = self.nodes[left.index()];
            if self.height(inner) > self.height(outer) {
                self.nodes[link.index()].left = self.rotate_left(left);
            }
            return self.rotate_right(link);
        }
        if self.height(right) > self.height(left) + 1 {
            let Node { left: inner, right: outer, .. } = self.nodes[right.index()];
            if self.height(inner) > self.height(outer) {
                self.nodes[link.index()].right = self.rotate_right(right);
            }
            return self.rotate_left(link);
        }
        self.summarize(link);
        link
    }

    fn rotate_left(&mut self, link: Link) -> Link {
        let top = self.nodes[link.index()].right;
        self.nodes[link.index()].right = self.nodes[top.index()].left;
        self.nodes[top.index()].left = link;
        self.summarize(link);
        self.summarize(top);
        top
    }

    fn rotate_right(&mut self, link: Link) -> Link {
        let top = self.nodes[link.index()].left;
        self.nodes[link.index()].left = self.nodes[top.index()].right;
        self.nodes[top.index()].right = link;
        self.summarize(link);
        self.summarize(top);
        top
    }

    fn summarize(&mut self, link: Link) {
        let Node { descriptor, left, right, .. } = self.nodes[link.index()];
        let mut subtree = Node::leaf(descriptor).subtree;
        subtree.height += self.height(left).max(self.height(right));
        if let Some(Node { subtree: left, .. }) = self.node(left) {
            subtree.first_start = left.first_start;
            let gap = descriptor.start - left.last_end;
            subtree.largest_gap = left.largest_gap.max(gap);
        }
        if let Some(Node { subtree: right, .. }) = self.node(right) {
            subtree.last_end = right.last_end;
            let gap = right.first_start - descriptor.end;
            subtree.largest_gap = subtree.largest_gap.max(right.largest_gap).max(gap);
        }
        self.nodes[link.index()].subtree = subtree;
    }
}

/// The way from the root down to a node.
struct Path {
    links: [Link; MAX_HEIGHT],
    goes_left: [bool; MAX_HEIGHT],
    count: usize,
}

impl Path {
    const fn new() -> Self {
        Self { links: [Link::NONE; MAX_HEIGHT], goes_left: [false; MAX_HEIGHT], count: 0 }
    }

    const fn push(&mut self, link: Link, goes_left: bool) {
        self.links[self.count] = link;
        self.goes_left[self.count] = goes_left;
        self.count += 1;
    }
}

/// A walk in ascending order.
struct Ascending<'tree> {
    tree: &'tree DescriptorTree,
    /// The nodes still to be shown before their right subtrees are.
    above: [Link; MAX_HEIGHT],
    count: usize,
}

impl Ascending<'_> {
    fn descend(&mut self, mut link: Link) {
        while let Some(node) = self.tree.node(link) {
            self.above[self.count] = link;
            self.count += 1;
            link = node.left;
        }
    }
}

impl Iterator for Ascending<'_> {
    type Item = Descriptor;

    fn next(&mut self) -> Option<Descriptor> {
        self.count = self.count.checked_sub(1)?;
        let node = self.tree.node(self.above[self.count])?;
        self.descend(node.right);
        Some(node.descriptor)
    }
}

#[cfg(test)]
#[path = "descriptor_tree_tests.rs"]
mod tests;
