//! Campaigns: random runs find nothing, planted defects are found and shrunk, and every run that
//! once found a defect is kept.

use memtide_sim::Plant;
use memtide_sim::campaign::{
    Amount, Coverage, Failure, FailureKind, Generation, Happened, PageFile, Run, Shrunk, Step,
    shrink,
};

const STEPS: u64 = 600;

fn generated(seed: u64, faults: Amount) -> Run {
    Run::generate(seed, Generation { steps: STEPS, faults: Some(faults), plant: None })
}

fn failure(run: &Run) -> Option<Failure> {
    run.try_execute().expect("a machine").failure
}

/// Runs so many seeds and adds up what happened.
fn campaign(seeds: std::ops::Range<u64>, faults: Amount) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in seeds {
        let outcome = generated(seed, faults).try_execute().expect("a machine");
        if let Some(failure) = outcome.failure {
            panic!("seed {seed}, {faults:?}, {STEPS} steps: {failure}");
        }
        coverage.add(&outcome.coverage);
    }
    coverage
}

#[test]
fn runs_without_faults_find_nothing() {
    let coverage = campaign(0..100, Amount::None);
    assert!(coverage.accesses > 10_000, "{coverage:?}");
    assert_eq!((coverage.read_errors, coverage.write_errors, coverage.lost), (0, 0, 0));
    assert_eq!(coverage.in_page_errors + coverage.lost_errors, 0);
}

#[test]
fn runs_with_some_faults_find_nothing() {
    campaign(1_000..1_100, Amount::Some);
}

