use super::*;
use alloc::collections::BTreeMap;
use core::ops::Range;
use proptest::prelude::*;

const LAST: u64 = u64::MAX;

fn descriptor(start: u64, end: u64) -> Descriptor {
    Descriptor { start, end, region: u32::try_from(start % 1000).unwrap() }
}

fn tree(ranges: &[(u64, u64)]) -> DescriptorTree {
    let mut tree = DescriptorTree::new();
    for (start, end) in ranges {
        tree.insert(descriptor(*start, *end));
        assert_eq!(tree.verify(), Ok(()));
    }
    tree
}

/// The same by counting: descriptors by start, and every answer from a walk over all of them.
#[derive(Default)]
struct Model(BTreeMap<u64, Descriptor>);

impl Model {
    fn all(&self) -> impl DoubleEndedIterator<Item = Descriptor> {
        self.0.values().copied()
    }

    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.all().any(|d| start.max(d.start) < end.min(d.end))
    }

    /// Every start that fits, lowest first; `units` bounds the scan.
    fn fits(&self, size: u64, align: u64, within: &Range<u64>, units: Range<u64>) -> Vec<u64> {
        let fits = |start: &u64| {
            let Some(end) = start.checked_add(size) else { return false };
            size > 0
                && start.is_multiple_of(align.max(1))
                && *start >= within.start
                && end <= within.end
                && !self.overlaps(*start, end)
        };
        units.chain([LAST]).filter(fits).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, u64),
    Remove(usize),
    Gaps { size: u64, align: u64, within: Range<u64> },
    Units(u64, u64),
}

/// Few enough units that regions touch, fill the space and collide.
const SPACE: u64 = 160;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..SPACE, 1..6u64).prop_map(|(start, size)| Step::Insert(start, size)),
        2 => any::<usize>().prop_map(Step::Remove),
        3 => (0..20u64, 0..9u64, 0..=SPACE, 0..=SPACE)
            .prop_map(|(size, align, start, end)| Step::Gaps { size, align, within: start..end }),
        1 => (0..20u64, 1..9u64)
            .prop_map(|(size, align)| Step::Gaps { size, align, within: 0..SPACE }),
        1 => (0..SPACE, 0..SPACE).prop_map(|(a, b)| Step::Units(a, b)),
    ];
    prop::collection::vec(step, 1..160)
}

/// Runs the steps with all addresses moved up by `base`.
fn follow(base: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut tree, mut model) = (DescriptorTree::new(), Model::default());
    let top = base.saturating_add(SPACE);
    for step in steps {
        match step {
            Step::Insert(start, size) => {
                let start = base + start;
                let new = descriptor(start, start.saturating_add(size));
                let overlaps = model.overlaps(new.start, new.end);
                prop_assert_eq!(tree.overlaps(new.start, new.end), overlaps);
                if !overlaps && new.start < new.end {
                    tree.insert(new);
                    model.0.insert(new.start, new);
                }
            }
            Step::Remove(which) => {
                let starts: Vec<u64> = model.0.keys().copied().collect();
                let start = starts.get(which % starts.len().max(1)).copied().unwrap_or(base);
                prop_assert_eq!(tree.remove(start), model.0.remove(&start));
                prop_assert_eq!(tree.remove(start), None);
            }
            Step::Gaps { size, align, within } => {
                let within = base + within.start..base.saturating_add(within.end);
                let fits = model.fits(size, align, &within, base..top);
                let lowest = tree.lowest_gap(size, align, within.clone());
                prop_assert_eq!(lowest, fits.first().copied());
                prop_assert_eq!(tree.highest_gap(size, align, within), fits.last().copied());
            }
            Step::Units(a, b) => {
                let (a, b) = (base + a, base + b);
                prop_assert_eq!(tree.overlaps(a, b), model.overlaps(a, b));
                let containing = model.all().find(|d| (d.start..d.end).contains(&a));
                prop_assert_eq!(tree.containing(a), containing);
                prop_assert_eq!(tree.first_at_or_after(a), model.all().find(|d| d.start >= a));
                prop_assert_eq!(tree.last_before(a), model.all().rev().find(|d| d.start < a));
                let starts = model.0.contains_key(&a);
                prop_assert_eq!(tree.depth_of(a).is_some(), starts);
            }
        }
        prop_assert_eq!(tree.verify(), Ok(()));
        prop_assert_eq!(tree.len(), model.0.len());
        prop_assert!(tree.iter().eq(model.all()));
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_answer_is_what_counting_gives(steps in steps()) {
        follow(0, steps)?;
    }

    #[test]
    fn the_same_holds_where_addresses_end(steps in steps()) {
        follow(LAST - SPACE, steps)?;
    }
}

