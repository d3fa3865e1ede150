//! The examples, each in a process of its own, with sizes that are small.
#![cfg(target_os = "linux")]

mod support;

#[path = "../examples/cache.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod cache;
#[path = "../examples/collector.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod collector;
#[path = "../examples/sort.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod sort;
#[path = "../examples/table.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod table;

use std::error::Error;

type Example = fn(&[String]) -> Result<(), Box<dyn Error>>;

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|word| (*word).to_owned()).collect()
}

/// What an example prints that is run to its end.
fn printed(test: &str, example: Example, arguments: &[&str]) -> String {
    let output = support::in_child(test, &arguments.join(" "), || {
        if let Err(error) = example(&words(arguments)) {
            eprintln!("{error}");
            std::process::exit(1);
        }
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The amount behind a word, in bytes.
fn amount(printed: &str, word: &str) -> u64 {
    let behind = printed.split(word).nth(1).unwrap_or_else(|| panic!("no {word} in {printed}"));
    let text: String = behind.chars().take_while(|c| !",\n)".contains(*c)).collect();
    text.trim().parse::<memtide_core::units::Bytes>().expect("an amount").0
}

#[test]
fn the_sort_example_sorts_four_times_its_budget() {
    const TEST: &str = "the_sort_example_sorts_four_times_its_budget";
    let printed = printed(TEST, sort::run, &["8M", "32M"]);
    if printed.is_empty() {
        return;
    }
    assert!(printed.contains("4194304 numbers"), "{printed}");
    assert!(printed.contains("in order, with every number that there was"), "{printed}");
    let last = printed.split("checked").nth(1).expect("what it checked");
    assert!(amount(last, "written") >= 24 << 20, "{printed}");
    // The program itself is some MiB.
    assert!(amount(last, "resident") < 24 << 20, "{printed}");
}

#[test]
fn the_cache_example_gives_way_to_other_work_and_grows_again() {
    const TEST: &str = "the_cache_example_gives_way_to_other_work_and_grows_again";
    let printed = printed(TEST, cache::run, &["16M"]);
    if printed.is_empty() {
        return;
    }
    let stages: Vec<&str> = printed.lines().filter(|line| line.contains("% hits")).collect();
    let [alone, beside, again] = stages[..] else { panic!("{printed}") };
    assert_eq!(amount(alone, "the cache has"), 12 << 20, "{printed}");
    assert!(amount(beside, "the cache has") < 12 << 20, "{printed}");
    assert_eq!(amount(again, "the cache has"), 12 << 20, "{printed}");
    assert!(printed.contains("memory is low: the cache shrinks from 12 MiB"), "{printed}");
    assert!(printed.contains("every value was right"), "{printed}");
}

#[test]
fn the_table_example_finds_every_value() {
    const TEST: &str = "the_table_example_finds_every_value";
    let printed = printed(TEST, table::run, &["4M", "16M", "50000"]);
    if printed.is_empty() {
        return;
    }
    assert!(printed.contains("asked 50000 in"), "{printed}");
    assert!(printed.contains("every key has the value that was put last"), "{printed}");
    let last = printed.split("checked").nth(1).expect("what it checked");
    assert!(amount(last, "written") >= 12 << 20, "{printed}");
}

#[test]
fn the_collector_example_misses_no_reference() {
    const TEST: &str = "the_collector_example_misses_no_reference";
    let printed = printed(TEST, collector::run, &["8M", "32M", "20"]);
    if printed.is_empty() {
        return;
    }
    assert!(printed.contains("20 collections found all 200 references each"), "{printed}");
    let looked = printed.split("looked through ").nth(1).expect("pages");
    let pages: u64 = looked.split(' ').next().and_then(|word| word.parse().ok()).expect("pages");
    // No more than a page a reference, of 8192.
    assert!((100..=200).contains(&pages), "{printed}");
}

#[test]
fn the_examples_say_what_is_wrong_with_their_arguments() {
    let cases: [(Example, &[&str], &str); 14] = [
        (sort::run, &["64M"], "expected a budget and the size of the data, as in 64M 256M"),
        (sort::run, &["much", "256M"], "the budget: 'much' is not a size"),
        (sort::run, &["1M", "256M"], "the budget: 1 MiB: expected at least 4 MiB"),
        (sort::run, &["64M", "1"], "the data: 1 B: expected 4 KiB to 1 TiB"),
        (sort::run, &["64M", "2T"], "the data: 2 TiB: expected 4 KiB to 1 TiB"),
        (cache::run, &["1", "2"], "expected a budget, as in 64M"),
        (cache::run, &["8M"], "the budget: 8 MiB: expected 16 MiB to 1 TiB"),
        (table::run, &["32M", "1"], "expected a budget, a size and lookups"),
        (table::run, &["32M", "1", "1"], "the table: 1 B: expected 64 KiB to 1 TiB"),
        (table::run, &["32M", "1M", "0"], "the lookups: expected 1 to 1000000000"),
        (table::run, &["1M", "1M", "9"], "the budget: 1 MiB: expected at least 4 MiB"),
        (collector::run, &["16M", "64M", "-1"], "the collections: expected 1 to 1000000"),
        (collector::run, &["16M", "1", "1"], "the old objects: 1 B: expected 64 KiB to 1 TiB"),
        (collector::run, &["16M"], "expected a budget, a size and collections"),
    ];
    for (example, arguments, expected) in cases {
        let told = example(&words(arguments)).expect_err("it cannot be used").to_string();
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}
