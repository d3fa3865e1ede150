//! `memtide sim policies` as a user runs it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").output().expect("memtide runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(command: &str, trace: &str, arguments: &[&str]) -> Value {
    let output = memtide(&[&["sim", command, trace, "--json"], arguments].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    let printed = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema = memtide(&["schema", &format!("sim {command}")]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    printed
}

/// 60000 references to 3000 pages by the law of Zipf.
fn popular_pages(directory: &tempfile::TempDir) -> String {
    let path: PathBuf = directory.path().join("zipf.memtide");
    let path = path.to_str().expect("a name").to_owned();
    let made = memtide(&[
        "sim",
        "generate",
        "--pattern",
        "zipf",
        "--pages",
        "3000",
        "--references",
        "60000",
        "-o",
        &path,
    ]);
    assert!(made.status.success(), "{}", stderr(&made));
    path
}

/// Misses by policy, of one size of memory.
fn misses(printed: &Value, memory: u64) -> BTreeMap<String, u64> {
    let policies = printed["policies"].as_array().expect("policies");
    let of_memory = policies.iter().filter(|policy| policy["memory_pages"] == memory);
    let named = of_memory.map(|policy| {
        let name = policy["policy"].as_str().expect("a name").to_owned();
        (name, policy["misses"].as_u64().expect("misses"))
    });
    named.collect()
}

#[test]
fn every_policy_runs_with_every_memory_and_none_beats_the_optimum() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = popular_pages(&directory);
    let printed = json("policies", &trace, &["--memory", "100p,2M"]);
    assert_eq!(printed["references"], 60_000);
    for memory in [100, 512] {
        let misses = misses(&printed, memory);
        assert_eq!(misses.len(), 6, "{misses:?}");
        // The manager reads ahead where it is not compared page by page.
        let page_by_page = misses.iter().filter(|(name, _)| *name != "memtide-reading-ahead");
        for (name, count) in page_by_page {
            assert!(*count >= misses["optimum"], "{name}: {misses:?}");
        }
        // Far from the best at worst: within a quarter more misses than LRU.
        assert!(misses["memtide"] * 4 <= misses["lru"] * 5, "{misses:?}");
    }
}

#[test]
fn with_memory_enough_every_policy_misses_once_a_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = popular_pages(&directory);
    let printed = json("policies", &trace, &["--memory", "64M"]);
    let pages = printed["pages"].as_u64().expect("pages");
    let misses = misses(&printed, 16_384);
    assert!(misses.len() == 6 && misses.values().all(|count| *count == pages), "{misses:?}");
}

#[test]
fn lru_misses_as_often_as_the_curve_of_fit_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = popular_pages(&directory);
    let memories = ["--memory", "10p,100p,1000p,2000p"];
    let fit = json("fit", &trace, &memories);
    let policies = json("policies", &trace, &[&memories[..], &["--policy", "lru"]].concat());
    for size in fit["sizes"].as_array().expect("sizes") {
        let of_fit =
            size["hard_faults"].as_u64().expect("faults") + fit["pages"].as_u64().expect("pages");
        let memory = size["pages"].as_u64().expect("pages");
        assert_eq!(misses(&policies, memory)["lru"], of_fit, "{memory} pages");
    }
}

#[test]
fn what_cannot_be_used_is_told_with_what_was_expected() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = popular_pages(&directory);
    let cases: [(&[&str], &str); 5] = [
        (&[], "--memory <SIZE>"),
        (&["--memory", "0p"], "'0p' is no memory: expected at least a page"),
        (&["--memory", "17T"], "expected at most 4294967294, nearly 16 TiB"),
        (&["--memory", "1M", "--policy", "fifo"], "s3-fifo"),
        (&["--memory", "1M", "--reference-time", "soon"], "such as 500ms"),
    ];
    for (arguments, expected) in cases {
        let output = memtide(&[&["sim", "policies", &trace], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let missing = memtide(&["sim", "policies", "nowhere.memtide", "--memory", "1M"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("nowhere.memtide"), "{}", stderr(&missing));
}
