//! docs/KD.md shows what the debugger answers.

use std::path::Path;
use std::process::Command;

const FENCE: &str = "```";

/// The commands of a page, in their order.
fn commands(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("kd> ")).collect()
}

/// The page with each command of its `kd` blocks followed by its answer.
fn with_answers(page: &str, answers: &[&str]) -> String {
    let mut answers = answers.iter();
    let mut made = String::new();
    let mut is_within = false;
    for line in page.lines() {
        if line.starts_with(FENCE) {
            is_within = line == "```kd";
        }
        if is_within && !line.starts_with(FENCE) {
            if line.starts_with("kd> ") {
                made += answers.next().expect("an answer for each command");
            }
            continue;
        }
        made += line;
        made.push('\n');
    }
    assert_eq!(answers.next(), None, "a command for each answer");
    made
}

#[test]
fn the_walk_through_shows_what_the_debugger_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("docs/KD.md");
    let page = std::fs::read_to_string(&path).expect("docs/KD.md");
    let script = commands(&page).join("; ");
    let output = Command::new(env!("CARGO_BIN_EXE_memtide"))
        .current_dir(&root)
        .args(["kd", "scenarios/paging.toml", "--contents", "--echo", "-c", &script])
        .output()
        .expect("memtide runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let transcript = String::from_utf8(output.stdout).expect("text");
    let starts: Vec<usize> = transcript.match_indices("kd> ").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([transcript.len()]);
    let answers: Vec<&str> =
        starts.iter().zip(ends).map(|(at, end)| &transcript[*at..end]).collect();
    let made = with_answers(&page, &answers);
    for shape in ["colour flink", "ws index", "    flink ", "event: operation"] {
        assert!(made.contains(shape), "{shape}: the frames that the page looks at have moved on");
    }
    if std::env::var_os("MEMTIDE_BLESS").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let found = std::fs::read_to_string(&path).expect("docs/KD.md");
    assert!(
        found == made,
        "docs/KD.md is not what the debugger answers: \
         MEMTIDE_BLESS=1 cargo test -p memtide-cli --test kd_document"
    );
}
