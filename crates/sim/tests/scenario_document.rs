//! docs/SCENARIOS.md lists every key that is read, and none that is not.

use std::collections::{BTreeMap, BTreeSet};

use memtide_sim::scenario::Scenario;

/// Each table, and a scenario with a key in it that nobody knows.
const TABLES: [(&str, &str); 15] = [
    ("Top of the file", "nobody = 1"),
    ("`[machine]`", "machine.nobody = 1"),
    ("`[[disk]]`", "disk = [{ nobody = 1 }]"),
    ("`[[page_file]]`", "page_file = [{ nobody = 1 }]"),
    ("`[compression]`", "compression.nobody = 1"),
    ("`[thresholds]`", "thresholds.nobody = 1"),
    ("`[policy]`", "policy.nobody = 1"),
    ("`[costs]`", "costs.nobody = 1"),
    ("`[faults]`", "faults.nobody = 1"),
    ("`[[section]]`", "section = [{ nobody = 1 }]"),
    ("`[[process]]`", "process = [{ nobody = 1 }]"),
    ("`[process.cache]`", "process = [{ cache = { nobody = 1 } }]"),
    ("`[[process.view]]`", "process = [{ view = [{ nobody = 1 }] }]"),
    ("`[[process.phase]]`", "process = [{ phase = [{ nobody = 1 }] }]"),
    ("`[[event]]`", "event = [{ nobody = 1 }]"),
];

/// Each list of words, and a scenario with a word that nobody knows.
const WORDS: [(&str, &str); 2] = [
    ("| pattern |", "process = [{ phase = [{ pattern = 'nobody' }] }]"),
    ("| `do` | what is done |", "event = [{ do = 'nobody' }]"),
];

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SCENARIOS.md");
    std::fs::read_to_string(path).expect("the document")
}

/// What stands in backquotes after the first.
fn known(scenario: &str) -> BTreeSet<String> {
    let message = Scenario::parse(scenario).expect_err("nobody is unknown").problem;
    let names = message.split('`').skip(1).step_by(2).map(str::to_owned);
    let names: BTreeSet<String> = names.filter(|name| name != "nobody").collect();
    assert!(!names.is_empty(), "{message}");
    names
}

/// The first cells of the rows of a table, without their backquotes.
fn first_cells<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let cells = lines.filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(cell, _)| cell.to_owned()).collect()
}

#[test]
fn the_document_lists_every_key_and_no_other() {
    let document = document();
    let sections: BTreeMap<&str, &str> =
        document.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    for (title, scenario) in TABLES {
        let section = sections.get(title).unwrap_or_else(|| panic!("no section {title}"));
        let table = section.lines().skip_while(|line| !line.starts_with("| key |")).skip(1);
        let listed = first_cells(table.take_while(|line| line.starts_with('|')));
        assert_eq!(listed, known(scenario), "{title}");
    }
    let titles: BTreeSet<&str> = TABLES.iter().map(|(title, _)| *title).chain(["Values"]).collect();
    assert_eq!(sections.keys().copied().collect::<BTreeSet<_>>(), titles);
}

#[test]
fn the_document_lists_every_pattern_and_every_event() {
    let document = document();
    for (heading, scenario) in WORDS {
        let table = document.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
        let listed = first_cells(table.take_while(|line| line.starts_with('|')));
        assert_eq!(listed, known(scenario), "{heading}");
    }
}

#[test]
fn the_example_of_the_document_makes_sense() {
    let document = document();
    let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    Scenario::parse(example.expect("an example")).expect("it makes sense");
}
