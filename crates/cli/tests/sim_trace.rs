//! `memtide sim trace`, `record`, `convert` and `generate` as a user runs them.
#![cfg(target_os = "linux")]

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG");
    command
}

fn memtide(arguments: &[&str]) -> Output {
    command(arguments).output().expect("memtide runs")
}

fn sim(arguments: &[&str]) -> Output {
    memtide(&[&["sim"], arguments].concat())
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command printed, held against its schema.
fn json(name: &str, output: &Output) -> Value {
    assert!(output.status.success() && output.stderr.is_empty(), "{}", errors(output));
    let printed = serde_json::from_slice(&output.stdout).expect("JSON");
    keeps_to_schema(name, &printed);
    printed
}

fn keeps_to_schema(name: &str, printed: &Value) {
    let schema = memtide(&["schema", name]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<_> = validator.iter_errors(printed).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn file(directory: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, content).expect("written");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name")
}

/// So many pages in a row, so many times, as names of objects.
fn a_loop(pages: u32, rounds: u32) -> String {
    (0..pages * rounds).map(|n| format!("{}\n", n % pages)).collect()
}

/// Whether a program that a test needs is there. Where all must be, its absence is a failure.
fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    let all_must = std::env::var_os("MEMTIDE_NEEDS_PROGRAMS").is_some();
    assert!(found || !all_must, "{program} is not installed, and MEMTIDE_NEEDS_PROGRAMS is set");
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

#[test]
fn a_trace_tells_references_faults_misses_and_its_rate() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = file(&directory, "loop.txt", a_loop(400, 5));
    let printed = json(
        "sim trace",
        &sim(&["trace", text(&trace), "--memory", "200p", "--format", "text", "--json"]),
    );
    assert_eq!(printed["references"], 2_000);
    assert_eq!(printed["faults"]["demand_zero"], 400);
    let hard = printed["faults"]["hard"].as_u64().expect("a number");
    assert!(hard > 200, "{printed}");
    let misses = (400 + hard) as f64 / 2_000.0;
    assert!((printed["miss_ratio"].as_f64().expect("a number") - misses).abs() < 1e-12);
    assert!(printed["references_per_second"].as_f64() > Some(0.0), "{printed}");
    assert_eq!(printed["memory"], 200 * 4096);
    let told = sim(&["trace", text(&trace), "--memory", "800K"]);
    let told = String::from_utf8(told.stdout).expect("text");
    assert!(told.contains("miss ratio") && told.contains("hard"), "{told}");
}

#[test]
fn memory_is_told_in_pages_in_bytes_or_left_to_be_enough() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = file(&directory, "loop.txt", a_loop(300, 3));
    let of = |memory: &[&str]| {
        let arguments = [&["trace", text(&trace), "--json"], memory].concat();
        json("sim trace", &sim(&arguments))
    };
    for memory in ["100p", "400K", "409600", "0.390625M"] {
        assert_eq!(of(&["--memory", memory])["memory"], 409_600, "{memory}");
    }
    for enough in [of(&[]), of(&["--memory", "all"])] {
        assert_eq!((&enough["memory"], &enough["faults"]["hard"]), (&Value::Null, &0.into()));
    }
}

