//! `memtide kd` and `memtide sim replay` as a user runs them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/paging.toml")
}

fn memtide(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_memtide"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("memtide runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that takes no input may be gone before it is written.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("memtide ends")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What commands answer on a target.
fn answers(target: &Path, commands: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let target = target.display().to_string();
    let output = memtide(folder.path(), &["kd", &target, "--contents", "-c", commands], "");
    assert_eq!(code(&output), Some(0), "{commands}: {}", errors(&output));
    text(&output)
}

/// What a command that has no answer is told; the exit code is that of bad input.
fn refused(commands: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let target = scenario().display().to_string();
    let output = memtide(folder.path(), &["kd", &target, "-c", commands], "");
    assert_eq!(code(&output), Some(2), "{commands}: {}", text(&output));
    errors(&output)
}

/// A recorded run of the scenario.
fn recorded(folder: &TempDir) -> PathBuf {
    let log = folder.path().join("run.log");
    let (scenario, name) = (scenario().display().to_string(), log.display().to_string());
    let output = memtide(folder.path(), &["sim", "run", &scenario, "--log", &name], "");
    assert_eq!(code(&output), Some(0), "{}", errors(&output));
    log
}

#[test]
fn each_command_has_an_example_that_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = scenario().display().to_string();
    let list = answers(&scenario(), "?");
    let names: Vec<&str> =
        list.lines().skip(1).map_while(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 20, "{list}");
    for name in names {
        let help = answers(&scenario(), &format!("? {name}"));
        let example = help.lines().find_map(|line| line.strip_prefix("Example: "));
        let example = example.unwrap_or_else(|| panic!("{name} has an example: {help}"));
        let script = format!("t 2; {example}");
        let output = memtide(folder.path(), &["kd", &target, "--contents", "-c", &script], "");
        assert_eq!(code(&output), Some(0), "{example}: {}", errors(&output));
        let is_quiet = example == "q" || example.starts_with("g ");
        assert!(is_quiet || text(&output).lines().count() > 2, "{example}: {}", text(&output));
    }
}

#[test]
fn every_shape_of_a_frame_is_shown_as_its_own() {
    let commands = "g fault hard editor; !pfnlist state=active L1; !pfnlist state=standby L1; \
                    !pfnlist state=modified L1; !pfnlist state=transition process=editor L1";
    let listed = answers(&scenario(), commands);
    let frame_of = |state: &str| {
        let line = listed.lines().find(|line| line.split_whitespace().nth(1) == Some(state));
        line.and_then(|line| line.split_whitespace().next()).map(str::to_owned)
    };
    let shapes = [
        ("active", "ws index", "share count"),
        ("modified", "flink", "blink"),
        ("transition", "event: operation", "waiters"),
    ];
    for (state, first, second) in shapes {
        let frame = frame_of(state).unwrap_or_else(|| panic!("a {state} frame in {listed}"));
        let shown = answers(&scenario(), &format!("g fault hard editor; !pfn {frame}"));
        assert!(shown.contains(first) && shown.contains(second), "{state}: {shown}");
        for field in ["reference count", "colour", "priority 5", "pteaddress", "original pte"] {
            assert!(shown.contains(field), "{field} of {shown}");
        }
        assert!(shown.contains("owner             process 0 (editor), VA "), "{shown}");
    }
    let free = answers(&scenario(), "!pfn 7");
    assert!(free.contains("colour flink") && free.contains("Zeroed: free"), "{free}");
    // Standby frames come and go: wait for one.
    let standby = answers(&scenario(), "g 400ms; !list standby L1");
    let frame = standby.lines().find(|line| line.contains("standby")).expect("one by then");
    let frame = frame.split_whitespace().next().expect("its number");
    let shown = answers(&scenario(), &format!("g 400ms; !pfn {frame}"));
    assert!(shown.contains("Standby: its copy lies elsewhere"), "{shown}");
    assert!(shown.contains("page file 0, offset "), "{shown}");
}

#[test]
fn a_page_in_a_page_file_and_one_of_a_section_are_found_by_their_ptes() {
    let shown = answers(&scenario(), "t 3; !pte 10000 editor; !pte 10000 \"photo viewer\"");
    assert!(shown.contains("PXE"), "{shown}");
    assert!(shown.contains("VA 00000000`00010000 is PA 00000000`00000000: frame 0"), "{shown}");
    let later = answers(&scenario(), "g 1s; !pfnlist state=active section=0 L1; !pte 10000 1");
    assert!(later.contains("section 0 +"), "{later}");
    assert!(later.contains("pfn ") && later.contains("S-V  valid"), "{later}");
    let dumped = answers(&scenario(), "g 1s; .process 1; dq 10000 L1; dd 10000 L2; dq ffff000 L1");
    assert!(dumped.contains("00000000`00010000  f11e0000`00000000"), "{dumped}");
    assert!(dumped.contains("00000000`00010000  00000000 f11e0000"), "{dumped}");
    assert!(dumped.contains("????????`????????"), "{dumped}");
}

