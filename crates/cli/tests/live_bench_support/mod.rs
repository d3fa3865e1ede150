//! Running `memtide live bench`.
#![allow(dead_code, reason = "each test executable uses a part of it")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command, not yet run.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn memtide(arguments: &[&str]) -> Output {
    command(arguments).output().expect("memtide runs")
}

/// A directory on a real disk, which a directory for temporary files may not be.
pub(crate) fn disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// Runs the benchmark with its files in a directory.
pub(crate) fn bench(directory: &Path, arguments: &[&str]) -> Output {
    let directory = directory.to_str().expect("a name");
    memtide(&[&["live", "bench", "--directory", directory], arguments].concat())
}

/// What was said on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it prints as JSON, held against its schema.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let directory = disk();
    let output = bench(directory.path(), &[arguments, &["--json"]].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    let printed = serde_json::from_slice(&output.stdout).expect("JSON");
    let schema = memtide(&["schema", "live bench"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let left = directory.path().read_dir().expect("a listing").count();
    assert_eq!(left, 0, "files are left behind");
    printed
}

/// The rows of what was printed.
pub(crate) fn rows(printed: &Value) -> &[Value] {
    printed["rows"].as_array().expect("rows")
}