#[test]
fn standard_input_is_a_trace_too() {
    let mut child = command(&["sim", "trace", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("memtide runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b" L 1ffeffe7e0,8\nI  04001090,3\n").expect("it is read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&printed["references"], &printed["format"]), (&2.into(), &"lackey".into()));
}

#[test]
fn what_cannot_be_used_ends_with_2_and_says_what_was_expected() {
    let directory = tempfile::tempdir().expect("a directory");
    let of = |name, content: &[u8]| file(&directory, name, content);
    let good = of("good.txt", b"1\n2\n");
    let cases: [(Vec<&str>, &[&str]); 11] = [
        (vec!["trace", "/nonexistent"], &["/nonexistent", "No such file"]),
        (vec!["trace", "/"], &["/: cannot be read", "directory"]),
        (
            vec!["trace", text(&of("empty", b""))],
            &["empty: no reference in it", "expected a trace"],
        ),
        (vec!["trace", text(&of("elf", b"\x7fELF\0\0"))], &["elf: it begins with \"\\x7fELF"]),
        (
            vec!["trace", text(&of("bad.txt", b"1\nbananas\n"))],
            &["bad.txt: line 2: \"bananas\"", "expected a number a line"],
        ),
        (vec!["trace", text(&good), "--format", "memtide"], &["good.txt: byte 0", "the magic"]),
        (vec!["trace", text(&good), "--format", "oracle"], &["'oracle'", "oracle-general"]),
        (vec!["trace", text(&good), "--memory", "0"], &["'0' is no memory", "at least a page"]),
        (vec!["trace", text(&good), "--memory", "12x"], &["'12x'", "1000p", "all"]),
        (vec!["trace", text(&good), "--memory", "99999999999p"], &["99999999999 pages", "16 TiB"]),
        (vec!["trace", text(&good), "--disk", "tape"], &["'tape'", "nvme"]),
    ];
    for (arguments, told) in cases {
        let output = sim(&arguments);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        for part in told {
            assert!(errors.contains(part), "{arguments:?}: no {part} in {errors}");
        }
    }
}

#[test]
fn a_converted_trace_runs_as_the_one_it_was_made_from() {
    let directory = tempfile::tempdir().expect("a directory");
    let lackey: String =
        (0..3_000_u64).map(|n| format!(" S {:x},8\n", 0x10_0000 + n * n % 700 * 4090)).collect();
    let trace = file(&directory, "a.lackey", lackey);
    let of = |trace: &Path| {
        let printed = json("sim trace", &sim(&["trace", text(trace), "--memory", "64p", "--json"]));
        ["references", "faults", "miss_ratio", "own", "waited"].map(|field| printed[field].clone())
    };
    for unit in ["byte", "page"] {
        let converted = directory.path().join(unit);
        let arguments = ["convert", text(&trace), "--unit", unit, "-o", text(&converted), "--json"];
        let printed = json("sim convert", &sim(&arguments));
        assert_eq!(printed["bytes"], fs::metadata(&converted).expect("written").len());
        assert_eq!(of(&converted), of(&trace));
    }
}

#[test]
fn a_conversion_that_fails_leaves_what_was_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let there = file(&directory, "there.memtide", "what was there");
    let bad = file(&directory, "bad.txt", format!("{}x y z\n", a_loop(10, 10_000)));
    let output = sim(&["convert", text(&bad), "-o", text(&there)]);
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert_eq!(fs::read(&there).expect("it is there"), b"what was there");
    assert_eq!(fs::read_dir(&directory).expect("a folder").count(), 2, "nothing is left behind");
    let output = sim(&["convert", text(&there), "-o", "/nonexistent/folder/out"]);
    assert!(errors(&output).contains("there.memtide"), "{}", errors(&output));
    let good = file(&directory, "good.txt", "1\n");
    let output = sim(&["convert", text(&good), "-o", "/nonexistent/folder/out"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(errors(&output).contains("/nonexistent/folder/out"), "{}", errors(&output));
}

#[test]
fn a_generated_trace_is_the_same_in_both_formats_and_each_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let generate = |name: &str, more: &[&str]| {
        let path = directory.path().join(name);
        let arguments = ["generate", "--pages", "500", "--references", "20000", "--json", "-o"];
        let printed = sim(&[&arguments[..], &[text(&path)], more].concat());
        assert_eq!(json("sim generate", &printed)["references"], 20_000);
        path
    };
    let misses = |trace: &Path| {
        let output = sim(&["trace", text(trace), "--memory", "100p", "--json"]);
        json("sim trace", &output)["faults"].clone()
    };
    let ours = generate("a", &[]);
    assert_eq!(fs::read(&ours).expect("it"), fs::read(generate("b", &[])).expect("it"));
    assert_eq!(misses(&ours), misses(&generate("c", &["--as", "oracle-general"])));
    assert_ne!(misses(&ours), misses(&generate("d", &["--seed", "2"])));
    assert_ne!(misses(&ours), misses(&generate("e", &["--pattern", "random"])));
    let output = sim(&["generate", "--alpha", "-1", "-o", text(&directory.path().join("f"))]);
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("-1"), "{}", errors(&output));
}

