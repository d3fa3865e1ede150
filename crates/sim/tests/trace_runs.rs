//! Traces on a machine of their own: first touches, soft and hard faults, and what they cost.

use memtide_core::page::{PAGE_SIZE, Tick};
use memtide_sim::DiskKind;
use memtide_sim::trace::{Format, Trace, TraceReport, TraceRun, TraceRunError};
use memtide_sim::workload::{Pattern, Workload};

fn machine(frames: Option<u32>) -> TraceRun {
    TraceRun { frames, disk: DiskKind::nvme(), reference_time: Tick(10) }
}

fn run_text(text: String, frames: Option<u32>) -> Result<TraceReport, TraceRunError> {
    let trace = Trace::of_bytes(text.into_bytes(), None).expect("a trace");
    machine(frames).run(trace, &mut |_| ())
}

/// Object ids as a text.
fn ids(ids: impl IntoIterator<Item = u64>) -> String {
    ids.into_iter().map(|id| format!("{id}\n")).collect()
}

fn run_ids(of: impl IntoIterator<Item = u64>, frames: Option<u32>) -> TraceReport {
    run_text(ids(of), frames).expect("a run")
}

fn looped(pages: u64, rounds: u64) -> impl Iterator<Item = u64> {
    (0..pages * rounds).map(move |n| n % pages)
}

#[test]
fn with_memory_enough_each_page_faults_once() {
    for frames in [None, Some(400)] {
        let report = run_ids(looped(300, 20), frames);
        assert_eq!(report.references, 6_000);
        assert_eq!((report.counters.demand_zero, report.pages()), (300, 300));
        assert_eq!((report.counters.hard, report.disk.pages_read), (0, 0));
        assert!((report.miss_ratio() - 0.05).abs() < 1e-12, "{}", report.miss_ratio());
        assert_eq!(report.time.own, Tick(60_000));
        assert_eq!(report.time.waited, Tick(0));
        assert_eq!(report.format, Some(Format::Ids));
    }
}

#[test]
fn a_page_that_was_evicted_comes_back_from_the_page_file_though_it_was_only_read() {
    let report = run_ids(looped(400, 5), Some(200));
    // Each page is a page of zeros once and never again.
    assert_eq!(report.counters.demand_zero, 400);
    assert!(report.counters.hard > 200, "{:?}", report.counters);
    assert!(report.disk.pages_written >= 200, "{:?}", report.disk);
    assert!(report.disk.pages_read >= report.counters.hard);
    assert!(report.peak <= 200, "{}", report.peak);
    let misses = report.counters.demand_zero + report.counters.hard;
    assert!((report.miss_ratio() - misses as f64 / 2_000.0).abs() < 1e-12);
}

#[test]
fn the_time_of_a_run_is_its_own_the_managers_and_the_disks() {
    let nvme = run_ids(looped(400, 5), Some(200));
    // The manager works while the disk does.
    let lost = nvme.time.lost();
    assert!(lost >= Tick(nvme.counters.hard * 70_000), "{:?}", nvme.time);
    let total = nvme.time.own.0 + nvme.time.serviced.0 + nvme.time.waited.0;
    let slow_down = total as f64 / nvme.time.own.0 as f64;
    assert!((nvme.slow_down() - slow_down).abs() < 1e-9);
    let text = ids(looped(400, 5));
    let trace = Trace::of_bytes(text.into_bytes(), None).expect("a trace");
    let hdd = TraceRun { disk: DiskKind::hdd(), ..machine(Some(200)) };
    let hdd = hdd.run(trace, &mut |_| ()).expect("a run");
    assert!(hdd.time.waited > nvme.time.waited, "{:?}", hdd.time);
}

#[test]
fn more_memory_never_means_many_more_misses() {
    let pattern = Pattern::Zipf { pages: 5_000, alpha: 0.9 };
    let workload = Workload::new(&pattern, 0.0, 7).expect("a pattern");
    let text = ids(workload.take(60_000).map(|made| made.page().0));
    let ratios: Vec<f64> = [250, 500, 1_000, 2_000, 4_000, 8_000]
        .map(|frames| run_text(text.clone(), Some(frames)).expect("a run").miss_ratio())
        .into();
    assert!(ratios.windows(2).all(|pair| pair[1] <= pair[0] * 1.02), "{ratios:?}");
    assert!(ratios[0] > 2.0 * ratios[5], "{ratios:?}");
}

#[test]
fn the_same_trace_gives_the_same_run() {
    let pattern = Pattern::Random { pages: 2_000 };
    let made = || Workload::new(&pattern, 0.3, 3).expect("a pattern").take(20_000);
    let lines = || {
        let line = |r: memtide_sim::Reference| format!("{:#x} w\n", r.address + (1 << 32));
        made().map(line).collect::<String>()
    };
    let of = || {
        let report = run_text(lines(), Some(500)).expect("a run");
        (report.counters, report.disk, report.time, report.peak)
    };
    assert_eq!(of(), of());
}

#[test]
fn pages_lie_anywhere_and_are_fetched_read_and_written() {
    let text = "0x10000 r\n0x7fffffff0fff w\n0xffffffffff600000 x\n0x0 r\n0x5555deadb000 x\n\
                0x5555deadb000 w\n0x5555deadb000 r\n0x41234567f000 w\n";
    let report = run_text(text.to_owned(), None).expect("a run");
    assert_eq!((report.references, report.pages()), (8, 6));
    assert_eq!(report.counters.violations, 0);
}

#[test]
fn pages_that_lie_far_apart_take_no_more_memory_than_pages_that_lie_together() {
    // Each page in a chunk of its own: 3 TiB of addresses.
    let far: String = (0..50_000_u64).map(|n| format!("{:#x}\n", (n + 1) << 26)).collect();
    let report = run_text(far, Some(1_000)).expect("a run");
    assert_eq!(report.pages(), 50_000);
}

#[test]
fn a_trace_that_breaks_off_is_told_with_its_place() {
    let text = format!("{}nonsense\n", ids(looped(10, 5_000)));
    let error = run_text(text, Some(100)).expect_err("nonsense");
    assert!(error.blames_input());
    assert_eq!(
        error.to_string(),
        "bytes: line 50001: \"nonsense\": expected a number a line, decimal or 0x, with r, w or x \
         before or behind it, or nothing"
    );
}

#[test]
fn a_machine_that_is_too_small_for_a_process_is_told() {
    for frames in [1, 2, 3, 8, 20] {
        let report = run_ids(looped(30, 3), Some(frames));
        assert_eq!(report.pages(), 30, "{frames} frames");
    }
}

#[test]
fn a_run_tells_how_far_it_has_come() {
    let text = ids(looped(2_000, 10));
    let length = text.len() as u64;
    let trace = Trace::of_bytes(text.into_bytes(), None).expect("a trace");
    let mut told = Vec::new();
    machine(Some(500))
        .run(trace, &mut |progress| told.push((progress.read(), progress.references())))
        .expect("a run");
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!(told.last(), Some(&(length, 20_000)));
}

#[test]
fn as_few_pages_as_the_processor_needs_are_enough() {
    let report = run_ids(looped(64, 50), Some(64));
    // What is left of memory for standby pages may make some faults soft, and none hard.
    assert_eq!(report.pages(), 64);
    assert!(report.counters.hard * PAGE_SIZE < 64 * 50 * PAGE_SIZE / 2, "{:?}", report.counters);
}
