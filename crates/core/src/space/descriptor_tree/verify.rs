//! Whether the tree is what it says it is: for tests, and for whoever doubts it.

use super::{Descriptor, DescriptorTree, Link, MAX_HEIGHT, Node, Subtree};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

impl DescriptorTree {
    /// Compares everything the tree knows of itself with what is there; n log n, and allocates.
    ///
    /// # Errors
    /// What is wrong, in words for whoever repairs this file.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let mut seen = vec![false; self.nodes.len()];
        let mut ordered = Vec::new();
        self.verify_below(self.root, 1, &mut seen, &mut ordered)?;
        if ordered.len() != self.len {
            return Err(format!("{} nodes are linked, not {}", ordered.len(), self.len));
        }
        if let Some(pair) = ordered.windows(2).find(|pair| pair[0].end > pair[1].start) {
            return Err(format!("{pair:x?} overlap or are out of order"));
        }
        let mut free = self.free;
        while free != Link::NONE {
            free = self.visit(free, &mut seen)?.left;
        }
        match seen.iter().position(|seen| !seen) {
            Some(lost) => Err(format!("node {lost} is neither linked nor free")),
            None => Ok(()),
        }
    }

    fn visit(&self, link: Link, seen: &mut [bool]) -> Result<&Node, String> {
        let node = self.node(link).ok_or_else(|| format!("{link:?} leads out of the arena"))?;
        match core::mem::replace(&mut seen[link.index()], true) {
            true => Err(format!("two links lead to {link:?}")),
            false => Ok(node),
        }
    }

    /// Appends the descriptors of a subtree in order; returns its height.
    fn verify_below(
        &self,
        link: Link,
        level: usize,
        seen: &mut [bool],
        ordered: &mut Vec<Descriptor>,
    ) -> Result<usize, String> {
        if link == Link::NONE {
            return Ok(0);
        }
        if level > MAX_HEIGHT {
            return Err(format!("{link:?} is on level {level}"));
        }
        let node = self.visit(link, seen)?;
        let first = ordered.len();
        let left = self.verify_below(node.left, level + 1, seen, ordered)?;
        ordered.push(node.descriptor);
        let right = self.verify_below(node.right, level + 1, seen, ordered)?;

        // From the descriptors and not from the children, so that one mistake is not made twice.
        let members = &ordered[first..];
        let gaps = members.windows(2).map(|pair| pair[1].start.saturating_sub(pair[0].end));
        let actual = Subtree {
            height: 1 + left.max(right),
            first_start: members[0].start,
            last_end: members[members.len() - 1].end,
            largest_gap: gaps.max().unwrap_or(0),
        };
        if left.abs_diff(right) > 1 || node.descriptor.start >= node.descriptor.end {
            return Err(format!("heights {left} and {right} hang below {node:x?}"));
        }
        if actual != node.subtree {
            return Err(format!("{node:x?} should know {actual:x?}"));
        }
        Ok(actual.height)
    }
}