#[test]
fn every_kind_of_fault_is_injected_and_surfaces() {
    let coverage = campaign(2_000..2_200, Amount::Many);
    for Happened { name, times, .. } in coverage.counts() {
        println!("{name}: {times}");
        assert!(times > 0, "{name} never happened: {coverage:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_the_same_events() {
    for seed in 0..10 {
        let (one, other) = (generated(seed, Amount::Many), generated(seed, Amount::Many));
        assert_eq!(one, other);
        let outcome = one.execute().expect("a machine");
        assert_eq!(outcome, other.execute().expect("a machine"));
        let next = generated(seed + 1, Amount::Many).execute().expect("a machine");
        assert_ne!(outcome.digest, next.digest);
    }
}

/// The shortest run, of a few seeds, that finds a planted defect.
fn found(plant: Plant) -> Shrunk {
    let mut seeds = 0..200;
    let planted = |seed| {
        let (faults, plant) = (Some(Amount::None), Some(plant));
        let run = Run::generate(seed, Generation { steps: STEPS, faults, plant });
        Some((failure(&run)?, run))
    };
    let (found, run) = seeds.find_map(planted).expect("some run finds it");
    let shrunk = shrink(&run, found, 2_000, &mut failure);
    assert_eq!(failure(&shrunk.run), Some(shrunk.failure.clone()), "it repeats");
    let read = Run::from_toml(&shrunk.run.to_toml("found")).expect("a run");
    assert_eq!(read, shrunk.run, "it is saved and read as it is");
    assert!(
        shrunk.run.steps.iter().any(|step| matches!(step, Step::Plant { .. })),
        "without the plant there is nothing to find: {:?}",
        shrunk.run.steps
    );
    shrunk
}

fn expect_found(plant: Plant, kinds: &[FailureKind], steps_most: usize) {
    let shrunk = found(plant);
    assert!(kinds.contains(&shrunk.failure.kind), "{}", shrunk.failure);
    let steps = shrunk.run.steps.len();
    assert!(steps <= steps_most, "{steps} steps: {}", shrunk.run.to_toml("too long"));
}

#[test]
fn wrong_bytes_are_found_and_shrunk_to_a_few_steps() {
    expect_found(Plant::FlipBit, &[FailureKind::WrongBytes], 12);
}

#[test]
fn silent_zeros_are_found_and_shrunk_to_a_few_steps() {
    expect_found(Plant::ReadZeros, &[FailureKind::WrongBytes], 12);
}

#[test]
fn a_write_that_never_reached_the_disk_is_found_and_shrunk_to_a_few_steps() {
    expect_found(Plant::DropWrite, &[FailureKind::WrongBytes], 16);
}

#[test]
fn a_stale_page_is_found_and_shrunk_to_a_few_steps() {
    expect_found(Plant::KeepOld, &[FailureKind::WrongBytes], 8);
}

#[test]
fn swapped_pages_are_found_and_shrunk_to_a_few_steps() {
    expect_found(Plant::SwapPages, &[FailureKind::WrongBytes], 20);
}

#[test]
fn a_completion_that_never_comes_is_found_and_shrunk_to_a_few_steps() {
    expect_found(Plant::DropCompletion, &[FailureKind::WaitsForEver, FailureKind::Leak], 16);
}

#[test]
fn a_panic_is_found_and_shrunk_to_a_single_step() {
    let shrunk = found(Plant::Panic);
    assert_eq!(shrunk.failure.kind, FailureKind::Panic);
    assert_eq!(shrunk.failure.message, "a panic was planted");
    assert_eq!(shrunk.run.steps, [Step::Plant { what: Plant::Panic }]);
}

#[test]
fn a_file_that_holds_no_run_is_refused_with_its_line_and_what_was_expected() {
    let run = Run { steps: vec![Step::Rest {}], ..generated(1, Amount::Some) };
    let text = run.to_toml("a run");
    assert_eq!(Run::from_toml(&text).expect("a run"), run);
    let refused = |from: &str, to: &str, expected: &str| {
        let broken = text.replace(from, to);
        assert_ne!(broken, text);
        let told = Run::from_toml(&broken).expect_err("no run").to_string();
        assert!(told.contains(expected), "{told}");
    };
    refused("\"rest\"", "\"nap\"", "unknown variant `nap`");
    refused("{ do = \"rest\" }", "{ do = \"rest\", speed = 2 }", "speed");
    refused("{ do = \"rest\" }", "{ do = \"begin\" }", "missing field `process`");
    refused("{ do = \"rest\" }", "{ do = \"zero\", pages = 4000000000 }", "expected 0 to 65536");
    refused("frames = ", "frame = ", "unknown field `frame`");
    refused("frames = ", "frames = -", "invalid value");
    refused("]\n", "", "TOML parse error at line");
    let all: Vec<char> = text.chars().collect();
    for end in (0..all.len() - 3).step_by(7) {
        let truncated: String = all[..end].iter().collect();
        assert!(Run::from_toml(&truncated).is_err(), "{truncated}");
    }
}

#[test]
fn a_machine_that_is_none_is_refused_with_its_value() {
    let refused = |change: fn(&mut Run), expected: &str| {
        let mut run = generated(1, Amount::None);
        let disk = "hdd".to_owned();
        run.machine.page_files = vec![PageFile { initial: 10, maximum: 20, disk }];
        change(&mut run);
        let told = run.execute().expect_err("no machine").to_string();
        assert!(told.contains(expected), "{told}");
    };
    refused(|run| run.machine.frames = 0, "0 frames: expected 1 to 65536");
    refused(|run| run.machine.frames = 1 << 20, "1048576 frames");
    refused(
        |run| run.machine.page_files[0].maximum = 1 << 20,
        "a page file of 1048576 pages: expected at most 65536",
    );
    refused(|run| run.machine.file_disk = "tape".to_owned(), "\"tape\" is no kind of disk");
    refused(|run| run.machine.policy.writes_max = 0, "writes-max is 0");
}

/// A run that once found a defect, and finds none any more.
macro_rules! kept {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                let text = include_str!(concat!("campaign/", stringify!($name), ".toml"));
                let run = Run::from_toml(text).expect("a run");
                assert_eq!(failure(&run), None);
            }
        )+

        #[test]
        fn every_run_that_is_kept_is_a_test() {
            let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/campaign");
            let files = std::fs::read_dir(directory).expect("the directory of the runs");
            let tests = [$(concat!(stringify!($name), ".toml")),+];
            for file in files {
                let name = file.expect("a file").file_name();
                assert!(tests.iter().any(|test| name == *test), "{name:?} is no test");
            }
        }
    };
}

kept! {
    a_failed_read_of_a_page_that_was_replaced
    a_page_that_made_room_for_its_own_copy
    a_page_unlocked_before_its_lock_ended
    a_write_that_failed_past_its_copy
    a_page_of_a_file_where_every_frame_is_promised
}