fn assert_shallow(tree: &DescriptorTree) {
    let deepest = tree.iter().filter_map(|d| tree.depth_of(d.start)).max().unwrap();
    let bound = 1.45 * f64::from(tree.len().ilog2()) + 2.0;
    assert!(f64::from(deepest) <= bound, "{deepest} levels below the root of {}", tree.len());
}

#[test]
fn a_hundred_thousand_regions_in_order_stay_shallow() {
    let mut ascending = DescriptorTree::new();
    let mut descending = DescriptorTree::new();
    for place in 0..100_000 {
        ascending.insert(descriptor(2 * place, 2 * place + 1));
        descending.insert(descriptor(200_000 - 2 * place, 200_001 - 2 * place));
    }
    for tree in [&mut ascending, &mut descending] {
        assert_eq!(tree.verify(), Ok(()));
        assert_shallow(tree);
        assert_eq!(tree.iter().count(), 100_000);
    }
    for place in 0..99_000 {
        assert!(ascending.remove(2 * place).is_some());
    }
    assert_eq!(ascending.verify(), Ok(()));
    assert_shallow(&ascending);
}

#[test]
fn the_node_of_a_removed_region_is_used_again() {
    let mut tree = DescriptorTree::new();
    for place in 0..100 {
        tree.insert(descriptor(10 * place, 10 * place + 5));
    }
    let (nodes, capacity) = (tree.nodes.len(), tree.nodes.capacity());
    for round in 1..50 {
        for place in 0..100 {
            assert!(tree.remove(10 * place + (round - 1) % 5).is_some());
            tree.insert(descriptor(10 * place + round % 5, 10 * place + 5));
        }
        assert_eq!(tree.verify(), Ok(()));
    }
    assert_eq!((tree.nodes.len(), tree.nodes.capacity()), (nodes, capacity));
    for found in tree.clone().iter() {
        assert_eq!(tree.remove(found.start), Some(found));
    }
    for place in 0..100 {
        tree.insert(descriptor(place, place + 1));
    }
    assert_eq!((tree.nodes.len(), tree.nodes.capacity()), (nodes, capacity));
    assert_eq!(tree.verify(), Ok(()));
}

#[test]
fn an_empty_tree_is_one_gap() {
    let mut tree = DescriptorTree::default();
    assert_eq!(tree.verify(), Ok(()));
    assert_eq!(tree.len(), 0);
    assert_eq!(tree.iter().next(), None);
    assert_eq!(tree.remove(0), None);
    assert_eq!(tree.containing(0), None);
    assert_eq!(tree.first_at_or_after(0), None);
    assert_eq!(tree.last_before(LAST), None);
    assert_eq!(tree.depth_of(0), None);
    assert!(!tree.overlaps(0, LAST));
    assert_eq!(tree.lowest_gap(3, 4, 5..100), Some(8));
    assert_eq!(tree.highest_gap(3, 4, 5..100), Some(96));
    assert_eq!(tree.lowest_gap(LAST, 1, 0..LAST), Some(0));
    assert_eq!(tree.highest_gap(LAST, 1, 0..LAST), Some(0));
}

#[test]
fn what_cannot_fit_fits_nowhere() {
    let backwards = Range { start: 40, end: 20 };
    for tree in [tree(&[]), tree(&[(10, 20)]), tree(&[(10, 20), (30, 40), (25, 28)])] {
        for (size, align, within) in [
            (0, 1, 0..LAST),
            (1, 1, 22..22),
            (1, 1, backwards.clone()),
            (5, 1, 0..4),
            (1, 64, 1..64),
            (LAST, 1, 1..LAST),
            (LAST, LAST, 1..LAST),
            (2, 1, LAST - 1..LAST),
            (1, LAST, 1..LAST),
        ] {
            assert_eq!(tree.lowest_gap(size, align, within.clone()), None, "{size} {within:?}");
            assert_eq!(tree.highest_gap(size, align, within.clone()), None, "{size} {within:?}");
        }
    }
}

#[test]
fn a_full_space_has_no_gap() {
    let whole = tree(&[(0, LAST)]);
    assert_eq!(whole.lowest_gap(1, 1, 0..LAST), None);
    assert_eq!(whole.highest_gap(1, 1, 0..LAST), None);
    let touching = tree(&[(20, 30), (0, 10), (10, 20), (30, 40)]);
    assert_eq!(touching.lowest_gap(1, 1, 0..40), None);
    assert_eq!(touching.highest_gap(1, 1, 0..40), None);
    assert_eq!(touching.lowest_gap(1, 1, 0..41), Some(40));
    assert_eq!(touching.highest_gap(1, 1, 0..LAST), Some(LAST - 1));
}