#[test]
fn what_cannot_be_carried_out_is_told_with_what_was_expected() {
    let cases = [
        ("!pfm 1", "there is no command '!pfm': did you mean !pfn?"),
        ("pfn 1", "did you mean !pfn?"),
        ("!pfn", "the frame is missing: expected !pfn FRAME"),
        ("!pfn 800", "page frame 800 is out of range: expected 0 to 7ff"),
        ("!pfn 12z", "'12z' is not a number"),
        ("!pfn 1 2", "'2' is too much: expected !pfn FRAME"),
        ("!list standby 8", "priority 8 is out of range: expected 0 to 7"),
        ("!list free 3", "only standby has priorities, and not free"),
        ("!list idle", "there is no list 'idle': expected zeroed, free, standby"),
        ("!process nobody", "there is no process 'nobody': expected 0 (editor), 1 (photo viewer)"),
        ("!object \\Device", "there is no object '\\Device': expected \\KernelObjects"),
        ("!object \\KernelObjects\\Low", "expected LowMemoryCondition"),
        ("g sometime", "'sometime' is nowhere to stop"),
        ("g fault bad", "'bad' is no kind of fault and no process"),
        ("g 10ms; g 5ms", "it is 10.000000 ms already: 5ms is over"),
        ("t 0", "0 steps: expected at least 1"),
        ("!pfnlist color=99", "colour 99 is out of range: expected 0 to f"),
        ("!pfnlist owner=1", "'owner=1': expected state=, process="),
        ("dq 10000", "hold nothing"),
        ("save", "the file is missing: expected save FILE"),
        ("? what", "there is no command 'what'"),
    ];
    for (commands, expected) in cases {
        let told = refused(commands);
        assert!(told.contains(expected), "{commands}: {told}");
        assert!(told.starts_with("memtide: -c:1: "), "{told}");
    }
}

#[test]
fn a_script_ends_at_its_first_error_and_names_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = scenario().display().to_string();
    let script = "* a comment\n.time\n!nothing; .time\n.time\n";
    let path = folder.path().join("look.kd");
    std::fs::write(&path, script).expect("written");
    let file = path.display().to_string();
    let stopped = memtide(folder.path(), &["kd", &target, "--script", &file], "");
    assert_eq!(code(&stopped), Some(2));
    assert_eq!(text(&stopped).lines().count(), 1);
    assert!(errors(&stopped).contains("look.kd:3: there is no command"), "{}", errors(&stopped));
    let went_on = memtide(folder.path(), &["kd", &target, "--keep-going", "--script", &file], "");
    assert_eq!(code(&went_on), Some(2));
    assert_eq!(text(&went_on).lines().count(), 3);
    let piped = memtide(folder.path(), &["kd", &target, "--echo"], script);
    assert_eq!(code(&piped), Some(2));
    assert!(text(&piped).starts_with("kd> .time\nsimulation "), "{}", text(&piped));
    assert!(errors(&piped).contains("standard input:3: "), "{}", errors(&piped));
    let left = memtide(folder.path(), &["kd", &target], ".time\nq\n!nothing\n");
    assert_eq!(code(&left), Some(0), "{}", errors(&left));
    let missing = memtide(folder.path(), &["kd", &target, "--script", "none.kd"], "");
    assert_eq!(code(&missing), Some(2));
    assert!(errors(&missing).contains("none.kd"), "{}", errors(&missing));
}

const LOOK: &str = "!memusage; !vm; !process 0; !vad 0; !ws 0; !pool; !conditions; !list standby; \
                    !list modified; !pfn 10; !pte 10000 0; !verify";

#[test]
fn a_snapshot_gives_the_answers_of_the_machine_it_was_made_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.snapshot");
    let save = format!("g 400ms; save {}; {LOOK}", file.display());
    let machine = answers(&scenario(), &save);
    let machine = machine.split_once("saved to").expect("it was saved").1;
    let machine = machine.split_once('\n').expect("a line").1;
    let snapshot = answers(&file, LOOK);
    // Where time went, only the simulation knows.
    let known = |text: &str| {
        let is_time = |line: &&str| !line.contains("    Time ") && !line.contains("    References");
        text.lines().filter(is_time).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(known(machine), known(&snapshot));
    assert!(snapshot.contains("the state is sound"));
    let target = file.display().to_string();
    let stepped = memtide(folder.path(), &["kd", &target, "-c", "t"], "");
    assert_eq!(code(&stepped), Some(2));
    assert!(errors(&stepped).contains("a snapshot is one moment"), "{}", errors(&stepped));
}

