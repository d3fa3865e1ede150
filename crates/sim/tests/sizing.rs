//! How much memory a program needs.

use memtide_core::page::Tick;
use memtide_sim::sizing::{CurveBuilder, MissRatioCurve, SlowDown};
use memtide_sim::workload::{Part, Pattern, Workload};
use memtide_sim::{DiskKind, Reference};
use proptest::prelude::*;

fn curve(pattern: &Pattern, count: usize) -> MissRatioCurve {
    let workload = Workload::new(pattern, 0.0, 5).expect("a workload");
    let references: Vec<Reference> = workload.take(count).collect();
    let mut curve = CurveBuilder::default();
    curve.extend(&references);
    curve.finish()
}

#[test]
fn a_loop_misses_everywhere_until_all_of_it_fits() {
    let curve = curve(&Pattern::Sequential { pages: 100 }, 1000);
    assert_eq!((curve.references(), curve.pages()), (1000, 100));
    assert_eq!(curve.hard_faults(99), 900);
    assert_eq!(curve.hard_faults(100), 0);
    assert!((curve.miss_ratio(99) - 1.0).abs() < 1e-12);
    assert!((curve.miss_ratio(100) - 0.1).abs() < 1e-12);
    assert_eq!(curve.knee(), Some(100));
}

#[test]
fn the_knee_of_popular_pages_beside_a_scan_is_where_the_popular_ones_fit() {
    let hot = Part { weight: 9, first: 0, pattern: Pattern::Random { pages: 100 } };
    let scan = Part { weight: 1, first: 1000, pattern: Pattern::Sequential { pages: 5000 } };
    let knee = curve(&Pattern::Mix(vec![hot, scan]), 200_000).knee().expect("it falls");
    // The scan passes through the stack between two uses of a popular page.
    assert!((100..250).contains(&knee), "{knee} pages");
}

#[test]
fn a_trace_of_nothing_and_one_of_one_page_have_curves() {
    let nothing = CurveBuilder::default().finish();
    assert_eq!((nothing.references(), nothing.pages(), nothing.hard_faults(0)), (0, 0, 0));
    assert_eq!((nothing.knee(), nothing.sizes(10)), (None, vec![]));
    assert!(nothing.miss_ratio(1).abs() < 1e-12);
    let one = curve(&Pattern::Sequential { pages: 1 }, 10);
    assert_eq!((one.pages(), one.hard_faults(1), one.knee()), (1, 0, None));
    assert_eq!(one.sizes(10), [1]);
}

#[test]
fn the_slow_down_is_what_the_formula_says() {
    let curve = curve(&Pattern::Sequential { pages: 100 }, 1000);
    let disk = DiskKind::nvme();
    let model = SlowDown::new(Tick(100), &disk);
    assert_eq!(model.fault_time, Tick(70_000 + 4096 * 1000 / 3500));
    let expected = 1.0 + 900.0 * 71_170.0 / (1000.0 * 100.0);
    assert!((model.of(&curve, 50) - expected).abs() < 1e-9);
    assert!((model.of(&curve, 100) - 1.0).abs() < 1e-12);
    let seek = SlowDown::new(Tick(100), &DiskKind::hdd()).fault_time;
    assert_eq!(seek, Tick(4_200_000 + 8_000_000 + 4096 * 1000 / 200));
}

#[test]
fn a_bound_below_one_or_that_is_no_number_is_refused() {
    let curve = curve(&Pattern::Sequential { pages: 10 }, 100);
    let model = SlowDown::new(Tick(1), &DiskKind::nvme());
    for bound in [0.99, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let error = model.smallest(&curve, bound).expect_err("no bound").to_string();
        assert!(error.contains(&bound.to_string()) && error.contains("1.1"), "{error}");
    }
    assert_eq!(model.smallest(&curve, f64::INFINITY), Ok(1));
    assert_eq!(model.smallest(&curve, 1.0), Ok(10));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn one_page_less_than_the_smallest_memory_breaks_the_bound(
        alpha in 0.0_f64..1.5,
        pages in 2_u64..500,
        bound in 1.0_f64..50.0,
    ) {
        let curve = curve(&Pattern::Zipf { pages, alpha }, 5000);
        let model = SlowDown::new(Tick(1000), &DiskKind::nvme());
        let smallest = model.smallest(&curve, bound).expect("a bound");
        prop_assert!(model.of(&curve, smallest) <= bound + 1e-9);
        if smallest > 1 {
            prop_assert!(model.of(&curve, smallest - 1) > bound - 1e-9);
        }
    }

    #[test]
    fn the_sizes_that_show_a_curve_rise_to_all_pages(pages in 1_u64..5000, count in 0_usize..200) {
        let curve = curve(&Pattern::Sequential { pages }, 5000);
        let sizes = curve.sizes(count);
        prop_assert!(sizes.is_sorted() && sizes.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(sizes.last(), Some(&pages));
        prop_assert!(sizes.len() <= count.max(2) && sizes[0] >= 1, "{:?}", sizes);
    }
}