#[test]
fn the_highest_units_can_be_taken_all_but_the_last() {
    let tree = tree(&[(LAST - 4, LAST - 2), (LAST - 1, LAST)]);
    assert_eq!(tree.containing(LAST - 1).map(|d| d.start), Some(LAST - 1));
    assert_eq!(tree.containing(LAST), None);
    assert!(tree.overlaps(LAST - 1, LAST));
    assert!(!tree.overlaps(LAST - 2, LAST - 1));
    assert_eq!(tree.last_before(LAST).map(|d| d.start), Some(LAST - 1));
    assert_eq!(tree.first_at_or_after(LAST), None);
    assert_eq!(tree.highest_gap(1, 1, 0..LAST), Some(LAST - 2));
    assert_eq!(tree.highest_gap(2, 1, 0..LAST), Some(LAST - 6));
    assert_eq!(tree.lowest_gap(1, 1, LAST - 4..LAST), Some(LAST - 2));
}

#[test]
fn no_units_overlap_nothing() {
    let tree = tree(&[(3, 8)]);
    assert!(!tree.overlaps(5, 5));
    assert!(!tree.overlaps(7, 4));
    assert!(!tree.overlaps(0, 3));
    assert!(!tree.overlaps(8, LAST));
    assert!(tree.overlaps(7, 8));
}

#[test]
fn only_the_start_of_a_region_names_it() {
    let mut tree = tree(&[(3, 8), (10, 12), (1, 2)]);
    assert_eq!(tree.remove(4), None);
    assert_eq!(tree.depth_of(4), None);
    let depths: Vec<_> = [3, 10, 1].into_iter().map(|start| tree.depth_of(start)).collect();
    assert_eq!(depths, [Some(0), Some(1), Some(1)]);
    assert_eq!(tree.remove(3), Some(descriptor(3, 8)));
    assert_eq!(tree.depth_of(10), Some(0));
}

#[test]
#[should_panic(expected = "overlaps")]
fn an_overlap_is_our_bug() {
    tree(&[(0, 10), (20, 30), (29, 40)]);
}

#[test]
#[should_panic(expected = "is empty")]
fn a_region_without_units_is_our_bug() {
    tree(&[(10, 10)]);
}

#[test]
fn whatever_is_broken_is_found() {
    let mut sound = tree(&[(0, 10), (20, 30), (40, 50), (60, 70), (80, 90)]);
    assert!(sound.remove(60).is_some());
    let root = sound.root.index();
    let breakages: [fn(&mut DescriptorTree, usize); 11] = [
        |tree, _| tree.len += 1,
        |tree, _| tree.free = Link::NONE,
        |tree, _| tree.free = tree.root,
        |tree, _| tree.root = Link(77),
        |tree, root| tree.nodes[root].left = Link::NONE,
        |tree, root| tree.nodes[root].left = tree.root,
        |tree, root| tree.nodes[root].subtree.height += 1,
        |tree, root| tree.nodes[root].subtree.largest_gap += 1,
        |tree, root| tree.nodes[root].subtree.first_start += 1,
        |tree, root| tree.nodes[root].subtree.last_end += 1,
        |tree, root| tree.nodes[root].descriptor.end = 41,
    ];
    for (place, breakage) in breakages.into_iter().enumerate() {
        let mut broken = sound.clone();
        breakage(&mut broken, root);
        assert!(broken.verify().is_err(), "breakage {place}");
    }
    assert_eq!(sound.verify(), Ok(()));
}

#[test]
fn a_search_in_a_large_tree_agrees_with_a_walk() {
    let mut tree = DescriptorTree::new();
    let mut next = 1_u64;
    for _ in 0..20_000 {
        let gap = if next.is_multiple_of(9973) { 40 } else { next % 7 };
        tree.insert(descriptor(next, next + 1 + next % 3));
        next += 4 + gap;
    }
    let all: Vec<_> = tree.iter().collect();
    for size in 1..50 {
        let within = all[0].start..all[all.len() - 1].end;
        let wide = |pair: &&[Descriptor]| pair[1].start - pair[0].end >= size;
        let lowest = all.windows(2).find(wide).map(|pair| pair[0].end);
        let highest = all.windows(2).rfind(wide).map(|pair| pair[1].start - size);
        assert_eq!(tree.lowest_gap(size, 1, within.clone()), lowest);
        assert_eq!(tree.highest_gap(size, 1, within), highest);
    }
}
