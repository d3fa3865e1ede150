//! The book's experiments conclude what their pages say, and the pages show what they give.

use std::path::PathBuf;
use std::sync::OnceLock;

use memtide_sim::experiments::{EXPERIMENTS, Experiment, Outcome};

/// The outcome of an experiment, made once.
fn outcome(name: &str) -> &'static Outcome {
    static MADE: [OnceLock<Outcome>; EXPERIMENTS.len()] =
        [const { OnceLock::new() }; EXPERIMENTS.len()];
    let number = EXPERIMENTS.iter().position(|experiment| experiment.name == name);
    let number = number.expect("an experiment of this name");
    MADE[number].get_or_init(|| EXPERIMENTS[number].run())
}

/// An outcome whose findings all hold, so many of them.
fn concluded(name: &str, findings: usize) -> &'static Outcome {
    let outcome = outcome(name);
    for finding in &outcome.findings {
        assert!(finding.holds, "{name}: {}\n{}", finding.statement, finding.seen);
    }
    assert_eq!(outcome.findings.len(), findings, "{name}: findings");
    outcome
}

fn cell<'o>(outcome: &'o Outcome, row: &str, column: &str) -> &'o str {
    let found = outcome.cell(row, column);
    found.unwrap_or_else(|| panic!("{}: no cell {row} / {column}", outcome.name))
}

fn number(outcome: &Outcome, row: &str, column: &str) -> f64 {
    let cell = cell(outcome, row, column);
    let digits: String = cell.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().unwrap_or_else(|_| panic!("{row} / {column}: {cell}"))
}

#[test]
fn page_states_give_what_the_documentation_says() {
    let outcome = concluded("page-states", 23);
    for access in ["read", "write", "execute"] {
        assert_eq!(cell(outcome, "free", access), "STATUS_ACCESS_VIOLATION");
        assert_eq!(cell(outcome, "reserved", access), "STATUS_ACCESS_VIOLATION");
    }
    assert_eq!(cell(outcome, "committed", "write"), "demand zero");
    assert_eq!(cell(outcome, "committing them", "frames, pages"), "0");
    assert_eq!(cell(outcome, "writing the first one", "frames, pages"), "1");
}

#[test]
fn protections_allow_what_they_say_and_a_guard_is_found_once() {
    let outcome = concluded("protections", 8);
    let rows = [
        ("PAGE_NOACCESS", ["violation", "violation", "violation"]),
        ("PAGE_READONLY", ["yes", "violation", "violation"]),
        ("PAGE_READWRITE", ["yes", "yes", "violation"]),
        ("PAGE_WRITECOPY", ["yes", "yes", "violation"]),
        ("PAGE_EXECUTE", ["yes", "violation", "yes"]),
        ("PAGE_EXECUTE_READ", ["yes", "violation", "yes"]),
        ("PAGE_EXECUTE_READWRITE", ["yes", "yes", "yes"]),
        ("PAGE_EXECUTE_WRITECOPY", ["yes", "yes", "yes"]),
    ];
    for (name, given) in rows {
        for (access, given) in ["read", "write", "execute"].into_iter().zip(given) {
            assert_eq!(cell(outcome, name, access), given, "{name} {access}");
        }
    }
    assert_eq!(cell(outcome, "write to it", "what it gives"), "STATUS_GUARD_PAGE_VIOLATION");
    assert_eq!(cell(outcome, "write to it again", "what it gives"), "demand zero");
}

#[test]
fn copy_on_write_gives_each_writer_its_own_pages_and_no_more() {
    let outcome = concluded("copy-on-write", 9);
    let row = "B writes 3 pages";
    let counts = ["A shared", "A private", "B shared", "B private"].map(|c| cell(outcome, row, c));
    assert_eq!(counts, ["59", "5", "61", "3"]);
    assert_eq!(cell(outcome, "B reads all of it", "frames"), "64");
}

#[test]
fn an_address_is_walked_through_four_levels_and_keeps_its_offset() {
    let outcome = concluded("virtual-to-physical", 7);
    let says = |row| cell(outcome, row, "the PTE says");
    assert!(says("writing there").starts_with("valid"));
    assert!(says("trimming it").starts_with("transition"));
    assert!(says("taking its frame for others").starts_with("page file 0"));
    assert!(says("reading there again").starts_with("valid"));
    assert!(cell(outcome, "reading there again", "physical address").ends_with("abc"));
}

#[test]
fn a_frame_has_four_shapes_and_an_error_reaches_both_waiters() {
    let outcome = concluded("pfn-shapes", 8);
    for thread in ["7", "8"] {
        assert_eq!(cell(outcome, thread, "is told"), "STATUS_IN_PAGE_ERROR");
    }
    let lines: Vec<&str> =
        outcome.steps.iter().flat_map(|step| &step.lines).map(|line| line.trim()).collect();
    for word in ["ws index", "flink", "colour flink", "event: operation"] {
        assert!(lines.iter().any(|line| line.starts_with(word)), "{word} in {lines:#?}");
    }
}

#[test]
fn coloured_pages_never_push_one_another_out_of_the_cache() {
    let outcome = concluded("page-colours", 4);
    for used in ["64", "128", "192", "256"] {
        assert_eq!(cell(outcome, used, "misses a pass with colouring"), "0");
    }
    assert!(number(outcome, "256", "misses a pass without") > 64.0);
}

