//! `memtide sim run` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SMALL: &str = "\
duration = '5s'
machine = { memory = '8MiB', processors = 2 }
page_file = [{ initial = '32MiB' }]
faults = { slow = 0.1, slow_max = '1ms' }
[[process]]
name = 'editor'
count = 2
memory = '6MiB'
[[process.phase]]
pattern = 'random'
references = 50_000
";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }
}

fn sim_run(scenario: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(["sim", "run"]).arg(scenario).args(arguments);
    command.env_remove("MEMTIDE_CONFIG").output().expect("memtide runs")
}

fn done(scenario: &Path, arguments: &[&str]) -> String {
    let output = sim_run(scenario, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.is_empty(), "nothing but the report: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// What is said about a scenario that cannot be used; the path of the file is FILE.
fn refused(content: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let path = folder.write("bad.toml", content);
    let output = sim_run(&path, &[]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(output.stdout.is_empty(), "errors belong on standard error");
    errors.replace(&path.display().to_string(), "FILE")
}

/// The report as JSON, without what no seed decides.
fn json(scenario: &Path, arguments: &[&str]) -> Value {
    let mut report: Value =
        serde_json::from_str(&done(scenario, &[arguments, &["--json"]].concat())).expect("JSON");
    for field in ["elapsed", "references_per_second"] {
        let value = report.as_object_mut().expect("a record").remove(field);
        assert!(value.is_some_and(|value| value.is_number()), "{field}");
    }
    report
}

#[test]
fn the_same_scenario_and_seed_give_the_same_report_and_log_byte_for_byte() {
    let folder = Folder::new();
    let scenario = folder.write("small.toml", SMALL);
    let run = |name: &str, seed: &str| {
        let log = folder.path(name);
        let log_name = log.display().to_string();
        let report = json(&scenario, &["--seed", seed, "--log", &log_name]);
        (report.to_string(), fs::read(&log).expect("a log"))
    };
    let (first, second, other) = (run("a", "7"), run("b", "7"), run("c", "8"));
    assert_eq!(first, second);
    assert_ne!(first.0, other.0);
    assert_ne!(first.1, other.1);
}

#[test]
fn the_report_tells_what_happened() {
    let folder = Folder::new();
    let scenario = folder.write("small.toml", SMALL);
    let report = json(&scenario, &[]);
    assert_eq!(report["ending"], "done");
    assert_eq!(report["references"], 100_000);
    assert!(report["faults"]["hard"].as_u64() > Some(0), "{}", report["faults"]);
    let names: Vec<_> = report["processes"].as_array().expect("a list").iter().collect();
    assert_eq!([&names[0]["name"], &names[1]["name"]], ["editor 1", "editor 2"]);
    let text = done(&scenario, &[]);
    assert!(text.contains("editor 2") && text.contains("references 100000"), "{text}");
    let short = json(&scenario, &["--duration", "1ms"]);
    assert_eq!(short["ending"], "time-out");
}

#[test]
fn files_and_pictures_are_written_where_they_are_asked_for() {
    let folder = Folder::new();
    let scenario = folder.write("small.toml", SMALL);
    let (csv, picture) = (folder.path("csv"), folder.path("lists.svg"));
    let arguments = |csv: &Path, picture: &Path| {
        [("--csv", csv), ("--picture", picture)]
            .map(|(name, path)| [name.to_owned(), path.display().to_string()])
            .concat()
    };
    let asked = arguments(&csv, &picture);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    done(&scenario, &asked);
    let processes = fs::read_to_string(csv.join("processes.csv")).expect("a file");
    assert_eq!(processes.lines().count(), 3, "{processes}");
    let samples = fs::read_to_string(csv.join("samples.csv")).expect("a file");
    assert!(samples.lines().count() > 2, "{samples}");
    let drawn = fs::read_to_string(&picture).expect("a picture");
    assert!(drawn.starts_with("<svg"), "{}", &drawn[..40]);
    let faults = folder.path("faults.png");
    done(&scenario, &["--picture", &faults.display().to_string(), "--show", "faults"]);
    assert!(fs::read(&faults).expect("a picture").starts_with(b"\x89PNG"));
}

#[test]
fn a_picture_of_no_known_kind_is_refused_before_the_run() {
    let folder = Folder::new();
    let scenario = folder.write("small.toml", SMALL);
    let output = sim_run(&scenario, &["--picture", "lists.bmp"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("'lists.bmp'") && errors.contains(".svg or .png"), "{errors}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_malformed_scenario_names_the_file_the_place_and_what_was_expected() {
    let said = |text: &str| refused(text);
    assert_eq!(
        said("[machine]\nmemory = '64XB'\n"),
        "memtide: FILE:2:10: machine.memory: '64XB' is not a size: expected a number of bytes, or \
         one with K, M, G, T or P (as in 4096, 512M, 1.5G, 2GiB), or a number of pages, as in \
         1000p\n"
    );
    let unknown = said(&SMALL.replace("memory = '6MiB'", "memmory = '6MiB'"));
    assert!(
        unknown.starts_with("memtide: FILE:8:1: process[0].memmory: unknown field"),
        "{unknown}"
    );
    assert!(unknown.contains("the nearest is `memory`"), "{unknown}");
    let huge = said(&SMALL.replace("count = 2", "count = 99999999999999999999"));
    assert!(huge.starts_with("memtide: FILE:7:9: "), "{huge}");
    let truncated = said(&SMALL[..40]);
    assert!(truncated.starts_with("memtide: FILE:2:"), "{truncated}");
    assert_eq!(said(""), "memtide: FILE:1:1: missing field `machine`\n");
}

#[test]
fn what_is_no_text_is_refused() {
    let binary = refused(b"seed = 1\n\xff\xfe\x00");
    assert_eq!(binary, "memtide: FILE: the byte at 9 is no UTF-8: expected a text in TOML\n");
    let large = refused(vec![b'#'; (4 << 20) + 1]);
    assert!(large.contains("more than 4 MiB"), "{large}");
    let output = sim_run(Path::new("/nowhere/x.toml"), &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("/nowhere/x.toml: No such file"), "{errors}");
}

#[test]
fn a_trace_is_a_program_and_one_that_breaks_off_is_told() {
    let folder = Folder::new();
    let scenario = |trace: &str| {
        format!(
            "machine.memory = '8MiB'\npage_file = [{{ initial = '256MiB' }}]\n\
             [[process]]\nname = 'sort'\ntrace = '{trace}'\ntrace_format = 'lackey'\n"
        )
    };
    let lines = "I  04001090,3\n L 1ffeffe7e0,8\n S 1ffeffe7e8,8\n";
    folder.write("good.lackey", lines);
    let report = json(&folder.write("good.toml", scenario("good.lackey")), &[]);
    assert_eq!(report["references"], 3);
    folder.write("bad.lackey", format!("{lines} L 12zz,8\n"));
    for (trace, place) in [("bad.lackey", "bad.lackey"), ("none.lackey", "none.lackey")] {
        let output = sim_run(&folder.write("bad.toml", scenario(trace)), &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("the process 'sort'") && errors.contains(place), "{errors}");
    }
}
