//! Tests that change what a whole process does, each in a process of its own.

use std::process::{Command, Output};

const CHILD: &str = "MEMTIDE_TEST_CHILD";

/// The longest a child may take, in seconds; SIGALRM ends it then.
const LIMIT_S: u32 = 120;

/// In the test's own process runs this test alone in another, and returns how that ended. There,
/// runs `body`, and ends with success.
///
/// `module` is `module_path!()`, `test` the name of the test function.
pub(crate) fn run(module: &str, test: &str, body: fn()) -> Output {
    let (_, path) = module.split_once("::").expect("a module within the crate");
    let name = format!("{path}::{test}");
    if std::env::var(CHILD).is_ok_and(|child| child == name) {
        // SAFETY: the call takes no pointer.
        unsafe { libc::alarm(LIMIT_S) };
        println!("{CHILD}");
        body();
        std::process::exit(0);
    }
    let program = std::env::current_exe().expect("the path of the test");
    let output = Command::new(program)
        .args([&name, "--exact", "--nocapture", "--test-threads=1", "--include-ignored"])
        .env(CHILD, &name)
        .output()
        .expect("the test can be started again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(CHILD), "there is no test {name}");
    output
}

/// As [`run`], for a child that should succeed.
pub(crate) fn succeed(module: &str, test: &str, body: fn()) -> Output {
    let output = run(module, test, body);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    output
}

/// As [`run`], for a child that should be ended by a signal.
pub(crate) fn die_by(signal: i32, module: &str, test: &str, body: fn()) -> Output {
    use std::os::unix::process::ExitStatusExt;
    let output = run(module, test, body);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(signal), "{}: {said}", output.status);
    output
}
