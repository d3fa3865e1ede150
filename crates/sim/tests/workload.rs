//! Made workloads reference the pages that their patterns name.

use memtide_core::page::{Access, PAGE_SIZE};
use memtide_sim::Reference;
use memtide_sim::workload::{Part, Pattern, Phase, Workload, WorkloadError};

fn pages(pattern: &Pattern, count: usize) -> Vec<u64> {
    let workload = Workload::new(pattern, 0.0, 1).expect("a workload");
    workload.take(count).map(|reference| reference.page().0).collect()
}

fn counts(pages: &[u64], of: usize) -> Vec<usize> {
    let mut counts = vec![0; of];
    for page in pages {
        counts[usize::try_from(*page).expect("a small number")] += 1;
    }
    counts
}

#[test]
fn sequential_comes_round_in_order() {
    assert_eq!(pages(&Pattern::Sequential { pages: 3 }, 7), [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn strides_reference_every_page_once_a_round() {
    let pattern = Pattern::Strided { pages: 7, stride: 3 };
    assert_eq!(pages(&pattern, 8), [0, 3, 6, 1, 4, 2, 5, 0]);
    for (many, stride) in [(1, 1), (64, 8), (65, 8), (10, 10), (100, 7)] {
        let mut round = pages(&Pattern::Strided { pages: many, stride }, 100);
        round.truncate(usize::try_from(many).expect("small"));
        round.sort_unstable();
        assert!(round.into_iter().eq(0..many), "{many} pages, a stride of {stride}");
    }
}

#[test]
fn random_references_all_pages_alike() {
    let counts = counts(&pages(&Pattern::Random { pages: 16 }, 160_000), 16);
    // Five standard deviations of a count of 10000.
    assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
}

#[test]
fn zipf_references_the_kth_page_in_proportion_to_its_power() {
    for alpha in [0.0, 0.8, 1.0, 1.2] {
        let mut counts = counts(&pages(&Pattern::Zipf { pages: 1000, alpha }, 1_000_000), 1000);
        let popular = (0..1000).max_by_key(|page| counts[*page]);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let total: f64 = (1..=1000).map(|rank| f64::from(rank).powf(-alpha)).sum();
        for rank in [1_u32, 2, 10, 100] {
            let expected = 1e6 * f64::from(rank).powf(-alpha) / total;
            let found = f64::from(u32::try_from(counts[rank as usize - 1]).expect("small"));
            let tolerance = 0.1 + 4.0 / expected.sqrt();
            assert!(
                (found / expected - 1.0).abs() < tolerance,
                "alpha {alpha}, rank {rank}: {found} references, expected {expected:.0}"
            );
        }
        // Popular pages do not lie at the beginning.
        assert_ne!(popular, Some(0), "alpha {alpha}");
    }
}

#[test]
fn a_mix_references_its_parts_by_their_weights_where_they_begin() {
    let scan = Part { weight: 1, first: 10, pattern: Pattern::Sequential { pages: 1000 } };
    let hot = Part { weight: 3, first: 0, pattern: Pattern::Random { pages: 10 } };
    let pattern = Pattern::Mix(vec![scan, hot]);
    assert_eq!(pattern.pages(), 1010);
    let pages = pages(&pattern, 4000);
    let scanned: Vec<u64> = pages.iter().copied().filter(|page| *page >= 10).collect();
    assert!(scanned.len().abs_diff(1000) < 150, "{} of 4000", scanned.len());
    assert!(scanned.iter().zip((0..).map(|n| 10 + n % 1000)).all(|(page, next)| *page == next));
}

#[test]
fn phases_follow_one_another_and_begin_again() {
    let phase =
        |references, first| Phase { references, first, pattern: Pattern::Sequential { pages: 4 } };
    let pattern = Pattern::Phases(vec![phase(2, 0), phase(3, 100)]);
    assert_eq!(pages(&pattern, 12), [0, 1, 100, 101, 102, 2, 3, 103, 100, 101, 0, 1]);
}

#[test]
fn the_same_seed_makes_the_same_references_and_another_makes_others() {
    let pattern = Pattern::Zipf { pages: 1000, alpha: 1.0 };
    let made = |seed| -> Vec<Reference> {
        Workload::new(&pattern, 0.5, seed).expect("a workload").take(1000).collect()
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
}

#[test]
fn so_many_references_write_as_were_asked_for() {
    let workload = Workload::new(&Pattern::Random { pages: 9 }, 0.25, 3).expect("a workload");
    let references: Vec<Reference> = workload.take(10_000).collect();
    let writes = references.iter().filter(|reference| reference.access == Access::Write).count();
    assert!(writes.abs_diff(2500) < 250, "{writes} of 10000");
    assert!(references.iter().all(|r| r.address.is_multiple_of(PAGE_SIZE)));
}

#[test]
fn what_makes_no_workload_is_refused_with_the_value_and_what_was_expected() {
    let part = |weight, first, pages| Part { weight, first, pattern: Pattern::Random { pages } };
    let cases = [
        (Pattern::Random { pages: 0 }, "over 0 pages: expected 1 to 4503599627370496"),
        (Pattern::Sequential { pages: u64::MAX }, "over 18446744073709551615 pages"),
        (Pattern::Strided { pages: 9, stride: 0 }, "a stride of 0 pages over 9: expected 1 to 9"),
        (Pattern::Strided { pages: 9, stride: 10 }, "a stride of 10 pages over 9"),
        (Pattern::Zipf { pages: 9, alpha: -1.0 }, "alpha of -1: expected 0"),
        (Pattern::Zipf { pages: 9, alpha: f64::NAN }, "alpha of NaN"),
        (Pattern::Mix(vec![]), "a mix of 0 parts with weights of 0 in all"),
        (Pattern::Mix(vec![part(0, 0, 9)]), "a mix of 1 parts with weights of 0 in all"),
        (Pattern::Mix(vec![part(1, 0, 0)]), "over 0 pages"),
        (Pattern::Mix(vec![part(1, u64::MAX, 9)]), "over 18446744073709551615 pages"),
        (Pattern::Phases(vec![]), "0 phases of 0 references"),
    ];
    for (pattern, expected) in cases {
        let error = Workload::new(&pattern, 0.0, 0).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    for share in [-0.1, 1.1, f64::NAN] {
        let error = Workload::new(&Pattern::Random { pages: 1 }, share, 0).expect_err("no share");
        assert!(matches!(error, WorkloadError::Writes { .. }), "{error}");
    }
}