#[test]
fn a_recorded_run_is_the_run_at_every_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = recorded(&folder);
    for commands in
        ["g low-memory; t 20", "g 1ms; g fault hard editor; !memusage", "g 800ms; !process 0"]
    {
        let (run, replayed) = (answers(&scenario(), commands), answers(&log, commands));
        let known = |text: &str| {
            let is_own = |line: &&str| line.contains("Time ") || line.contains("References");
            text.lines().filter(|line| !is_own(line)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(known(&run), known(&replayed), "{commands}");
    }
    let ended = answers(&log, "g; !verify");
    assert!(ended.contains("the recorded run is over"), "{ended}");
    assert!(ended.contains("the state is sound"), "{ended}");
}

#[test]
fn a_replay_leads_to_the_state_that_was_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = recorded(&folder).display().to_string();
    let replay = |more: &[&str]| {
        let arguments = [&["sim", "replay", &log, "--json"], more].concat();
        let output = memtide(folder.path(), &arguments, "");
        assert_eq!(code(&output), Some(0), "{}", errors(&output));
        let found: Value = serde_json::from_str(&text(&output)).expect("JSON");
        found
    };
    let (whole, again) = (replay(&[]), replay(&["--verify-every", "1000"]));
    assert_eq!(whole, again);
    assert_eq!(whole["same"], true);
    assert_eq!(whole["digest"], whole["recorded_digest"]);
    assert!(whole["faults"]["hard"].as_u64() > Some(0), "{whole}");
    let part = replay(&["--until", "500ms"]);
    assert_eq!(part["complete"], false);
    assert_eq!(part["same"], Value::Null);
    assert!(part["time"].as_f64() <= Some(0.5), "{part}");
    assert_ne!(part["digest"], whole["digest"]);
    let schema = memtide(folder.path(), &["schema", "sim replay"], "");
    let schema: Value = serde_json::from_str(&text(&schema)).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for printed in [&whole, &part] {
        let found: Vec<_> = validator.iter_errors(printed).map(|e| e.to_string()).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn damaged_files_are_refused_with_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = recorded(&folder);
    let snapshot = folder.path().join("state.snapshot");
    answers(&scenario(), &format!("g 100ms; save {}", snapshot.display()));
    let bad = folder.path().join("bad");
    let name = bad.display().to_string();
    let try_open = |bytes: &[u8], commands: &str| {
        std::fs::write(&bad, bytes).expect("written");
        let output = memtide(folder.path(), &["kd", &name, "-c", commands], "");
        assert_eq!(code(&output), Some(2), "{}", text(&output));
        errors(&output)
    };
    for file in [&log, &snapshot] {
        let whole = std::fs::read(file).expect("a file");
        let told = try_open(&whole[..whole.len() / 2], "g");
        assert!(told.contains("cut off at byte"), "{told}");
        let mut flipped = whole.clone();
        flipped[whole.len() / 3] ^= 1;
        let told = try_open(&flipped, "g");
        assert!(told.contains("damaged in chunk"), "{told}");
        let mut newer = whole;
        let layout = newer[8];
        newer[8] += 1;
        let told = try_open(&newer, "g");
        let expected = format!("layout {}: this Memtide reads layout {layout}", layout + 1);
        assert!(told.contains(&expected), "{told}");
    }
    let told = try_open(b"\x00\x01\x02nothing of ours", "g");
    assert!(told.contains("neither a scenario, a recorded run nor a snapshot"), "{told}");
    let output = memtide(folder.path(), &["sim", "replay", &name], "");
    assert_eq!(code(&output), Some(2));
    assert!(errors(&output).contains("not a recorded run of Memtide"), "{}", errors(&output));
}

#[test]
fn a_trace_is_run_by_a_program_that_makes_its_references() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace.lackey");
    let lines: String = (0..300).map(|page| format!(" S {:x},8\n", (page + 16) << 12)).collect();
    std::fs::write(&trace, lines.repeat(2)).expect("written");
    let target = trace.display().to_string();
    let arguments =
        ["kd", &target, "--memory", "1M", "-c", "g fault hard; !process trace; g; !process"];
    let output = memtide(folder.path(), &arguments, "");
    assert_eq!(code(&output), Some(0), "{}", errors(&output));
    let shown = text(&output);
    assert!(shown.contains("by process 0 (trace), thread 0: hard"), "{shown}");
    assert!(shown.contains("every process has ended"), "{shown}");
    let none = memtide(folder.path(), &["kd", &target, "--memory", "1", "-c", ".time"], "");
    assert_eq!(code(&none), Some(2));
    assert!(errors(&none).contains("expected at least a page"), "{}", errors(&none));
}

#[test]
fn the_target_must_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = memtide(folder.path(), &["kd", "none.toml", "-c", ".time"], "");
    assert_eq!(code(&output), Some(2));
    assert!(errors(&output).contains("none.toml: No such file"), "{}", errors(&output));
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, "[machine]\nmemory = 'lots'\n").expect("written");
    let name = broken.display().to_string();
    let output = memtide(folder.path(), &["kd", &name, "-c", ".time"], "");
    assert_eq!(code(&output), Some(2));
    assert!(errors(&output).contains("broken.toml"), "{}", errors(&output));
}