#[test]
fn low_memory_wakes_everyone_who_waits_and_high_memory_comes_later() {
    let outcome = concluded("low-and-high-memory", 10);
    for (memory, low, high) in [
        ("128 MiB", "1 MiB", "3 MiB"),
        ("4 GiB", "32 MiB", "96 MiB"),
        ("1 TiB", "64 MiB", "192 MiB"),
    ] {
        assert_eq!((cell(outcome, memory, "low"), cell(outcome, memory, "high")), (low, high));
    }
    assert_eq!(cell(outcome, "4 GiB", "low set"), "32764 KiB");
}

#[test]
fn commit_is_high_while_the_page_file_grows_and_at_its_maximum_when_it_cannot() {
    let outcome = concluded("commit", 9);
    let set: Vec<&str> =
        outcome.steps[0].tables[0].rows.iter().map(|row| row[4].as_str()).collect();
    let first = |name| set.iter().position(|set| *set == name).expect("set once");
    let order = ["LowCommitCondition", "HighCommitCondition", "MaximumCommitCondition"].map(first);
    assert!(order.is_sorted(), "{set:?}");
}

#[test]
fn pools_run_low_at_their_marks_and_refuse_when_they_are_empty() {
    let outcome = concluded("pools", 10);
    let changes = &outcome.steps[0].tables[0].rows;
    let seen: Vec<[&str; 2]> =
        changes.iter().map(|row| [row[2].as_str(), row[3].as_str()]).collect();
    assert_eq!(
        seen,
        [
            ["HighPagedPoolCondition", "cleared"],
            ["LowPagedPoolCondition", "set"],
            ["LowPagedPoolCondition", "cleared"],
            ["HighPagedPoolCondition", "set"],
        ]
    );
}

#[test]
fn cleaning_moves_pages_down_the_lists_and_purging_makes_nothing_available() {
    let outcome = concluded("cleaning-commands", 7);
    assert_eq!(cell(outcome, "empty working sets", "modified"), "700");
    assert_eq!(cell(outcome, "flush the modified list", "standby"), "1500");
    assert_eq!(cell(outcome, "purge standby, priority 0", "free"), "500");
    assert_eq!(cell(outcome, "purge standby, all", "free"), "2000");
    for row in ["flush the modified list", "purge standby, all"] {
        assert_eq!(cell(outcome, row, "available"), "4096");
    }
}

#[test]
fn memory_optimisers_raise_available_memory_and_slow_the_programs_down() {
    let outcome = concluded("optimisers", 8);
    for memory in &outcome.steps {
        let lost = |row| {
            let table = &memory.tables[1];
            let cell = table.cell(row, "time lost").expect("a time");
            cell.trim_end_matches(" ms").parse::<u32>().expect("milliseconds")
        };
        for optimiser in
            ["allocate and free", "list commands, threshold", "list commands, schedule"]
        {
            assert!(lost(optimiser) * 2 > lost("none") * 3, "{optimiser}: {}", lost(optimiser));
        }
    }
}

#[test]
fn special_memory_keeps_its_promises() {
    let outcome = concluded("special-memory", 11);
    assert_eq!(cell(outcome, "part 1 again", "its first word"), "0x100");
    assert_eq!(cell(outcome, "writing page 5 again", "GetWriteWatch gives the pages"), "[5]");
    let undone = |row| cell(outcome, row, "MEM_RESET_UNDO");
    assert_eq!(undone("reset, and stay in memory"), "STATUS_SUCCESS");
    assert_eq!(undone("reset, and pushed out"), "STATUS_UNSUCCESSFUL");
}

#[test]
fn the_same_experiment_gives_the_same_each_time() {
    for name in ["low-and-high-memory", "page-colours", "cleaning-commands"] {
        let again = Experiment::named(name).expect("there is one").run();
        assert!(again == *outcome(name), "{name} differs");
    }
}

fn pages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiments")
}

const BLESS: &str = "MEMTIDE_BLESS=1 cargo test -p memtide-sim --test experiments";

fn blesses() -> bool {
    std::env::var_os("MEMTIDE_BLESS").is_some()
}

#[test]
fn every_page_shows_what_its_experiment_gives() {
    for experiment in &EXPERIMENTS {
        let path = pages().join(format!("{}.md", experiment.name));
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        let (begin, end) = ("```text\n", "```\n");
        let parts = page.split_once(begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(end)?;
            Some((before, after))
        });
        let (before, after) = parts.unwrap_or_else(|| panic!("{}: no output", path.display()));
        let output = outcome(experiment.name).to_string();
        let shown = format!("{before}{begin}{output}{end}{after}");
        if blesses() {
            std::fs::write(&path, &shown).expect("written");
        } else {
            assert!(page == shown, "{} shows another output: {BLESS}", path.display());
        }
        for word in [&format!("# {}", experiment.question), "sim experiment", ".svg"] {
            assert!(page.contains(word), "{}: no '{word}'", path.display());
        }
    }
}

#[test]
fn every_picture_is_what_its_experiment_draws() {
    for experiment in &EXPERIMENTS {
        let path = pages().join(format!("{}.svg", experiment.name));
        let drawn = experiment.picture().svg().expect("a picture");
        if blesses() {
            std::fs::write(&path, &drawn).expect("written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == drawn, "{} is another picture: {BLESS}", path.display());
    }
}