/// Records a program, and runs what was recorded whole, with memory enough and with a quarter.
fn recorded_and_run(directory: &TempDir, program: &[&str]) -> (Output, Value) {
    let path = directory.path().join("recorded.memtide");
    let output = sim(&[&["record", "-o", text(&path), "--"], program].concat());
    assert!(path.exists(), "{}", errors(&output));
    let whole = json("sim trace", &sim(&["trace", text(&path), "--json"]));
    assert_eq!(whole["faults"]["hard"], 0, "{whole}");
    let quarter = whole["pages"].as_u64().expect("a number") / 4;
    let memory = format!("{quarter}p");
    let short = json("sim trace", &sim(&["trace", text(&path), "--memory", &memory, "--json"]));
    for field in ["references", "pages"] {
        assert_eq!(short[field], whole[field], "{field}");
    }
    assert!(short["faults"]["hard"].as_u64() > Some(0), "{short}");
    (output, whole)
}

#[test]
fn sort_is_recorded_and_runs_whole() {
    if !is_there("valgrind") || !is_there("sort") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let words: String = (0..300_u32).rev().map(|n| format!("{n:05}\n")).collect();
    let words = file(&directory, "words", words);
    let (output, whole) = recorded_and_run(&directory, &["sort", text(&words)]);
    // Its output is its own.
    let sorted: String = (0..300).map(|n| format!("{n:05}\n")).collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout), sorted);
    assert_eq!(output.status.code(), Some(0));
    assert!(whole["references"].as_u64() > Some(200_000), "{whole}");
    let told = errors(&output);
    assert!(told.contains(&format!("{} references", whole["references"])), "{told}");
}

#[test]
fn sqlite3_is_recorded_and_runs_whole() {
    if !is_there("valgrind") || !is_there("sqlite3") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let query = "create table t(a, b); insert into t values (1, 2), (3, 4); select sum(b) from t;";
    let (output, whole) = recorded_and_run(&directory, &["sqlite3", ":memory:", query]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "6\n");
    assert!(whole["references"].as_u64() > Some(1_000_000), "{whole}");
}

#[test]
fn python3_is_recorded_and_runs_whole() {
    if !is_there("valgrind") || !is_there("python3") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    // Its own program, not a script of the shell that looks for one.
    let found = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(found.expect("python3 runs").stdout).expect("a path");
    let program = [python.trim(), "-I", "-S", "-E", "-c", "print(sum(range(10)))"];
    let (output, whole) = recorded_and_run(&directory, &program);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "45\n");
    assert!(whole["references"].as_u64() > Some(5_000_000), "{whole}");
}

#[test]
fn a_recorded_program_keeps_its_input_and_its_exit_code() {
    if !is_there("valgrind") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shell.memtide");
    let record = |script: &str| {
        let mut child = command(&["sim", "record", "-o", text(&path), "--", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("memtide runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"heard\n").expect("it is read");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    };
    let output = record("read word; echo $word; echo oops >&2; exit 7");
    assert_eq!(output.status.code(), Some(7), "{}", errors(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "heard\n");
    assert!(errors(&output).starts_with("oops\n"), "{}", errors(&output));
    let output = record("kill -TERM $$");
    assert_eq!((output.status.code(), output.status.signal()), (Some(128 + 15), None));
    // What was made until then is a whole trace.
    let printed = json("sim trace", &sim(&["trace", text(&path), "--json"]));
    assert!(printed["references"].as_u64() > Some(10_000), "{printed}");
}

#[test]
fn a_program_that_is_not_there_leaves_no_trace() {
    if !is_there("valgrind") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("none.memtide");
    let output = sim(&["record", "-o", text(&path), "--", "/nonexistent/program"]);
    assert_eq!(output.status.code(), Some(127), "{}", errors(&output));
    assert!(errors(&output).contains("is not written"), "{}", errors(&output));
    assert!(!path.exists());
}

#[test]
fn without_valgrind_it_says_what_to_install() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("none.memtide");
    let output = command(&["sim", "record", "-o", text(&path), "--", "sort"])
        .env("PATH", "/nonexistent")
        .output()
        .expect("memtide runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(errors(&output).contains("valgrind is not installed"), "{}", errors(&output));
    assert!(errors(&output).contains("install the package valgrind"), "{}", errors(&output));
    assert!(!path.exists());
}
