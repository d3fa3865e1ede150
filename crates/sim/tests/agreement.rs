//! Three ways to say which references of a trace miss under LRU agree, one by one: the cache, the
//! stack distances in one pass, and a stack that is searched. The other policies do what their
//! papers say.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use std::collections::VecDeque;

use memtide_core::page::{Access, Vpn};
use memtide_sim::Reference;
use memtide_sim::policies::{Clock, Lru, Numbering, Optimum, PageCache, S3Fifo, next_uses};
use memtide_sim::sizing::{CurveBuilder, StackDistances};
use memtide_sim::workload::{Part, Pattern, Phase, Workload};
use proptest::prelude::*;

fn references(pages: &[u32]) -> Vec<Reference> {
    let reference =
        |page: &u32| Reference { address: Vpn(u64::from(*page)).address(), access: Access::Read };
    pages.iter().map(reference).collect()
}

/// The stack as Mattson describes it: a list that is searched from its top.
fn searched(pages: &[u32]) -> Vec<Option<usize>> {
    let mut stack: Vec<u32> = Vec::new();
    let distance = |page: &u32| {
        let found = stack.iter().rev().position(|other| other == page);
        if let Some(depth) = found {
            stack.remove(stack.len() - 1 - depth);
        }
        stack.push(*page);
        found.map(|depth| depth + 1)
    };
    pages.iter().map(distance).collect()
}

/// In one pass, handed over in pieces of some size.
fn in_one_pass(pages: &[u32], piece: usize) -> Vec<Option<usize>> {
    let (mut distances, mut told) = (StackDistances::default(), Vec::new());
    for piece in references(pages).chunks(piece) {
        distances.extend(piece, |distance| told.push(distance));
    }
    told
}

fn hits(cache: &mut dyn PageCache, pages: &[u32]) -> Vec<bool> {
    pages.iter().map(|page| cache.reference(*page)).collect()
}

fn optimal_hits(pages: &[u32], capacity: u32) -> Vec<bool> {
    let mut optimum = Optimum::new(capacity);
    let uses = pages.iter().zip(next_uses(pages));
    uses.map(|(page, next_use)| optimum.reference(*page, next_use)).collect()
}

fn misses(hits: &[bool]) -> usize {
    hits.iter().filter(|is_hit| !**is_hit).count()
}

/// All three for every size up to one more than there are pages.
fn assert_agreement(pages: &[u32], piece: usize) {
    let distances = in_one_pass(pages, piece);
    let expected = searched(pages);
    let differs = distances.iter().zip(&expected).position(|(found, expected)| found != expected);
    assert_eq!(differs, None, "the distances differ at this reference");
    let mut curve = CurveBuilder::default();
    curve.extend(&references(pages));
    let curve = curve.finish();
    let distinct = distances.iter().filter(|distance| distance.is_none()).count();
    for capacity in 1..=distinct + 1 {
        let found = hits(&mut Lru::new(capacity as u32), pages);
        let fits = |distance: &Option<usize>| distance.is_some_and(|d| d <= capacity);
        let differs = found.iter().zip(&distances).position(|(hit, d)| *hit != fits(d));
        assert_eq!(differs, None, "{capacity} pages: the cache differs at this reference");
        let hard_faults = misses(&found) - distinct;
        assert_eq!(curve.hard_faults(capacity as u64), hard_faults as u64, "{capacity} pages");
    }
}

fn made(pattern: &Pattern, count: usize) -> Vec<u32> {
    let mut numbering = Numbering::default();
    let workload = Workload::new(pattern, 0.0, 11).expect("a workload").take(count);
    workload.map(|r| numbering.number(r.page()).expect("few pages")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lru_misses_exactly_where_the_stack_distance_exceeds_its_size(
        pages in prop::collection::vec(0_u32..40, 0..400),
        piece in 1_usize..100,
    ) {
        assert_agreement(&pages, piece);
    }

    #[test]
    fn clock_gives_second_chances_in_the_order_pages_came(
        pages in prop::collection::vec(0_u32..20, 0..300),
        capacity in 1_u32..12,
    ) {
        let mut queue: VecDeque<(u32, bool)> = VecDeque::new();
        let mut second_chance = |page: &u32| {
            if let Some(entry) = queue.iter_mut().find(|(other, _)| other == page) {
                entry.1 = true;
                return true;
            }
            while queue.len() == capacity as usize {
                if let Some((oldest, true)) = queue.pop_front() {
                    queue.push_back((oldest, false));
                }
            }
            queue.push_back((*page, false));
            false
        };
        let expected: Vec<bool> = pages.iter().map(&mut second_chance).collect();
        prop_assert_eq!(hits(&mut Clock::new(capacity), &pages), expected);
    }

    #[test]
    fn the_optimum_is_the_best_of_all_choices(
        pages in prop::collection::vec(0_u32..5, 0..11),
        capacity in 1_u32..4,
    ) {
        let best = fewest_misses(&pages, &mut Vec::new(), capacity as usize);
        prop_assert_eq!(misses(&optimal_hits(&pages, capacity)), best);
    }

    #[test]
    fn nothing_beats_the_optimum(
        pages in prop::collection::vec(0_u32..60, 0..600),
        capacity in 1_u32..64,
    ) {
        let optimum = misses(&optimal_hits(&pages, capacity));
        for (name, mut cache) in caches(capacity) {
            let found = misses(&hits(cache.as_mut(), &pages));
            prop_assert!(optimum <= found, "{name} misses {found} times, the optimum {optimum}");
        }
    }
}

fn caches(capacity: u32) -> [(&'static str, Box<dyn PageCache>); 3] {
    [
        ("lru", Box::new(Lru::new(capacity))),
        ("clock", Box::new(Clock::new(capacity))),
        ("s3-fifo", Box::new(S3Fifo::new(capacity))),
    ]
}

/// By trying every page that could be evicted.
fn fewest_misses(pages: &[u32], cached: &mut Vec<u32>, capacity: usize) -> usize {
    let Some((page, rest)) = pages.split_first() else { return 0 };
    if cached.contains(page) {
        return fewest_misses(rest, cached, capacity);
    }
    if cached.len() < capacity {
        cached.push(*page);
        let best = fewest_misses(rest, cached, capacity);
        cached.pop();
        return 1 + best;
    }
    let choices = 0..capacity;
    let best = choices.map(|evicted| {
        let mut cached = cached.clone();
        cached[evicted] = *page;
        fewest_misses(rest, &mut cached, capacity)
    });
    1 + best.min().expect("something can be evicted")
}

/// Long enough that the line of time is drawn anew many times.
#[test]
fn lru_agrees_on_loops_strides_popular_pages_mixes_and_phases() {
    let part = |weight, first, pattern| Part { weight, first, pattern };
    let phase = |references, first, pattern| Phase { references, first, pattern };
    let patterns = [
        Pattern::Sequential { pages: 200 },
        Pattern::Strided { pages: 210, stride: 16 },
        Pattern::Random { pages: 150 },
        Pattern::Zipf { pages: 300, alpha: 1.0 },
        Pattern::Mix(vec![
            part(2, 0, Pattern::Sequential { pages: 60 }),
            part(5, 100, Pattern::Zipf { pages: 200, alpha: 0.8 }),
            part(1, 300, Pattern::Sequential { pages: 100 }),
        ]),
        Pattern::Phases(vec![
            phase(3000, 0, Pattern::Random { pages: 50 }),
            phase(2000, 30, Pattern::Sequential { pages: 120 }),
        ]),
    ];
    for pattern in patterns {
        assert_agreement(&made(&pattern, 30_000), 1000);
    }
}

/// Silberschatz, "Operating System Concepts", with three frames: LRU 12 faults, the optimum 9.
#[test]
fn textbook_strings_fault_as_often_as_textbooks_say() {
    let string = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1];
    assert_eq!(misses(&hits(&mut Lru::new(3), &string)), 12);
    assert_eq!(misses(&optimal_hits(&string, 3)), 9);
    // Belady's string.
    let string = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];
    assert_eq!(misses(&hits(&mut Lru::new(3), &string)), 10);
    assert_eq!(misses(&hits(&mut Lru::new(4), &string)), 8);
    assert_eq!(misses(&optimal_hits(&string, 3)), 7);
    assert_eq!(misses(&optimal_hits(&string, 4)), 6);
}

/// Ten pages: one of them for the small queue, and nine remembered.
#[test]
fn s3_fifo_moves_pages_between_its_three_queues() {
    let mut cache = S3Fifo::new(10);
    let mut expect = |page: u32, hit: bool, why: &str| {
        assert_eq!(cache.reference(page), hit, "page {page}: {why}");
    };
    (0..10)
        .for_each(|page| expect(page, false, "0 fills the small queue, the others the main one"));
    expect(0, true, "once");
    expect(0, true, "twice: it will move to the main queue");
    expect(1, true, "once: it will go round");
    expect(10, false, "0 moves, so the main queue gives: 1 goes round, 2 leaves for good");
    expect(0, true, "it moved");
    expect(1, true, "it went round");
    expect(2, false, "who leaves the main queue is not remembered; 10 leaves");
    expect(10, false, "it was remembered and enters the main queue; 2 leaves");
    expect(2, false, "it was remembered; the small queue is empty, so 3 leaves for good");
    expect(11, false, "it is new; 4 leaves for the first place of the small queue");
    expect(3, false, "it was not remembered; 11 leaves");
    expect(4, false, "it was not remembered; 3 leaves");
    expect(5, true, "the main queue was left alone");
    expect(11, false, "it was remembered and enters the main queue; 4 leaves");
    expect(12, false, "the small queue is empty: 5 goes round, 6 leaves");
    expect(5, true, "it went round");
    expect(6, false, "it left");
}

/// A scan over much more than the cache leaves the popular pages of S3-FIFO alone, and not LRU's.
#[test]
fn a_scan_drives_popular_pages_out_of_lru_and_not_out_of_s3_fifo() {
    let popular: Vec<u32> = (0..50).collect();
    let mut pages: Vec<u32> = popular.iter().cycle().take(500).copied().collect();
    pages.extend(1000..2000);
    let after = |cache: &mut dyn PageCache| {
        hits(cache, &pages);
        misses(&hits(cache, &popular))
    };
    assert_eq!(after(&mut Lru::new(100)), 50);
    assert_eq!(after(&mut S3Fifo::new(100)), 0);
}
